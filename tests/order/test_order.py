"""The notebooks as students run them: cells twice, sections without those before, long cells interrupted.

`make test-order` runs these tests, `make test` does not: they take about four times as long as the notebooks.
"""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

from tests import rules
from tests.notebooks import NOTEBOOKS, from_script, scripts

LONG = 2.0  # seconds: a cell that one might interrupt
FORGET = "get_ipython().run_line_magic('reset', '-f')"


class Kernel:
    """Runs cells, and notes what went wrong."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient, setup: str) -> None:
        self.manager, self.client, self.setup, self.faults = manager, client, setup, []

    def begin(self) -> None:
        """Forget every name, then run the set-up cell."""
        self.run(FORGET, "forgetting")
        self.run(self.setup, "the set-up cell")

    def run(self, code: str, what: str, interrupt_after: float | None = None) -> tuple[float, bool]:
        """Run a cell, interrupted after so many seconds; return how long it took, and whether it ended well."""
        begun, allowed = time.perf_counter(), "KeyboardInterrupt" if interrupt_after else None
        timer = threading.Timer(interrupt_after or 0, self.manager.provisioner.process.send_signal, [signal.SIGINT])
        if interrupt_after:
            timer.start()
        reply = self.client.execute_interactive(code, stop_on_error=False, output_hook=lambda _: None, timeout=300)[
            "content"
        ]
        timer.cancel()
        if interrupt_after:  # a signal that came as the cell ended hits this one
            self.client.execute_interactive("pass", stop_on_error=False, output_hook=lambda _: None, timeout=300)
        if reply["status"] != "ok" and reply.get("ename") != allowed:
            self.faults.append(f"{what}: {reply.get('ename')}: {reply.get('evalue')}")
        return time.perf_counter() - begun, reply["status"] == "ok"


@pytest.fixture(scope="module", params=scripts("[0-9]"), ids=lambda script: script.stem)
def script(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture(scope="module")
def sections(script: Path) -> list[tuple[str, list[tuple[int, str]]]]:
    return list(rules.sections(from_script(script)).items())


@pytest.fixture(scope="module")
def seconds() -> dict[int, float]:
    """How long each cell took."""
    return {}


@pytest.fixture(scope="module")
def kernel(script: Path) -> Iterator[Kernel]:
    manager, client = start_new_kernel(startup_timeout=300, cwd=str(NOTEBOOKS))
    try:
        yield Kernel(manager, client, rules.code_cells(from_script(script))[0][1].source)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_each_section_runs_after_the_set_up_alone_and_each_cell_twice(
    kernel: Kernel, sections: list, seconds: dict[int, float]
) -> None:
    for heading, cells in sections:
        kernel.begin()
        for number, code in cells:
            seconds[number], _ = kernel.run(code, f"{heading}, cell {number}")
            kernel.run(code, f"{heading}, cell {number}, the second time")
    print(f"{len(sections)} sections alone, {len(seconds)} cells twice")
    assert not kernel.faults, "\n".join(kernel.faults)


def test_after_an_interrupt_each_cell_and_the_next_section_run(
    kernel: Kernel, sections: list, seconds: dict[int, float]
) -> None:
    kernel.faults.clear()
    ended_well = []
    for place, (heading, cells) in enumerate(sections):
        if not any(seconds[number] > LONG for number, _ in cells):
            continue
        kernel.begin()
        for at, (number, code) in enumerate(cells):
            if seconds[number] > LONG:
                what = f"{heading}, cell {number}, interrupted"
                ended_well.append(kernel.run(code, what, seconds[number] / 3)[1])
                short = itertools.takewhile(lambda cell: seconds[cell[0]] <= LONG, cells[at + 1 :])
                for later, later_code in short if ended_well[-1] else ():  # what there is must be enough for them
                    kernel.run(later_code, f"{heading}, cell {later}, after cell {number} was interrupted")
            kernel.run(code, f"{heading}, cell {number}, after the interrupt")
        if seconds[number] > LONG:
            what = f"{heading}, cell {number}, interrupted again"
            ended_well.append(kernel.run(code, what, 0.5)[1])
        next_heading, next_cells = sections[(place + 1) % len(sections)]
        for number, code in next_cells:
            kernel.run(code, f"{next_heading}, cell {number}, after an interrupt in {heading}")
    print(f"{len(ended_well)} interrupts, {ended_well.count(False)} of them ended the cell")
    assert not kernel.faults, "\n".join(kernel.faults)
