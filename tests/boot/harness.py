"""Runs an emulator with a time limit and talks to the guest on its serial port.

    with Emulator("qemu-system-i386", ["-nographic", "-kernel", path, ...], limit=60) as vm:
        vm.expect(r"GUEST-OK (\\S+)")
        vm.send("uname -a\\n")
        status = vm.wait()

Programs are taken from the folder EMU (ctest sets it), guests from GUESTS or ../shared/guests beside
the source tree. skip() ends a test as skipped. Standard library only.
"""

import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SKIPPED = 77


class TestFailure(Exception):
    pass


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def program(name):
    """The path of one of our programs."""
    folder = os.environ.get("EMU", ROOT / "build" / "release" / "bin")
    path = pathlib.Path(folder) / name
    if not path.exists():
        skip(f"{path} is not built")
    return str(path)


def guests(folder):
    """The folder of ready-made guests of one kind ("pc"); skips where there is none."""
    base = pathlib.Path(os.environ.get("GUESTS", ROOT.parent / "shared" / "guests"))
    if not (base / folder).is_dir():
        skip(f"no guests in {base / folder}")
    return base / folder


def need_machine(emulator, name):
    """Skips where the machine is not built."""
    listing = subprocess.run([program(emulator), "-M", "help"], stdout=subprocess.PIPE,
                             timeout=30, check=False).stdout.decode()
    if name not in re.findall(r"^(\S+) ", listing, re.MULTILINE):
        skip(f"{emulator} has no machine {name} yet")


def has_devices(emulator, names):
    """The names among `names` that -device does not know."""
    listing = subprocess.run([program(emulator), "-device", "help"], stdout=subprocess.PIPE,
                             timeout=30, check=False).stdout.decode()
    known = set(re.findall(r'name "([^"]+)"', listing))
    return [name for name in names if name not in known]


def pack_initramfs(root, output):
    """Writes the tree below `root` as an initramfs."""
    names = "\n".join(str(path.relative_to(root)) for path in [root, *root.rglob("*")])
    archive = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input=names.encode(),
                             cwd=root, stdout=subprocess.PIPE, check=True).stdout
    output.write_bytes(archive)
    return output


class Emulator:
    """A running program. Its output is read from a pipe, or from a terminal with terminal=True."""

    def __init__(self, name, arguments, limit=120, terminal=False, cwd=None):
        self.deadline = time.monotonic() + limit
        self.output = b""   # everything so far
        self.position = 0   # up to where expect() has looked
        self.command = [program(name)] + [str(a) for a in arguments]
        self.start = time.monotonic()
        if terminal:
            self.fd, slave = pty.openpty()
            self.terminal = self.fd
            self.settings = termios.tcgetattr(slave)
            self.slave = slave
            self.process = subprocess.Popen(self.command, stdin=slave, stdout=slave, stderr=slave,
                                            cwd=cwd, start_new_session=True)
            self.input = self.fd
        else:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                            cwd=cwd)
            self.fd = self.process.stdout.fileno()
            self.input = self.process.stdin.fileno()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()

    def tail(self, lines=25):
        text = self.output.decode(errors="replace").replace("\r", "")
        return "\n".join(text.splitlines()[-lines:])

    def fail(self, why):
        raise TestFailure(f"{why}\ncommand: {' '.join(self.command)}\nlast output:\n{self.tail()}")

    def read_some(self, until):
        """Reads what is there; False at the end of the output. Fails when `until` passes."""
        left = until - time.monotonic()
        if left <= 0:
            self.fail(f"time is up after {time.monotonic() - self.start:.1f} s")
        ready, _, _ = select.select([self.fd], [], [], min(left, 0.5))
        if not ready:
            return self.process.poll() is None
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # a terminal whose other end is closed
            data = b""
        self.output += data
        return bool(data)

    def expect(self, pattern, timeout=None):
        """Waits for a regular expression after what was matched last; returns the match."""
        regex = re.compile(pattern.encode() if isinstance(pattern, str) else pattern)
        until = self.deadline if timeout is None else min(self.deadline,
                                                          time.monotonic() + timeout)
        more = True
        while True:
            match = regex.search(self.output, self.position)
            if match:
                self.position = match.end()
                return match
            if not more:
                self.fail(f"the output ended without {pattern!r}")
            more = self.read_some(until)

    def send(self, text):
        data = text.encode() if isinstance(text, str) else text
        while data:
            data = data[os.write(self.input, data):]

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=None):
        """Reads to the end; returns the exit status (negative: a signal)."""
        until = self.deadline if timeout is None else min(self.deadline,
                                                          time.monotonic() + timeout)
        while self.process.poll() is None:
            if not self.read_some(until):
                break
        try:
            status = self.process.wait(max(until - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            self.fail("it does not end")
        while select.select([self.fd], [], [], 0)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                break
            if not data:
                break
            self.output += data
        return status

    def terminal_restored(self):
        """Whether the terminal's settings are as they were before the start."""
        return termios.tcgetattr(self.slave) == self.settings


def main(test):
    """Runs test(*sys.argv[1:]) and turns failures into exit status 1."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        test(*sys.argv[1:])
    except TestFailure as failure:
        print(f"FAILED: {failure}")
        sys.exit(1)
