#!/usr/bin/env python3
"""gdb itself debugs a small guest: breakpoints, steps, watchpoints, registers, memory, threads."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "boot"))
import harness  # noqa: E402

SCRIPT = r"""
set pagination off
set confirm off
set architecture i386
target remote {address}
echo \n== registers\n
info registers pc
echo \n== break\n
break count
continue
info registers eax ebx
x/i $pc
echo \n== step\n
stepi
stepi
p $eax - *(int *)&counter
echo \n== temporary\n
tbreak turn
continue
echo \n== second\n
continue
p *(int *)&counter
echo \n== memory\n
set var *(int *)&counter = 5000
delete
echo \n== watch\n
watch *(int *)&counter
continue
continue
p *(int *)&counter
delete
echo \n== rwatch\n
rwatch *(int *)((char *)&table + 8)
continue
p $ecx * 4
delete
echo \n== register\n
set var $ebx = 77
p $ebx
p $xmm0.v4_int32[0]
p $st0
echo \n== threads\n
info threads
echo \n== monitor\n
monitor info version
echo \n== interrupt\n
detach
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def need_gdb():
    for name in ("gdb-multiarch", "gdb"):
        if shutil.which(name):
            return name
    return harness.skip("gdb is missing")


def build_guest(folder):
    if not shutil.which("gcc"):
        harness.skip("gcc is missing")
    elf = folder / "guest.elf"
    subprocess.run(["gcc", "-m32", "-nostdlib", "-static", "-no-pie", "-g",
                    "-Wl,--build-id=none", "-Wl,--no-warn-rwx-segments",
                    "-T", HERE / "guest.ld", "-o", elf, HERE / "guest.S"], check=True)
    return elf


def section(text, name):
    match = re.search(rf"^== {name}$(.*?)(?=^== |\Z)", text, re.MULTILINE | re.DOTALL)
    if not match:
        raise harness.TestFailure(f"gdb did not get to {name}:\n{text}")
    return match.group(1)


def need(text, name, pattern):
    if not re.search(pattern, section(text, name)):
        raise harness.TestFailure(f"{name}: no {pattern!r} in:\n{section(text, name)}")


def debug():
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        elf = build_guest(folder)
        address = f"localhost:{free_port()}"
        script = folder / "script"
        script.write_text(SCRIPT.format(address=address))
        command = ["-display", "none", "-net", "none", "-S", "-gdb",
                   "tcp::" + address.split(":")[1], "-kernel", elf, "-smp", "2",
                   "-monitor", "stdio"]
        with harness.Emulator("qemu-system-i386", command, limit=120) as vm:
            vm.expect(r"\(qemu\)")
            result = subprocess.run([need_gdb(), "-nx", "-batch", "-x", script, elf],
                                    stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=90,
                                    check=False)
            text = result.stdout.decode(errors="replace")
            print(text)
            need(text, "break", r"Breakpoint 1, .*count")
            need(text, "break", r"eax\s+0x\w+")
            need(text, "break", r"ebx\s+0x1\b")
            need(text, "break", r"=> 0x\w+ <count>:\s+mov\s+0x\w+,%eax")
            need(text, "step", r"= 1\b")
            need(text, "temporary", r"Temporary breakpoint 2, turn")
            need(text, "second", r"= 101\b")
            need(text, "watch", r"Old value = 5000\s+New value = 5001")
            need(text, "watch", r"Old value = 5001\s+New value = 5002")
            need(text, "watch", r"= 5002\b")
            need(text, "rwatch", r"Value = 4660\b")
            need(text, "rwatch", r"= 8\b")
            need(text, "register", r"= 77\b")
            need(text, "threads", r"Thread 1\.?1? .*CPU#0")
            need(text, "threads", r"CPU#1")
            need(text, "monitor", r"\d+\.\d+")
            # gone: the guest runs again
            vm.send("info status\n")
            vm.expect(r"VM status: running")
            vm.send("quit\n")
            if vm.wait() != 0:
                vm.fail("exit status")


harness.main(debug)
