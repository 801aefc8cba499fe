"""Runs one container command as a process, and outlives the server that asked for it.

Standard library only and started by its path (`python -I -S shim.py SPEC`), so that it is up in a few milliseconds and
needs nothing of the environment that the command runs in. `python shim.py --probe` says which kind of mount namespace
this machine allows.

SPEC is a JSON file with: argv, env, cwd, run_dir, namespace ("root", "user" or "none"), mounts (a list of [source,
target]), max_runtime_s (or null), grace_s, and lifeline (true: the command ends when standard input is closed).
The command starts once a byte arrives there; if it is closed before, nothing is run.

In run_dir the shim writes `log` (one record a line: milliseconds since the epoch, `o` or `e`, the text), `exit.json`
once the command and everything that it started is gone, and a byte to the FIFO `wake` after each of these.

Signals: SIGTERM stops the command's process group (SIGTERM, grace_s, SIGKILL), SIGUSR1 kills it at once, SIGUSR2 stops
it as a spot interruption does, SIGQUIT kills it as one without warning does.
"""
# No pathlib and no subprocess: importing them would double the time that this file needs to start.
# ruff: noqa: PTH103, PTH105, PTH112, PTH115, PTH118, PTH120, PTH102, PTH123, PTH211, SIM115, S606

import contextlib
import ctypes
import errno
import json
import os
import select
import signal
import sys
import time

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
ORDERS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT)
ARTIFACT_ROOT = "/opt/ml"
STDERR_TAIL_BYTES = 16384
LONGEST_LINE_BYTES = 65536
LONGEST_WAIT_MS = 3_600_000
"""poll(2) takes 2^31 milliseconds at most, which is less than the longest time that a job may run."""
DRAIN_S = 2.0
"""How long output is still read after the command has ended; a daemon that escaped may hold the pipe for ever."""

libc = ctypes.CDLL(None, use_errno=True)


class NamespaceError(Exception):
    """The mount namespace could not be made."""


def check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise NamespaceError(f"{what}: {os.strerror(number)}")


def mount(source, target, kind, flags):
    encoded = [value.encode() if value is not None else None for value in (source, target, kind)]
    check(libc.mount(*encoded, flags, None), f"mount {source} on {target}")


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def enter_namespace(kind):
    """A mount namespace of its own; with "user" also a user namespace in which the caller is root."""
    user, group = os.getuid(), os.getgid()
    check(libc.unshare(CLONE_NEWNS | (CLONE_NEWUSER if kind == "user" else 0)), "unshare")
    if kind == "user":
        with contextlib.suppress(OSError):
            write("/proc/self/setgroups", "deny")
        write("/proc/self/uid_map", f"0 {user} 1")
        write("/proc/self/gid_map", f"0 {group} 1")
    mount("none", "/", None, MS_REC | MS_PRIVATE)


def make_mount_point(target, scratch):
    """The folder `target`. Where it cannot be made, its parent is rebuilt on a tmpfs, in this namespace alone."""
    try:
        os.makedirs(target, exist_ok=True)
        return
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
    parent = os.path.dirname(target)
    original = os.path.join(scratch, "parent")
    os.makedirs(original, exist_ok=True)
    mount(parent, original, None, MS_BIND | MS_REC)
    mount("tmpfs", parent, "tmpfs", 0)
    for entry in os.scandir(original):
        copy = os.path.join(parent, entry.name)
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), copy)
        elif entry.is_dir():
            os.mkdir(copy)
            mount(entry.path, copy, None, MS_BIND | MS_REC)
        else:
            write(copy, "")
            mount(entry.path, copy, None, MS_BIND)
    os.mkdir(target)


def bind(source, target, scratch):
    if os.path.isdir(source):
        make_mount_point(target, scratch)
    mount(source, target, None, MS_BIND | MS_REC)


def probe():
    """Tries the namespaces in children: a failed attempt may leave a process half changed."""
    import tempfile

    for kind in ("root", "user") if os.getuid() == 0 else ("user",):
        with tempfile.TemporaryDirectory() as folder:
            child = os.fork()
            if child == 0:
                try:
                    os.mkdir(os.path.join(folder, "bound"))
                    enter_namespace(kind)
                    bind(os.path.join(folder, "bound"), ARTIFACT_ROOT, os.path.join(folder, "scratch"))
                    os._exit(0)
                except (NamespaceError, OSError) as error:
                    os.write(2, f"{kind}: {error}\n".encode())
                    os._exit(1)
            if os.waitpid(child, 0)[1] == 0:
                return kind
    return "none"


class LogFile:
    """Cuts a stream into lines and appends them as records."""

    def __init__(self, file, mark):
        self.file, self.mark, self.rest, self.tail = file, mark, b"", b""

    def feed(self, data):
        self.tail = (self.tail + data)[-STDERR_TAIL_BYTES:]
        *lines, self.rest = (self.rest + data).replace(b"\r", b"\n").split(b"\n")
        self.write(lines)
        if len(self.rest) > LONGEST_LINE_BYTES:
            self.close()

    def close(self):
        self.write([self.rest])
        self.rest = b""

    def write(self, lines):
        now = int(time.time() * 1000)
        records = b"".join(b"%d %s %s\n" % (now, self.mark, line[:LONGEST_LINE_BYTES]) for line in lines if line)
        if records:
            self.file.write(records)


class Run:
    """One command, from its start to its exit record."""

    def __init__(self, spec):
        self.spec = spec
        self.run_dir = spec["run_dir"]
        self.log = open(os.path.join(self.run_dir, "log"), "ab", buffering=0)
        self.cause, self.kill_at, self.signalled = "exit", None, False
        self.wakeup_read, wakeup_write = os.pipe()
        for end in (self.wakeup_read, wakeup_write):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
        self.requests = []
        for number in (*ORDERS, signal.SIGCHLD):
            signal.signal(number, lambda received, _: self.requests.append(received))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        # Whoever started this process holds them back until there is somebody to receive them.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ORDERS)

    def wake(self):
        with contextlib.suppress(OSError):
            fifo = os.open(os.path.join(self.run_dir, "wake"), os.O_WRONLY | os.O_NONBLOCK)
            try:
                os.write(fifo, b"!")
            finally:
                os.close(fifo)

    def start(self):
        if self.spec["namespace"] != "none":
            enter_namespace(self.spec["namespace"])
            for source, target in self.spec["mounts"]:
                bind(source, target, os.path.join(self.run_dir, "scratch"))
        (out_read, out_write), (err_read, err_write) = os.pipe(), os.pipe()
        ready_read, ready_write = os.pipe()
        self.started = time.time()
        self.pid = os.fork()
        if self.pid == 0:
            self.become_the_command(out_write, err_write, ready_write)
        # A signal to its group before there is one, or before it obeys signals again, would be lost.
        os.close(ready_write)
        os.read(ready_read, 1)
        os.close(ready_read)
        os.close(out_write)
        os.close(err_write)
        self.stderr = LogFile(self.log, b"e")
        self.streams = {out_read: LogFile(self.log, b"o"), err_read: self.stderr}
        for end in self.streams:
            os.set_blocking(end, False)

    def become_the_command(self, out, err, ready):
        try:
            os.setsid()
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            signal.set_wakeup_fd(-1)
            for number in (*ORDERS, signal.SIGCHLD, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.write(ready, b"!")
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out, 1)
            os.dup2(err, 2)
            os.closerange(3, 256)
            os.chdir(self.spec["cwd"])
            os.execvpe(self.spec["argv"][0], self.spec["argv"], self.spec["env"])
        except OSError as error:
            os.write(2, f"{self.spec['argv'][0]}: {error.strerror}\n".encode())
        os._exit(127)

    def signal_group(self, number):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def stop(self, cause):
        if self.cause == "exit":
            self.cause = cause
            self.kill_at = time.monotonic() + self.spec["grace_s"]
            self.signal_group(signal.SIGTERM)

    def kill(self, cause):
        if self.cause == "exit":
            self.cause = cause
        self.kill_at = None
        self.signal_group(signal.SIGKILL)

    def wait(self):
        """Until the command has ended; returns its wait status."""
        limit = self.spec["max_runtime_s"]
        deadline = time.monotonic() + limit if limit else None
        poller = select.poll()
        for end in (self.wakeup_read, *self.streams):
            poller.register(end, select.POLLIN)
        if self.spec["lifeline"]:
            poller.register(0, select.POLLIN)
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return status
            due = [moment for moment in (deadline, self.kill_at) if moment]
            timeout = min(LONGEST_WAIT_MS, max(0.0, min(due) - time.monotonic()) * 1000 + 1) if due else None
            for end, _ in poller.poll(timeout):
                if end == 0:
                    if not self.still_held():
                        poller.unregister(0)
                        self.kill("orphaned")
                elif end == self.wakeup_read:
                    with contextlib.suppress(BlockingIOError):
                        os.read(end, 4096)
                elif not self.read(end):
                    poller.unregister(end)
            self.obey()
            if deadline and time.monotonic() >= deadline:
                deadline = None
                self.stop("timeout")
            if self.kill_at and time.monotonic() >= self.kill_at:
                self.kill(self.cause)

    def still_held(self):
        try:
            return bool(os.read(0, 64))
        except BlockingIOError:
            return True

    def obey(self):
        while self.requests:
            received = self.requests.pop(0)
            if received == signal.SIGTERM:
                self.stop("stopped")
            elif received == signal.SIGUSR2:
                self.stop("interrupted")
            elif received == signal.SIGUSR1:
                self.kill("killed")
            elif received == signal.SIGQUIT:
                self.kill("interrupted")

    def read(self, end):
        try:
            data = os.read(end, 65536)
        except BlockingIOError:
            return True
        if data:
            self.streams[end].feed(data)
            self.wake()
        return bool(data)

    def reap(self):
        """Kills what the command left behind: its group, and what left the group and came to this subreaper."""
        self.signal_group(signal.SIGKILL)
        for _ in range(1000):
            try:
                children = open(f"/proc/self/task/{os.getpid()}/children").read().split()
            except OSError:
                children = []
            for child in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(child), signal.SIGKILL)
            try:
                if os.waitpid(-1, 0)[0] == 0:
                    return
            except ChildProcessError:
                return

    def drain(self):
        until = time.monotonic() + DRAIN_S
        for end in self.streams:
            os.set_blocking(end, False)
            while time.monotonic() < until:
                ready = select.select([end], [], [], max(0.0, until - time.monotonic()))[0]
                if not ready or not self.read(end):
                    break
            self.streams[end].close()

    def record(self, **values):
        path = os.path.join(self.run_dir, "exit.json")
        write(path + ".new", json.dumps(values))
        os.replace(path + ".new", path)
        self.wake()

    def whole(self):
        if not os.read(0, 1):
            self.record(cause="orphaned", exit_code=None, started=time.time(), ended=time.time(), stderr="", error="")
            return
        os.set_blocking(0, False)
        try:
            self.start()
        except (NamespaceError, OSError) as error:
            self.record(
                cause="start", exit_code=None, started=time.time(), ended=time.time(), stderr="", error=str(error)
            )
            return
        status = self.wait()
        self.reap()
        self.drain()
        self.record(
            cause=self.cause,
            exit_code=128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status),
            started=self.started,
            ended=time.time(),
            stderr=self.stderr.tail.decode("utf-8", "replace"),
            error="",
        )


if __name__ == "__main__":
    if sys.argv[1] == "--probe":
        print(probe())
    else:
        with open(sys.argv[1]) as spec_file:
            specification = json.load(spec_file)
        Run(specification).whole()
