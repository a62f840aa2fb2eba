"""Files of weights arrive whole, or the user soon reads which file to put where; nobody waits in silence."""

from __future__ import annotations

import concurrent.futures
import functools
import hashlib
import http.server
import io
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tqdm import tqdm

import helpers
from helpers import downloads, models
from helpers.downloads import fetch
from helpers.errors import WeightsUnavailable

CONTENT = bytes(range(256)) * 400
MD5, SHA256 = hashlib.md5(CONTENT).hexdigest(), hashlib.sha256(CONTENT).hexdigest()
HTML = b"<!doctype html><title>Sign in to the campus network</title>"
RESNET = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
VGG16 = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
SILENCE = 1.0
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
    path = tmp_path / "new folder" / "weights.bin"
    for _ in range(2):
        assert fetch(f"{server.address}/right", path, file_hash, str) == path
        assert path.read_bytes() == CONTENT and list(path.parent.iterdir()) == [path]
    assert server.asked == ["/right"]


def test_slow_download_goes_on_and_shows_it(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bars: list[tqdm] = []

    def show(**options: Any) -> tqdm:
        bars.append(tqdm(**options, file=io.StringIO(), disable=False))
        return bars[0]

    monkeypatch.setattr(downloads, "progress_bar", show)
    assert fetch(f"{server.address}/drips", tmp_path / "weights.h5", MD5, str).read_bytes() == CONTENT
    assert bars[0].n == bars[0].total == len(CONTENT)


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


REASONS = {
    "wrong": "not the right one",
    "page": "not the right one",
    "missing": "404",
    "half": "the connection broke",
    "silent": "no byte for",
    "stalls": "no byte for",
}


@pytest.mark.parametrize("cached", [None, CONTENT[:100]], ids=["empty cache", "damaged file"])
@pytest.mark.parametrize("way", REASONS)
def test_bad_servers(server: Any, tmp_path: Path, way: str, cached: bytes | None) -> None:
    if cached:
        (tmp_path / "weights.h5").write_bytes(cached)
    message = refusal(f"{server.address}/{way}", tmp_path / "weights.h5")
    assert REASONS[way] in message and ("damaged" if cached else "is not in") in message


def test_web_page_is_no_file_of_weights(server: Any, tmp_path: Path) -> None:
    """Some of Keras' files have no hash."""
    assert "not the right one" in refusal(f"{server.address}/page", tmp_path / "weights.h5", None)
    (tmp_path / "weights.h5").write_bytes(HTML)
    assert "damaged" in refusal(f"{server.address}/page", tmp_path / "weights.h5", None)


def test_port_that_refuses(server: Any, tmp_path: Path) -> None:
    assert "no connection" in refusal("http://127.0.0.1:9/weights.h5", tmp_path / "weights.h5")
    assert not server.asked


def test_name_look_up_that_hangs(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, **__: object) -> list:
        server.closing.wait(60)
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    assert "no byte for" in refusal(f"{server.address}/right", tmp_path / "weights.h5")


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
    with pytest.raises(WeightsUnavailable, match=r"weights\.h5"):
        fetch(f"{server.address}/right", tmp_path / "file" / "weights.h5", MD5, str)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Keras cache, no network, and nobody has asked for a network by name."""
    monkeypatch.setattr(downloads, "keras_cache", lambda: tmp_path)
    monkeypatch.delenv("CNN_MODEL")
    return tmp_path


def test_named_network_that_cannot_be_had(tmp_path: Path) -> None:
    code = "import helpers\nmodel = helpers.load_model('resnet50')"
    environment = os.environ | {"KERAS_HOME": str(tmp_path), "PYTHONPATH": str(Path(helpers.__file__).parent.parent)}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    said = run.stderr.splitlines()[-1]
    for part in ("WeightsUnavailable: ", f"{RESNET} is not in {tmp_path / 'models'}", "about 94 MB", "no connection"):
        assert part in said
    assert not run.stdout


def test_default_network_falls_back_to_the_bundled_one(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = helpers.load_model()
    said = capsys.readouterr()
    assert model.name == "mini_vgg16" and not said.err and said.out.count("\n") == 1
    for part in ("mini_vgg16: 13 convolutions", "bundled weights", "in place of vgg16", f"{VGG16} is not in {cache}"):
        assert part in said.out


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
    with pytest.raises(WeightsUnavailable, match=f"{RESNET} .*damaged.*{cache}"):
        helpers.load_model("resnet50")
    assert (cache / RESNET).read_bytes() == CONTENT


@pytest.mark.parametrize("content", [b"", b"text", models.BUNDLED_FILE.read_bytes()[:-1]], ids=["empty", "text", "cut"])
def test_damaged_bundled_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    (file := tmp_path / "mini_vgg16.npz").write_bytes(content)
    monkeypatch.setattr(models, "BUNDLED_FILE", file)
    models._bundled_arrays.cache_clear()
    with pytest.raises(WeightsUnavailable, match=f"{file} is missing or damaged"):
        helpers.load_model("mini_vgg16")


def test_damaged_cached_file_that_keras_does_not_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MobileNet's files have no hash in Keras: a cut one is found when it is read."""
    monkeypatch.setattr(downloads, "keras_cache", lambda: tmp_path)
    monkeypatch.setattr(models, "keras_cache", lambda: tmp_path)
    (tmp_path / "mobilenet_1_0_224_tf_no_top.h5").write_bytes(downloads.HDF5 + b"cut")
    with pytest.raises(WeightsUnavailable, match=f"A file in {tmp_path} cannot be read as weights of mobilenet"):
        helpers.load_model("mobilenet")


@pytest.mark.parametrize("name", ["notes.txt", "notes.weights.h5", "none.weights.h5"])
def test_file_that_holds_no_weights(tmp_path: Path, name: str) -> None:
    if not name.startswith("none"):
        (tmp_path / name).write_text("not a file of weights")
    with pytest.raises(WeightsUnavailable, match=f"{tmp_path / name} cannot be read as weights of mini_vgg16"):
        helpers.load_model("mini_vgg16", weights=tmp_path / name)
