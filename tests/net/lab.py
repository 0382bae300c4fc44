"""Guests on networks: what guest-nets.py and hostile-peer.py stand on.

A guest is the i386 kernel of guests/pc with an initramfs that obeys commands on its serial port:

    with Guest(["-net", "nic", "-net", "user"]) as vm:
        vm.run("udhcpc -i eth0 -n -q -s /dhcp")

Everything runs in a network namespace of its own where the user may make one (root), so that ports,
interfaces and multicast groups are free.
"""

import contextlib
import gzip
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "boot"))
import harness  # noqa: E402

ROOT = harness.ROOT
QEMU = "/usr/bin/qemu-system-i386"
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc p /proc
mount -t sysfs s /sys
exec >/dev/console 2>&1 </dev/console
stty -echo
ifconfig lo up
echo GUEST-READY
while read -r line; do eval "$line"; echo "STATUS-$?-"; done
poweroff -f
"""
DHCP = """#!/bin/busybox sh
[ "$1" = bound ] || exit 0
ifconfig $interface $ip netmask $subnet
route add default gw $router
echo "nameserver ${dns%% *}" >/etc/resolv.conf
echo "LEASE $ip $router $dns"
"""
PERIOD = 251 * 256  # of netpeer's bytes
PATTERN = bytes((i ^ (i // 251)) & 255 for i in range(PERIOD)) * 16


def need_programs(*names):
    for name in names:
        if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            harness.skip(f"{name} is not installed")


def need_root():
    if os.geteuid() != 0:
        harness.skip("this needs root, for network namespaces")


def enter_namespace():
    """Runs this program again in a network namespace, with a name server that knows one name."""
    if os.geteuid() != 0 or os.environ.get("NET_LAB") == "inside":
        if os.geteuid() == 0:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return
    need_programs("unshare", "ip", "mount")
    os.environ["NET_LAB"] = "inside"
    os.execvp("unshare", ["unshare", "-n", "-m", sys.executable, *sys.argv])


# --- the host's side ---

def pattern(size):
    """The bytes that netpeer sends, in pieces."""
    while size:
        piece = PATTERN[:size]
        yield piece
        size -= len(piece)


def pattern_crc(size):
    crc = 0
    for piece in pattern(size):
        crc = zlib.crc32(piece, crc)
    return f"{crc:08x}"


def push(port, size, host="127.0.0.1"):
    """Sends to a guest's `netpeer serve` and waits until it has everything."""
    with socket.create_connection((host, port), timeout=600) as s:
        for piece in pattern(size):
            s.sendall(piece)
        return s.recv(1) == b"!"


def pull(port, size, host="127.0.0.1"):
    """Reads from a guest's `netpeer offer`; the CRC of what came."""
    crc = got = 0
    with socket.create_connection((host, port), timeout=600) as s:
        while got < size:
            data = s.recv(1 << 18)
            if not data:
                break
            got += len(data)
            crc = zlib.crc32(data, crc)
        s.sendall(b"!")
    return f"{crc:08x}"


def serve(function, kind=socket.SOCK_STREAM, host="127.0.0.1"):
    """Calls function(socket) in a thread on a listening (or datagram) socket; returns its port."""
    s = socket.socket(socket.AF_INET, kind)
    s.bind((host, 0))
    if kind == socket.SOCK_STREAM:
        s.listen(8)
    threading.Thread(target=function, args=(s,), daemon=True).start()
    return s.getsockname()[1]


def echo_datagrams(s):
    while True:
        data, sender = s.recvfrom(65536)
        s.sendto(data, sender)


def name_server(s):
    """Answers every question for an A record with 192.0.2.77."""
    while True:
        query, sender = s.recvfrom(2048)
        end = query.index(b"\0", 12) + 5
        is_a = query[end - 4:end - 2] == b"\0\1"
        answer = (b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + bytes([192, 0, 2, 77])) if is_a else b""
        header = query[:2] + b"\x81\x80\0\1" + (b"\0\1" if is_a else b"\0\0") + b"\0\0\0\0"
        s.sendto(header + query[12:end] + answer, sender)


def start_name_server(scratch):
    """Makes the host's resolver ask name_server(); only inside the namespace."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 53))
    threading.Thread(target=name_server, args=(s,), daemon=True).start()
    conf = pathlib.Path(scratch) / "resolv.conf"
    conf.write_text("nameserver 127.0.0.1\n")
    subprocess.run(["mount", "--bind", conf, "/etc/resolv.conf"], check=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def background(*command, ready=None, **options):
    """A program that runs beside; `ready` is a file that it makes."""
    options.setdefault("stdin", subprocess.PIPE)
    process = subprocess.Popen([str(c) for c in command], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, **options)
    try:
        until = time.monotonic() + 10
        while ready and not os.path.exists(ready):
            if process.poll() is not None or time.monotonic() > until:
                raise harness.TestFailure(f"{command[0]} does not start")
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


# --- guests ---

def archive(files):
    """A newc archive: name -> (mode, bytes)."""
    out = bytearray()
    for number, (name, (mode, data)) in enumerate([*files.items(), ("TRAILER!!!", (0, b""))]):
        fields = (number + 1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return bytes(out)


def build_initrd(scratch):
    """The shared initramfs and ours behind it."""
    netpeer = pathlib.Path(scratch) / "netpeer"
    built = subprocess.run(["gcc", "-m32", "-O2", "-static", "-nostdlib", "-ffreestanding",
                            "-fno-stack-protector", "-fno-pie", "-no-pie", "-o", netpeer,
                            ROOT / "tests/net/guest/netpeer.c"], capture_output=True, check=False)
    if built.returncode:
        harness.skip("gcc -m32 makes no programs: " + built.stderr.decode()[-200:])
    files = {"etc": (0o040755, b""), "tmp": (0o041777, b""),
             "netinit": (0o100755, INIT.encode()), "dhcp": (0o100755, DHCP.encode()),
             "netpeer": (0o100755, netpeer.read_bytes())}
    path = pathlib.Path(scratch) / "initrd.gz"
    base = (harness.guests("pc") / "initramfs-i386.gz").read_bytes()
    path.write_bytes(base + bytes(-len(base) % 4) + gzip.compress(archive(files)))
    return path


class Guest(harness.Emulator):
    """A guest that waits for commands; `emulator` names a program or a path."""

    initrd = None  # of build_initrd()
    count = 0

    def __init__(self, options, emulator="qemu-system-i386", wrapper=(), limit=900, ready=True,
                 scratch=None, machine="pc", words=""):
        Guest.count += 1
        self.monitor_path = f"{scratch or tempfile.gettempdir()}/monitor-{os.getpid()}-{Guest.count}"
        arguments = ["-M", machine, "-m", "96", "-nographic", "-no-reboot", "-monitor",
                     f"unix:{self.monitor_path},server,nowait", "-kernel",
                     harness.guests("pc") / "bzImage-i386", "-initrd", Guest.initrd, "-append",
                     f"console=ttyS0 quiet panic=-1 rdinit=/netinit no_timer_check {words}", *options]
        if wrapper:
            super().__init__(shutil.which(wrapper[0]), [*wrapper[1:], *arguments], limit)
        else:
            super().__init__(emulator, arguments, limit)
        if ready:
            self.ready()

    def ready(self):
        self.expect("GUEST-READY")

    def begin(self, command):
        self.send(command + "\n")

    def status(self, timeout=None):
        """Waits for the end of the command; (exit status, what it printed)."""
        start = self.position
        match = self.expect(r"STATUS-(\d+)-\r?\n", timeout)
        text = self.output[start:match.start()].decode(errors="replace").replace("\r", "")
        return int(match.group(1)), text

    def run(self, command, timeout=60, check=True):
        self.begin(command)
        status, text = self.status(timeout)
        if check and status:
            self.fail(f"{command}: exit status {status}\n{text}")
        return text

    def monitor(self, command):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(self.monitor_path)
            text = b""
            while text.count(b"(qemu)") < 1:
                text += s.recv(4096)
            s.sendall(command.encode() + b"\n")
            text = b""
            while b"(qemu)" not in text.split(b"\n")[-1]:
                text += s.recv(4096)
        return text.decode(errors="replace")

    def address(self, ip):
        self.run(f"ifconfig eth0 {ip} netmask 255.255.255.0 up")
        return self

    def ping(self, ip, good=True, count=3):
        text = self.run(f"ping -c {count} -W 2 {ip}", check=False)
        if good != bool(re.search(r" [1-9]\d* packets received", text)):
            self.fail(f"ping {ip}: {text}")

    def expect_pong(self, ip, seconds=20):
        """Pings until an answer comes: switches and links need a moment."""
        until = time.monotonic() + seconds
        while " 1 packets received" not in self.run(f"ping -c 1 -W 1 {ip}", check=False):
            if time.monotonic() > until:
                self.fail(f"{ip} does not answer")


def transfer(sender, receiver, ip, size, during=None):
    """TCP between two guests with a check of every byte; calls during() in the middle."""
    receiver.begin(f"/netpeer serve 5555 {size}")
    receiver.expect("LISTENING")
    sender.begin(f"/netpeer send {ip} 5555 {size}")
    if during:
        during()
    sent = sender.status(600)[1]
    got = receiver.status(60)[1]
    crc = pattern_crc(size)
    if f"SENT {size} {crc}" not in sent:
        sender.fail(f"sent: {sent}")
    if f"GOT {size} {crc}" not in got:
        receiver.fail(f"got: {got}")


def connected(a, b, size, ips=("192.168.5.1", "192.168.5.2")):
    """Two guests reach each other: ping, and TCP both ways."""
    a.address(ips[0])
    b.address(ips[1])
    a.expect_pong(ips[1])
    b.ping(ips[0])
    b.run(f"ping -c 2 -s 1400 -W 5 {ips[0]}")
    transfer(a, b, ips[1], size)
    transfer(b, a, ips[0], size)
