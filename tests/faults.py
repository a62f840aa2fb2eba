"""The table of faults in ``tests/README.md``: each row is held to what its test saw."""

from __future__ import annotations

import re
from pathlib import Path

TABLE = Path(__file__).with_name("README.md")


def rows() -> dict[str, str]:
    """What the user sees, by the name of the fault."""
    cells = [line.strip("| ").split(" | ") for line in TABLE.read_text("utf8").splitlines() if line.startswith("| ")]
    return {fault: seen for fault, _, seen in cells if fault != "fault"}


def check_row(fault: str, said: str) -> None:
    """The sentence in the fault's row is what was seen; an ellipsis stands for anything."""
    sentence = re.search("`(.*)`", rows()[fault])[1]
    pattern = ".*".join(re.escape(part.strip()) for part in sentence.split("…"))
    assert re.search(pattern, said, re.DOTALL), f"{TABLE} says of {fault!r}: {rows()[fault]}; what was seen: {said}"
