"""Files of weights arrive whole, or the user soon reads which file to put where; nobody waits in silence."""

from __future__ import annotations

import ast
import concurrent.futures
import functools
import gc
import hashlib
import http.server
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import filelock
import h5py
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format
from tqdm import tqdm

import helpers
from helpers import downloads, keras, models
from helpers.downloads import fetch
from helpers.errors import WeightsUnavailable
from tests.faults import check_row

CONTENT = bytes(range(256)) * 400
MD5, SHA256 = hashlib.md5(CONTENT).hexdigest(), hashlib.sha256(CONTENT).hexdigest()
TRICKLE = b"a byte at a time"
HTML = b"<!doctype html><title>Sign in to the campus network</title>"
RESNET = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
VGG16 = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
SILENCE = 1.0
LONG = 300.0  # seconds, for a process that imports TensorFlow on a busy machine
PATIENCE = 8.0  # seconds; a busy machine needs longer than SILENCE to say no


class Handler(http.server.BaseHTTPRequestHandler):
    """Each address is one way in which a server can behave."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        getattr(self, self.path[1:].partition(".")[0])()

    def begin(self, length: int = len(CONTENT)) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def right(self) -> None:
        self.begin()
        self.wfile.write(CONTENT)

    def wrong(self) -> None:
        self.begin()
        self.wfile.write(CONTENT[::-1])

    def page(self) -> None:
        self.begin(len(HTML))
        self.wfile.write(HTML)

    def missing(self) -> None:
        self.send_error(404)

    def failing(self) -> None:
        self.send_error(500)

    def circle(self) -> None:
        self.redirect(self.path)

    def aside(self) -> None:
        self.redirect("file:///etc/passwd")

    def redirect(self, to: str) -> None:
        self.send_response(302)
        self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def pieces(self) -> None:
        """In chunks: how long the file is nobody knows before."""
        self.protocol_version = "HTTP/1.1"
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for start in range(0, len(CONTENT), 1000):
            data = CONTENT[start : start + 1000]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
            if self.path == "/pieces.cut" and start > 9000:
                break
        else:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def cut(self) -> None:
        """It does not say how long the file is, and stops early."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(CONTENT[:5000])

    def slow_head(self) -> None:
        """A head that never ends, a line now and then."""
        self.send_response(200)
        for number in range(100):
            self.send_header(f"X-{number}", "more")
            self.flush_headers()
            if self.server.closing.wait(SILENCE / 4):
                break

    def trickle(self) -> None:
        """A byte now and then, always before one has waited too long."""
        self.begin(len(TRICKLE))
        for byte in TRICKLE:
            self.wfile.write(bytes([byte]))
            time.sleep(SILENCE / 4)

    def stops(self) -> None:
        """``/stops.1000`` sends so many bytes and then nothing."""
        self.begin()
        self.wfile.write(CONTENT[: int(self.path.partition(".")[2])])
        self.server.closing.wait(60)

    def half(self) -> None:
        self.begin()
        self.wfile.write(CONTENT[: len(CONTENT) // 2])

    def silent(self) -> None:
        self.server.closing.wait(60)

    def stalls(self) -> None:
        self.half()
        self.server.closing.wait(60)

    def drips(self) -> None:
        self.begin()
        for start in range(0, len(CONTENT), len(CONTENT) // 20):
            self.wfile.write(CONTENT[start : start + len(CONTENT) // 20])
            time.sleep(0.1)  # in all longer than SILENCE

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[http.server.ThreadingHTTPServer]:
    """A server on this machine; ``asked`` lists what was asked of it."""
    monkeypatch.setattr(downloads, "SILENCE", SILENCE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.asked, httpd.closing = [], threading.Event()
        httpd.address = f"http://127.0.0.1:{httpd.server_port}"
        httpd.handle_error = lambda *_: None  # the other side went away, as it should
        threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
        yield httpd
        httpd.closing.set()
        httpd.shutdown()


def refusal(url: str, path: Path, file_hash: str | None = MD5) -> str:
    """Fetch what cannot be fetched: the message, which came soon, says what to do and leaves nothing behind."""
    before, start = {file: file.read_bytes() for file in path.parent.glob("*")}, time.monotonic()
    with pytest.raises(WeightsUnavailable) as caught:
        fetch(url, path, file_hash, lambda: "about 7 MB")
    assert time.monotonic() - start < PATIENCE
    assert {file: file.read_bytes() for file in path.parent.glob("*")} == before
    for part in (path.name, str(path.parent), "about 7 MB", url):
        assert part in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("file_hash", [MD5, SHA256, SHA256.upper(), None], ids=["MD5", "SHA256", "capitals", "none"])
def test_right_file_arrives_and_is_asked_for_once(server: Any, tmp_path: Path, file_hash: str | None) -> None:
    path = tmp_path / "new folder" / "models" / "weights.bin"
    for _ in range(2):
        assert fetch(f"{server.address}/right", path, file_hash, str) == path
        assert path.read_bytes() == CONTENT and list(path.parent.iterdir()) == [path]
    assert server.asked == ["/right"]


def test_slow_download_goes_on_and_shows_it(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bars: list[tqdm] = []

    def show(**options: Any) -> tqdm:
        bars.append(tqdm(**options, file=io.StringIO(), disable=False))
        return bars[-1]

    monkeypatch.setattr(downloads, "progress_bar", show)
    assert fetch(f"{server.address}/drips", tmp_path / "weights.h5", MD5, str).read_bytes() == CONTENT
    assert bars[-1].n == bars[-1].total == len(CONTENT)


def test_several_at_once_each_get_the_whole_file(server: Any, tmp_path: Path) -> None:
    """As notebooks do that are started together; whoever comes late finds it there."""
    ask = functools.partial(fetch, f"{server.address}/drips", tmp_path / "weights.h5", SHA256, str)
    with concurrent.futures.ThreadPoolExecutor(4) as executor:
        waiting = [executor.submit(ask) for _ in range(4)]
    assert {future.result().read_bytes() for future in waiting} == {CONTENT}
    assert [path.name for path in tmp_path.iterdir()] == ["weights.h5"]


@pytest.mark.parametrize("damaged", [CONTENT[:100], b"", HTML], ids=["cut", "empty", "page"])
def test_damaged_file_in_the_cache_is_replaced(server: Any, tmp_path: Path, damaged: bytes) -> None:
    path = tmp_path / "weights.h5"
    path.write_bytes(damaged)
    assert fetch(f"{server.address}/right", path, SHA256, str).read_bytes() == CONTENT


REASONS = {  # way of the server: the row of the table of faults, what the message must say
    "wrong": ("another file", "not the right one"),
    "page": ("a web page in place of the file", "not the right one"),
    "missing": ("the file is not there", "404"),
    "half": ("the server ends early", "the connection broke"),
    "silent": ("the server is silent", "no byte for"),
    "stalls": ("the server falls silent half way", "no byte for"),
    "failing": ("the server fails", "500"),
    "circle": ("redirected in a circle", "Exceeded 30 redirects"),
    "aside": ("redirected to a file of this machine", "file:///etc/passwd"),
    "cut": ("the server ends early and has not said how long the file is", "not the right one"),
    "pieces.cut": ("the server ends in the middle of a chunk", "the connection broke"),
}


@pytest.mark.parametrize("cached", [None, CONTENT[:100]], ids=["empty cache", "damaged file"])
@pytest.mark.parametrize("way", REASONS)
def test_bad_servers(server: Any, tmp_path: Path, way: str, cached: bytes | None) -> None:
    if cached:
        (tmp_path / "weights.h5").write_bytes(cached)
    message = refusal(f"{server.address}/{way}", tmp_path / "weights.h5")
    fault, words = REASONS[way]
    assert words in message and ("damaged" if cached else "is not in") in message
    check_row(fault, message)


def test_web_page_is_no_file_of_weights(server: Any, tmp_path: Path) -> None:
    """Some of Keras' files have no hash."""
    assert "not the right one" in refusal(f"{server.address}/page", tmp_path / "weights.h5", None)
    (tmp_path / "weights.h5").write_bytes(HTML)
    said = refusal(f"{server.address}/page", tmp_path / "weights.h5", None)
    check_row("a web page in the cache, under the name of a file that has no hash", said)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the socket that was left alone
def test_head_that_never_ends(server: Any, tmp_path: Path) -> None:
    """Each line comes in time, the answer never does."""
    said = refusal(f"{server.address}/slow_head", tmp_path / "weights.h5")
    check_row("an answer whose head never ends", said)
    server.closing.set()
    time.sleep(SILENCE / 2)
    gc.collect()


def test_port_that_refuses(server: Any, tmp_path: Path) -> None:
    check_row("the server refuses", refusal("http://127.0.0.1:9/weights.h5", tmp_path / "weights.h5"))
    assert not server.asked


def test_proxy_that_refuses(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens where the proxy should be; or it listens and lets nobody through."""
    for proxy in ("http://127.0.0.1:9", server.address):
        monkeypatch.setenv("https_proxy", proxy)
        said = refusal("https://weights.example/weights.h5", tmp_path / "weights.h5")
        check_row("the proxy refuses", said)
    assert not server.asked


def test_name_look_up_that_hangs(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, **__: object) -> list:
        server.closing.wait(60)
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    check_row("the look-up of the name hangs", refusal(f"{server.address}/right", tmp_path / "weights.h5"))


def test_late_answer_leaves_nothing_behind(server: Any, tmp_path: Path) -> None:
    """A download that was given up does not come back to life in the folder."""
    refusal(f"{server.address}/stalls", tmp_path / "weights.h5")
    server.closing.set()
    for thread in threading.enumerate():
        if thread.name.startswith("download of"):
            thread.join(PATIENCE)
    assert not list(tmp_path.iterdir())


def test_slow_disk_is_not_a_silent_network(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda *args: time.sleep(1.2 * SILENCE) or digest(*args))
    for _ in range(2):
        assert fetch(f"{server.address}/right", tmp_path / "weights.h5", MD5, str).read_bytes() == CONTENT


def test_folder_that_cannot_be_made(server: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(WeightsUnavailable, match=r"weights\.h5") as caught:
        fetch(f"{server.address}/right", tmp_path / "file" / "weights.h5", MD5, str)
    check_row("a file where the folder should be", str(caught.value))


def test_slow_drip_goes_on_and_every_byte_shows(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow: nobody waits for a block to be full."""
    steps: list[int] = []
    bar = mock.MagicMock()
    bar.__enter__.return_value.update = steps.append
    bar.__enter__.return_value.n = 0
    monkeypatch.setattr(downloads, "progress_bar", lambda **_: bar)
    assert fetch(f"{server.address}/trickle", tmp_path / "weights.bin", None, str).read_bytes() == TRICKLE
    assert sum(steps) == len(TRICKLE) and len([step for step in steps if step]) > len(TRICKLE) / 2
    check_row("a byte now and then", f"a bar that moved {sum(steps)} bytes in {len(steps)} steps")


def test_file_that_comes_in_chunks(server: Any, tmp_path: Path) -> None:
    assert fetch(f"{server.address}/pieces", tmp_path / "weights.h5", MD5, str).read_bytes() == CONTENT


FETCH = """import sys, pathlib, hashlib
from helpers import downloads
path = downloads.fetch(sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3], str)
print(hashlib.md5(path.read_bytes()).hexdigest())"""


def python(code: str, *arguments: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run it in a process of its own, which finds what this one finds."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=environment(env), capture_output=True, text=True, check=False, timeout=LONG)


def environment(changes: dict[str, str] | None = None) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | (changes or {})


def start(*arguments: object, **changes: str) -> subprocess.Popen[str]:
    """Fetch in another process, which is not waited for."""
    command, pipe = [sys.executable, "-c", FETCH, *map(str, arguments)], subprocess.PIPE
    return subprocess.Popen(command, env=environment(changes), stdout=pipe, stderr=pipe, text=True)


@pytest.mark.parametrize("sent", [0, 1, 70_000, len(CONTENT) - 1])
def test_killed_at_any_byte_and_started_again(server: Any, tmp_path: Path, sent: int) -> None:
    """What is left behind is never loaded, does not get more, and is gone after the next download."""
    path = tmp_path / "weights.h5"
    for _ in range(2):
        with start(f"{server.address}/stops.{sent}", path, MD5) as process:
            until(lambda: any(server.asked) and sum(file.stat().st_size for file in tmp_path.glob("part-*")) >= sent)
            process.kill()
        assert process.returncode == -signal.SIGKILL and not path.exists()
        assert len(list(tmp_path.iterdir())) <= 2
        server.asked.clear()
    assert fetch(f"{server.address}/right", path, MD5, str).read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [path]
    check_row("killed at any byte, twice, and started again", f"{path.name} is there and nothing else")


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_eight_processes_and_one_download(server: Any, tmp_path: Path) -> None:
    """A class on one shared home: one process downloads, the others wait for it and show how far it is."""
    processes = [start(f"{server.address}/drips", tmp_path / "weights.h5", MD5) for _ in range(8)]
    said = [process.communicate(timeout=LONG) for process in processes]
    assert [out for out, _ in said] == [f"{MD5}\n"] * 8
    assert server.asked == ["/drips"] and [path.name for path in tmp_path.iterdir()] == ["weights.h5"]
    check_row("eight processes start together", f"{len(said)} loads, {len(server.asked)} download")


def test_who_waits_sees_the_download_of_the_other_grow(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, shown = tmp_path / "weights.h5", io.StringIO()
    monkeypatch.setattr(downloads, "progress_bar", lambda **options: tqdm(**options, file=shown, disable=False))
    waiting, sizes = threading.Event(), ("10.0k", "20.0k", "30.0k")

    def other() -> None:
        with filelock.FileLock(f"{path}.lock"):
            waiting.set()
            for size in sizes:
                (tmp_path / "part-weights.h5").write_bytes(CONTENT[: int(float(size[:-1]) * 1000)])
                until(lambda size=size: f"another process is at weights.h5: {size}B" in shown.getvalue())
            path.write_bytes(CONTENT)

    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        writing = executor.submit(other)
        waiting.wait(LONG)
        assert fetch(f"{server.address}/right", path, MD5, str).read_bytes() == CONTENT
        writing.result()
    assert not server.asked and [file.name for file in tmp_path.iterdir()] == ["weights.h5"]
    check_row("another process is downloading", shown.getvalue())


def test_process_that_holds_the_file_and_does_nothing(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "STUCK", 1)
    with filelock.FileLock(tmp_path / "weights.h5.lock"):
        said = refusal(f"{server.address}/right", tmp_path / "weights.h5")
    check_row("another process holds the file and does nothing", said.replace(" 1 seconds", " 60 seconds"))
    assert not server.asked


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limits for processes")
def test_file_that_may_not_grow(server: Any, tmp_path: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
    run = python(limit + FETCH, f"{server.address}/right", tmp_path / "weights.h5", MD5)
    assert "WeightsUnavailable: weights.h5 is not in" in run.stderr and "File too large" in run.stderr
    check_row("a limit for the size of files", run.stderr)
    assert not list(tmp_path.iterdir())


def test_full_disk(server: Any, tmp_path: Path) -> None:
    """A real one, of 64 kB, where this user may mount it."""
    ours = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = 'mount -t tmpfs -o size=64k tmpfs "$1"'
    if not shutil.which("unshare") or subprocess.run([*ours, mount, "", tmp_path], check=False).returncode:
        pytest.skip("no disk can be mounted here")
    script = f'{mount}; "$2" -c "$3" "$4" "$1/weights.h5" "$5"; ls -A "$1"'
    arguments = [tmp_path, sys.executable, FETCH, f"{server.address}/right", MD5]
    run = subprocess.run(
        [*ours, script, "", *arguments], env=environment(), capture_output=True, text=True, check=False
    )
    assert "No space left on device" in run.stderr and "set KERAS_HOME to another folder" in run.stderr
    assert "WeightsUnavailable: weights.h5 is not in" in run.stderr and run.stdout == ""
    check_row("the disk is full", run.stderr)


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A folder into which this process cannot write, even if it is root's."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        (Path(folder) / "weights.h5").write_bytes(CONTENT)
        os.chmod(folder, 0o555)
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        if root:
            os.seteuid(65534)
        yield Path(folder)
        if root:
            os.seteuid(0)
        os.chmod(folder, 0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no read-only folders")
def test_read_only_folder(server: Any, read_only: Path) -> None:
    """What is there is loaded; what is not cannot be brought."""
    assert fetch(f"{server.address}/right", read_only / "weights.h5", MD5, str).read_bytes() == CONTENT
    for path in (read_only / "other.h5", read_only / "new folder" / "other.h5"):
        said = refusal(f"{server.address}/right", path)
        check_row("a folder that may not be written", said)
    assert not server.asked


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Keras cache, no network, and nobody has asked for a network by name."""
    monkeypatch.setattr(downloads, "keras_cache", lambda: tmp_path)
    monkeypatch.delenv("CNN_MODEL")
    return tmp_path


def test_named_network_that_cannot_be_had(tmp_path: Path) -> None:
    code = "import helpers\nmodel = helpers.load_model('vgg16')"
    run = python(code, env={"KERAS_HOME": str(tmp_path)})
    said = run.stderr.splitlines()[-1]
    for part in ("WeightsUnavailable: ", f"{VGG16} is not in {tmp_path / 'models'}", "about 59 MB", "no connection"):
        assert part in said
    assert not run.stdout
    check_row("no network, and a network that is asked for by name", said)


def test_default_network_falls_back_to_the_bundled_one(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = helpers.load_model()
    said = capsys.readouterr()
    assert model.name == "mini_vgg16" and not said.err and said.out.count("\n") == 1
    for part in ("mini_vgg16: 13 convolutions", "bundled weights", "in place of vgg16", f"{VGG16} is not in {cache}"):
        assert part in said.out
    check_row("no network, and no network asked for by name", said.out)


def test_environment_chooses(cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CNN_MODEL", "vgg16")
    with pytest.raises(WeightsUnavailable, match=f"{VGG16}.*about 59 MB"):
        helpers.load_model()
    monkeypatch.setenv("CNN_WEIGHTS", "none")
    model = helpers.load_model()
    assert model.name == "vgg16" and model.count_params() == 14_714_688
    assert "random weights" in capsys.readouterr().out


def test_damaged_keras_file_is_never_loaded(cache: Path) -> None:
    (cache / RESNET).write_bytes(CONTENT)
    with pytest.raises(WeightsUnavailable, match=f"{RESNET} .*damaged.*{cache}") as caught:
        helpers.load_model("resnet50")
    check_row("another file in the cache, and no network", str(caught.value))
    assert (cache / RESNET).read_bytes() == CONTENT


@pytest.mark.parametrize("content", [b"", b"text", models.BUNDLED_FILE.read_bytes()[:-1]], ids=["empty", "text", "cut"])
def test_damaged_bundled_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    (file := tmp_path / "mini_vgg16.npz").write_bytes(content)
    monkeypatch.setattr(models, "BUNDLED_FILE", file)
    models._bundled_arrays.cache_clear()
    with pytest.raises(WeightsUnavailable, match=f"{file} is missing or damaged") as caught:
        helpers.load_model("mini_vgg16")
    check_row("the bundled file is damaged", str(caught.value))


@pytest.fixture(scope="module")
def mobilenet() -> keras.Model:
    return keras.applications.MobileNet(include_top=False, weights=None, input_shape=(128, 128, 3))


@pytest.fixture
def mobilenet_file(mobilenet: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Path]:
    """Random weights in a Keras cache, as the file for pictures of that size; nothing can be downloaded."""
    for module in (downloads, models):
        monkeypatch.setattr(module, "keras_cache", lambda: tmp_path)

    def write(size: int) -> Path:
        path = tmp_path / f"mobilenet_1_0_{size}_tf_no_top.h5"
        with h5py.File(path, "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, mobilenet)
        return path

    return write


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def flip_one_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def load_mobilenet(size: int) -> keras.Model:
    return helpers.load_model("mobilenet", input_shape=(size, size, 3))


def test_keras_gives_a_hash_to_all_files_but_those_of_mobilenet_v1_and_v2() -> None:
    """If a release changes that, the list of hashes of our own needs another look."""
    without = set()
    keras_source = Path(sys.modules[keras.utils.get_file.__module__].__file__).parent.parent
    for file in (keras_source / "applications").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "get_file" and "test" not in file.stem:
                without |= {file.stem} - {file.stem for keyword in node.keywords if keyword.arg == "file_hash"}
    assert without == {"mobilenet", "mobilenet_v2"}
    lines = downloads.KNOWN.read_text().splitlines()
    assert all(re.fullmatch(r"[0-9a-f]{32}  mobilenet_[a-z0-9_.]+\.h5", line) for line in lines) and len(lines) == 4


def test_hash_that_keras_does_not_know(
    mobilenet_file: Any, mobilenet: keras.Model, tmp_path: Path, monkeypatch: Any
) -> None:
    """One bit is wrong: no other check would find it."""
    path = mobilenet_file(224)
    with pytest.raises(WeightsUnavailable, match=f"{path.name} is damaged in {tmp_path}"):
        load_mobilenet(224)
    (tmp_path / "known").write_text(f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.name}\n")
    monkeypatch.setattr(downloads, "KNOWN", tmp_path / "known")
    np.testing.assert_array_equal(load_mobilenet(224).get_weights()[0], mobilenet.get_weights()[0])
    flip_one_bit(path)
    with pytest.raises(WeightsUnavailable, match=f"{path.name} is damaged in {tmp_path}") as caught:
        load_mobilenet(224)
    check_row("one wrong bit in a file to which Keras gives no hash", str(caught.value))


def test_files_whose_hash_nobody_published(mobilenet_file: Any, mobilenet: keras.Model, tmp_path: Path) -> None:
    """A whole HDF5 file is loaded, one that was cut is not; nor is one that holds something else."""
    path = mobilenet_file(128)
    np.testing.assert_array_equal(load_mobilenet(128).get_weights()[0], mobilenet.get_weights()[0])
    cut(path)
    with pytest.raises(WeightsUnavailable, match=f"{path.name} is damaged in {tmp_path}") as caught:
        load_mobilenet(128)
    check_row("a file that was cut and has no published hash", str(caught.value))
    with h5py.File(path, "w") as file:
        file["something"] = np.zeros(3)
    with pytest.raises(
        WeightsUnavailable, match=f"A file in {tmp_path} cannot be read as weights of mobilenet"
    ) as caught:
        load_mobilenet(128)
    check_row("other numbers in a file that has no published hash", str(caught.value))


def test_wrong_shape_is_not_blamed_on_the_file() -> None:
    with pytest.raises(ValueError, match=r"(?i)input size|input_shape"):
        helpers.load_model("vgg16", input_shape=(16, 16, 3))


def test_home_that_is_not_there(tmp_path: Path) -> None:
    """Keras goes to another folder then; whatever it finds there, the default network is loaded."""
    code = "import os; del os.environ['KERAS_HOME'], os.environ['CNN_MODEL']; import helpers; helpers.load_model()"
    run = python(code, env={"HOME": str(tmp_path / "none"), "USERPROFILE": str(tmp_path / "none")})
    assert run.returncode == 0, run.stderr
    check_row("a home that is not there", run.stdout)


@pytest.mark.parametrize("name", ["own.h5", "own.weights.h5"])
def test_file_of_ones_own(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    model = helpers.load_model("mini_vgg16", weights=None)
    if name == "own.h5":
        with h5py.File(tmp_path / name, "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, model)
    else:
        model.save_weights(tmp_path / name)
    for file in (tmp_path / name, str(tmp_path / name)):
        loaded = helpers.load_model("mini_vgg16", weights=file)
        for one, other in zip(loaded.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
        assert f"{name} weights" in capsys.readouterr().out
    cut(tmp_path / name)
    with pytest.raises(
        WeightsUnavailable, match=f"{tmp_path / name} cannot be read as weights of mini_vgg16"
    ) as caught:
        helpers.load_model("mini_vgg16", weights=tmp_path / name)
    check_row("a file of one's own that was cut", str(caught.value))


class Bomb:
    """Whoever unpickles it leaves a file behind."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("name", ["own.keras", "own.h5", "own.npz", "own.weights.json", "folder.h5", "pipe.h5"])
def test_files_that_could_hold_code_are_not_opened(tmp_path: Path, name: str) -> None:
    """Or they are no files. A network of one's own with a Lambda layer, as .h5, has not these weights."""
    mark, path = tmp_path / "mark", tmp_path / name
    if name.startswith("folder"):
        path.mkdir()
    elif name.startswith("pipe"):
        if not hasattr(os, "mkfifo"):
            pytest.skip("this system has no such files")
        os.mkfifo(path)
    elif path.suffix in (".keras", ".h5"):
        inputs = keras.Input((8, 8, 3))
        code = eval(f"lambda pictures: __import__('pathlib').Path({str(mark)!r}).touch() or pictures")
        keras.Model(inputs, keras.layers.Lambda(code, output_shape=(8, 8, 3))(inputs)).save(path)
        mark.unlink(missing_ok=True)
    else:
        np.savez(path, np.array([Bomb(mark)], object))
        path.with_name(f"{name}.npz").rename(path) if path.suffix != ".npz" else None
    with pytest.raises(WeightsUnavailable, match=f"{path} cannot be read as weights of mini_vgg16") as caught:
        helpers.load_model("mini_vgg16", weights=path)
    assert not mark.exists()
    if name != "own.h5":
        check_row("a file of one's own that could hold code", str(caught.value))


def test_bundled_file_with_code_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if its hash were right."""
    np.savez(tmp_path / "mini_vgg16.npz", labels=np.array([Bomb(tmp_path / "mark")], object))
    monkeypatch.setattr(models, "BUNDLED_FILE", tmp_path / "mini_vgg16.npz")
    digest = hashlib.sha256((tmp_path / "mini_vgg16.npz").read_bytes()).hexdigest()
    monkeypatch.setattr(models, "BUNDLED_SHA256", digest)
    models._bundled_arrays.cache_clear()
    with pytest.raises(ValueError, match="allow_pickle=False"):
        helpers.load_model("mini_vgg16")
    assert not (tmp_path / "mark").exists()


def test_nothing_is_ever_unpickled() -> None:
    for file in Path(helpers.__file__).parent.rglob("*.py"):
        assert not re.search(r"allow_pickle=True|safe_mode=False|import pickle|enable_unsafe", file.read_text()), file


@pytest.mark.parametrize("name", ["notes.txt", "notes.weights.h5", "none.weights.h5"])
def test_file_that_holds_no_weights(tmp_path: Path, name: str) -> None:
    if not name.startswith("none"):
        (tmp_path / name).write_text("not a file of weights")
    with pytest.raises(WeightsUnavailable, match=f"{tmp_path / name} cannot be read as weights of mini_vgg16"):
        helpers.load_model("mini_vgg16", weights=tmp_path / name)
