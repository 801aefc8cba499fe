"""Builds a tool from the Go module proxy with the committed go.mod and go.sum."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from local.acquire.golang import find_go
from local.acquire.tools import Tool
from local.errors import LocalStackError, disk_error, is_disk_full, require_space, tail

COLLECT_AT = "400"
"""GOGC of the compiler, which lives for seconds: collecting less often makes a cold build a tenth shorter."""
MODULES = Path(__file__).resolve().parent.parent / "tools"


def build(tool: Tool, folder: Path, log: Path, tell: Callable[[str], None]) -> None:
    """Compile the tool's programs into `folder`; the compiler's own output goes to `log`.

    Raises LocalStackError with the log's last lines.
    """
    module = MODULES / tool.module
    require_space(folder, tool.build_space, f"building {tool.title}")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    go = find_go(module / "go.mod", log, tell)
    environment = os.environ | {"CGO_ENABLED": "0", "GOWORK": "off", "GOGC": os.environ.get("GOGC", COLLECT_AT)}
    tell("downloading modules")
    copies = folder / "modules"
    common = ["-mod=readonly", *_without_files(go, tool, module, copies, environment, log)]
    total = _count_packages([str(go), "list", *common, "-deps", *tool.packages], tool, module, environment, log)
    command = [str(go), "build", "-v", *common, "-trimpath", "-buildvcs=false"]
    # The linker drops the debugger's tables anyway, so the compiler need not make them.
    command += ["-gcflags=all=-dwarf=false", "-ldflags", f"-s -w {tool.ldflags}".strip(), "-o", f"{folder}{os.sep}"]
    with log.open("a") as out:
        out.write(f"$ {' '.join([*command, *tool.packages])}\n")
        out.flush()
        process = subprocess.Popen(
            [*command, *tool.packages], cwd=module, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        compiled = 0
        assert process.stdout is not None
        try:
            for raw in process.stdout:
                line = raw.decode(errors="replace")
                out.write(line)
                out.flush()
                compiled += bool(re.fullmatch(r"[\w.~/@-]+\n", line))
                tell(f"go build, {compiled} of {total} packages" if compiled else "go build")
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if process.wait():
        if is_disk_full("\n".join(tail(log, 50))):
            raise disk_error(folder, f"building {tool.title}")
        raise LocalStackError(f"Building {tool.title} {tool.version} with {go} failed.", log=log)
    for package, program in tool.packages.items():
        made = folder / package.rsplit("/", 1)[1]
        if not made.exists():
            # The last element of a package path may be its major version: server/v3 makes `server`.
            made = folder / package.rsplit("/", 2)[1]
        made.rename(folder / program)
    shutil.rmtree(copies, ignore_errors=True)


def _without_files(
    go: Path, tool: Tool, module: Path, copies: Path, environment: dict[str, str], log: Path
) -> list[str]:
    """Flags that lead the build to copies of modules without the files that the tool leaves out.

    The copies are of what `go mod download` has checked against go.sum.
    """
    if not tool.left_out:
        return []
    replaced: list[str] = []
    for index, (path, left_out) in enumerate(tool.left_out.items()):
        answer = _listed([str(go), "mod", "download", "-json", path], tool, module, environment, log)
        source, target = Path(json.loads(answer)["Dir"]), copies / str(index)
        for file in source.rglob("*"):
            inside = str(file.relative_to(source))
            if file.is_file() and inside not in left_out:
                (target / inside).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target / inside)
        replaced.append(f"replace {path} => {target}\n")
    (copies / "go.mod").write_text((module / "go.mod").read_text() + "\n" + "".join(replaced))
    shutil.copyfile(module / "go.sum", copies / "go.sum")
    return [f"-modfile={copies / 'go.mod'}"]


def _count_packages(command: list[str], tool: Tool, module: Path, environment: dict[str, str], log: Path) -> int:
    """How many packages there are to compile; this also downloads the modules."""
    return len(_listed(command, tool, module, environment, log).split())


def _listed(command: list[str], tool: Tool, module: Path, environment: dict[str, str], log: Path) -> str:
    with log.open("a") as out:
        answer = subprocess.run(
            command, cwd=module, env=environment, stdout=subprocess.PIPE, stderr=out, text=True, check=False
        )
    if answer.returncode:
        if is_disk_full("\n".join(tail(log, 50))):
            raise disk_error(module, f"downloading the modules of {tool.title}")
        raise LocalStackError(f"The Go modules of {tool.title} {tool.version} could not be had.", log=log)
    return answer.stdout
