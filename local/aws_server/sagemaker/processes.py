"""Containers as processes: starts them under the shim, finds them again after a restart, reads what they print."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

SHIM = Path(__file__).with_name("shim.py")
SHIM_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT)


@cache
def namespace_kind() -> str:
    """Which mount namespace this machine allows: `root`, `user` (user namespaces) or `none`.

    GROUNDWORK_MOUNT_NAMESPACE takes its place, for a machine where the probe is wrong.
    """
    if chosen := os.environ.get("GROUNDWORK_MOUNT_NAMESPACE"):
        return chosen
    result = subprocess.run(
        [sys.executable, "-I", "-S", str(SHIM), "--probe"], capture_output=True, text=True, timeout=30, check=False
    )
    return result.stdout.strip() or "none"


@dataclass(frozen=True, kw_only=True)
class Command:
    """What runs in a container.

    mounts: (source, target) pairs of absolute paths, bound in the container's own mount namespace.
    max_runtime_s: after this many seconds it is stopped (None: never). grace_s: seconds between SIGTERM and SIGKILL.
    dies_with_server: the command ends when this process does, however it ends.
    """

    argv: Sequence[str]
    environment: Mapping[str, str]
    cwd: str
    mounts: Sequence[tuple[str, str]] = ()
    max_runtime_s: float | None = None
    grace_s: float = 120.0
    dies_with_server: bool = False


@dataclass(frozen=True, kw_only=True)
class Exit:
    """How a container ended.

    cause: `exit` (by itself), `stopped`, `timeout`, `killed`, `interrupted`, `orphaned` (its server died), `start` (it
        could not be started: `error` says why) or `lost` (its shim was killed, nothing is known).
    exit_code: as a shell gives it: 128 + the signal's number for a command that a signal ended.
    """

    cause: str
    exit_code: int | None = None
    started: float = 0.0
    ended: float = 0.0
    stderr: str = ""
    error: str = ""


@dataclass(frozen=True)
class LogLine:
    """One line of output; `time_ms` is since the epoch."""

    time_ms: int
    from_stderr: bool
    text: str


@dataclass
class Container:
    """A started container. Its files lie in `run_dir`; `pid` is the shim's, `born` tells it from a later process."""

    run_dir: Path
    pid: int
    born: str
    wake_fd: int
    pid_fd: int
    popen: subprocess.Popen[bytes] | None = None
    _log_position: int = 0
    _lifeline: bool = False

    @staticmethod
    def prepare(run_dir: Path, command: Command) -> "Container":
        """Starts the shim, which waits for `release()` and ends when this process dies before that.

        Raises OSError where not even the shim can be started (no memory, no disk).
        """
        run_dir.mkdir(parents=True, exist_ok=True)
        specification: dict[str, Any] = {
            "argv": list(command.argv),
            "env": dict(command.environment),
            "cwd": command.cwd,
            "run_dir": str(run_dir),
            "namespace": namespace_kind() if command.mounts else "none",
            "mounts": [list(pair) for pair in command.mounts],
            "max_runtime_s": command.max_runtime_s,
            "grace_s": command.grace_s,
            "lifeline": command.dies_with_server,
        }
        spec_file = run_dir / "spec.json"
        # It holds credentials.
        spec_file.touch(mode=0o600)
        spec_file.write_text(json.dumps(specification))
        wake_fd = _open_fifo(run_dir)
        with (run_dir / "shim.log").open("wb") as shim_log:
            # The shim inherits what this thread holds back, and takes the signals once it knows what each means.
            held_back = signal.pthread_sigmask(signal.SIG_BLOCK, SHIM_SIGNALS)
            try:
                popen = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(SHIM), str(spec_file)],
                    stdin=subprocess.PIPE,
                    stdout=shim_log,
                    stderr=shim_log,
                    start_new_session=True,
                    env={"PATH": os.defpath},
                    cwd="/",
                )
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, held_back)
        container = Container(run_dir, popen.pid, _born(popen.pid), wake_fd, os.pidfd_open(popen.pid), popen)
        container._lifeline = command.dies_with_server
        return container

    def release(self) -> None:
        """Lets the command run."""
        assert self.popen is not None
        assert self.popen.stdin is not None
        try:
            os.write(self.popen.stdin.fileno(), b"go")
        except BrokenPipeError:
            return
        if not self._lifeline:
            self.popen.stdin.close()

    @staticmethod
    def adopt(run_dir: Path, pid: int, born: str) -> "Container | None":
        """A container that an earlier server started, if it still runs."""
        try:
            pid_fd = os.pidfd_open(pid)
        except OSError:
            return None
        if not born or _born(pid) != born or _gone(pid_fd):
            os.close(pid_fd)
            return None
        container = Container(run_dir, pid, born, _open_fifo(run_dir), pid_fd)
        container._log_position = _shipped(run_dir)
        return container

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the shim, whose docstring says what each means."""
        try:
            signal.pidfd_send_signal(self.pid_fd, number)
        except OSError:
            return

    def stop(self) -> None:
        """SIGTERM to the command's process group, SIGKILL after the grace time."""
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to the command's process group."""
        self.signal(signal.SIGUSR1)

    def ended(self, timeout_s: float | None = 0) -> bool:
        """Whether the container is gone, after waiting at most timeout_s (None: as long as it takes)."""
        return _gone(self.pid_fd, timeout_s)

    def clear_wake(self) -> None:
        """Takes the bytes that announced new output."""
        try:
            os.read(self.wake_fd, 65536)
        except BlockingIOError:
            return

    def new_lines(self) -> list[LogLine]:
        """Output since the last call, whole lines."""
        lines, self._log_position = read_log(self.run_dir, self._log_position)
        return lines

    def mark_shipped(self) -> None:
        """Remembers that the lines returned so far are where they belong, for a server that adopts this container."""
        (self.run_dir / "shipped").write_text(str(self._log_position))

    def exit(self) -> Exit:
        """How it ended; to be asked once `ended()` is true."""
        if self.popen is not None:
            self.popen.wait()
        return read_exit(self.run_dir)

    def close(self) -> None:
        """Gives back the descriptors; the process is left as it is."""
        for descriptor in (self.wake_fd, self.pid_fd):
            os.close(descriptor)
        if self.popen is not None and self.popen.stdin is not None:
            self.popen.stdin.close()


def read_log(run_dir: Path, position: int, end: int | None = None) -> tuple[list[LogLine], int]:
    """The whole lines of a container's log between two positions (bytes), and the position after them."""
    try:
        with (run_dir / "log").open("rb") as file:
            file.seek(position)
            data = file.read(-1 if end is None else end - position)
    except FileNotFoundError:
        return [], position
    whole = data[: data.rfind(b"\n") + 1]
    lines: list[LogLine] = []
    for record in whole.split(b"\n"):
        if record:
            moment, mark, text = record.split(b" ", 2)
            lines.append(LogLine(int(moment), mark == b"e", text.decode("utf-8", "replace")))
    return lines, position + len(whole)


def shipped_lines(run_dir: Path) -> list[LogLine]:
    """Lines that an earlier server delivered."""
    return read_log(run_dir, 0, _shipped(run_dir))[0]


def unshipped_lines(run_dir: Path) -> list[LogLine]:
    """Lines of a container that ended while no server watched it; from now on they count as delivered."""
    lines, position = read_log(run_dir, _shipped(run_dir))
    if lines:
        (run_dir / "shipped").write_text(str(position))
    return lines


def read_exit(run_dir: Path) -> Exit:
    """How the container of a run folder ended; cause `lost` where it left no word."""
    try:
        return Exit(**json.loads((run_dir / "exit.json").read_text()))
    except FileNotFoundError:
        message = ""
        if (run_dir / "shim.log").exists():
            message = (run_dir / "shim.log").read_text(errors="replace")[-500:]
        return Exit(cause="lost", error=message)


def _shipped(run_dir: Path) -> int:
    try:
        return int((run_dir / "shipped").read_text() or 0)
    except (FileNotFoundError, ValueError):
        return 0


def _open_fifo(run_dir: Path) -> int:
    fifo = run_dir / "wake"
    if not fifo.exists():
        os.mkfifo(fifo, 0o600)
    # Read and write: a FIFO without a writer would report its end all the time.
    return os.open(fifo, os.O_RDWR | os.O_NONBLOCK)


def _gone(pid_fd: int, timeout_s: float | None = 0) -> bool:
    """Whether a process has ended, one that nobody has waited for yet included."""
    poller = select.poll()
    poller.register(pid_fd, select.POLLIN)
    return bool(poller.poll(None if timeout_s is None else max(0, timeout_s) * 1000))


def _born(pid: int) -> str:
    """Start time of a process in clock ticks since boot (field 22 of proc_pid_stat(5)), with the boot's id."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
    return f"{boot}:{stat.rpartition(')')[2].split()[19]}"


def kill_leftovers(home: Path) -> None:
    """Kills what a container left running whose shim was killed: every process that has its HOME."""
    marker = f"HOME={home}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if marker in (process / "environ").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGKILL)
        except OSError:
            continue
