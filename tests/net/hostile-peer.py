#!/usr/bin/env python3
"""A guest whose network peer misbehaves: it stalls, floods, sends half, short and oversized frames or
disappears. The guest must keep running and the user be told once."""

import os
import pathlib
import socket
import struct
import tempfile
import time

from lab import Guest, build_initrd, enter_namespace, free_port, harness

BROADCAST = b"\xff" * 6 + b"\x52\x54\0\0\0\1" + b"\x08\0"


def framed(frame):
    return struct.pack(">I", len(frame)) + frame


class Peer:
    """The other end of -net socket,connect= or -netdev stream: a listener of ours."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(4)
        self.port = self.listener.getsockname()[1]

    def accept(self):
        self.listener.settimeout(60)
        client, _ = self.listener.accept()
        client.settimeout(10)
        return client


def alive(vm, what):
    """The guest computes and its network card takes packets to send."""
    text = vm.run("ping -c 1 -W 1 192.168.5.9; seq 1 1000 | md5sum; echo DONE", 40)
    if "53d025127ae99ab79e8502aae2d9bea6" not in text or "DONE" not in text:
        vm.fail(f"the guest does not run any more: {what}\n{text}")


def told(vm, part, times):
    """How often the emulator spoke about it."""
    text = vm.output.decode(errors="replace")
    count = sum(part in line for line in text.splitlines() if line.startswith("qemu-system-i386: "))
    if count != times:
        vm.fail(f'"{part}" was reported {count} times, not {times}')


def flood(client, seconds=1.5):
    """As many frames as go in."""
    frame = framed(BROADCAST + bytes(1000))
    until = time.monotonic() + seconds
    sent = 0
    while time.monotonic() < until:
        try:
            sent += client.send(frame * 20)
        except socket.timeout:
            break
    return sent


def stall(vm):
    """A peer that reads nothing: the guest's frames fill the buffers and are held back."""
    vm.run("(/netpeer ask 192.168.5.9 9 400 >/dev/null 2>&1 &); arp -s 192.168.5.9 52:54:00:00:00:09;"
           "dd if=/dev/zero bs=1400 count=20 2>/dev/null | md5sum >/dev/null", check=False)
    vm.run("ping -c 300 -i 0 -s 1400 -W 1 192.168.5.9 >/dev/null & p=$!; sleep 4; kill $p", 30,
           check=False)


def stream_peer(option):
    peer = Peer()
    with Guest(["-netdev", option.format(peer.port), "-device", "e1000,netdev=n"], limit=300) as vm:
        client = peer.accept()
        vm.address("192.168.5.1")
        stall(vm)
        alive(vm, "the peer reads nothing")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        sent = flood(client)
        alive(vm, "flood")
        print(f"flooded with {sent >> 10} KiB")
        for length in (0, 1, 13, 14, 59):
            client.sendall(framed((BROADCAST + bytes(60))[:length]))
        client.sendall(framed(BROADCAST + bytes(60000)))
        alive(vm, "short and long frames")
        client.sendall(framed(BROADCAST + bytes(500))[:300])
        alive(vm, "half a frame")
        told(vm, "127.0.0.1", 0)
        client.sendall(bytes(4 + len(BROADCAST) + 500 - 300))
        client.sendall(struct.pack(">I", 0xfffffff0) + bytes(100))
        alive(vm, "an impossible length")
        told_within(vm, "too large", 1)
        client.close()
        if "reconnect" in option:
            client = peer.accept()
            client.sendall(framed(BROADCAST + bytes(60)))
            alive(vm, "a new connection")
            client.close()
            told_within(vm, "127.0.0.1", 2)
            peer.listener.close()
            time.sleep(3)
            alive(vm, "nobody to connect to")
            told(vm, "Connection refused", 0)
        told(vm, "127.0.0.1", 2 if "reconnect" in option else 1)


def told_within(vm, part, times, seconds=60):
    until = time.monotonic() + seconds
    while vm.output.count(b"qemu-system-i386: ") < times and time.monotonic() < until:
        vm.run("true")
        time.sleep(0.2)
    told(vm, part, times)


def vanishing_client():
    """-net socket,listen: clients come, leave in the middle of a frame, and others come."""
    port = free_port()
    with Guest(["-net", "nic,model=virtio", "-net", f"socket,listen=127.0.0.1:{port}"], limit=300) as vm:
        vm.address("192.168.5.1")
        for number in range(3):
            client = socket.create_connection(("127.0.0.1", port), timeout=20)
            client.sendall(framed(BROADCAST + bytes(500))[:300])
            alive(vm, f"client {number}")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        until = time.monotonic() + 10
        while vm.output.count(b"-net socket,listen") < 3 and time.monotonic() < until:
            vm.run("true")
        told(vm, f"-net socket,listen=127.0.0.1:{port}", 3)


def datagrams():
    """A UDP tunnel: garbage of every size, and a peer that is not there (ICMP errors)."""
    here, there = free_port(), free_port()
    with Guest(["-net", "nic,model=rtl8139", "-net",
                f"socket,udp=127.0.0.1:{there},localaddr=127.0.0.1:{here}"], limit=300) as vm:
        vm.address("192.168.5.1")
        alive(vm, "nobody listens")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(("127.0.0.1", there))
            for length in (0, 1, 13, 14, 60, 1514, 1515, 9000, 65000):
                s.sendto((BROADCAST + os.urandom(65000))[:length], ("127.0.0.1", here))
            for _ in range(20000):
                s.sendto(BROADCAST + bytes(1400), ("127.0.0.1", here))
        alive(vm, "datagrams of every size")
        told(vm, f"udp=127.0.0.1:{there}", 0)


def test():
    enter_namespace()
    with tempfile.TemporaryDirectory() as scratch:
        tempfile.tempdir = scratch
        Guest.initrd = build_initrd(pathlib.Path(scratch))
        stream_peer("socket,id=n,connect=127.0.0.1:{}")
        stream_peer("stream,id=n,server=off,addr.type=inet,addr.host=127.0.0.1,addr.port={},reconnect=1")
        vanishing_client()
        datagrams()


harness.main(test)
