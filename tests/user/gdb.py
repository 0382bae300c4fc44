#!/usr/bin/env python3
"""gdb itself debugs user programs: breakpoints, steps, watchpoints, registers, memory, signals,
threads, the end of the program."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile

EMU = pathlib.Path(os.environ.get("EMU", "build/release/bin")).resolve()

PROGRAM = r"""
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
volatile int counter, table[8] = {1, 2, 3, 4, 5, 6, 7, 8}, got;
char text[16] = "before";
__attribute__((noinline)) void turn(int n) { counter += n; }
__attribute__((noinline)) void meet(void) { __asm__ volatile("" : : : "memory"); }
static void handler(int sig) { got = sig; }
static void *other(void *opaque) { meet(); return 0; }
int main(void)
{
    pthread_t thread;
    for (int i = 1; i <= 3; i++)
        turn(i);
    table[3] = 40;
    signal(SIGUSR1, handler);
    raise(SIGUSR1);
    pthread_create(&thread, 0, other, 0);
    pthread_join(thread, 0);
    return strcmp(text, "after") ? 1 : 42;
}
"""

SCRIPT = r"""
set pagination off
set confirm off
set debuginfod enabled off
target remote {address}
echo \n== start\n
p $pc != 0
echo \n== break\n
break turn
continue
p n
p counter
echo \n== step\n
finish
p counter
stepi
p $pc != 0
echo \n== second\n
continue
p n
delete
echo \n== watch\n
watch table[3]
continue
p table[3]
delete
echo \n== signal\n
handle SIGUSR1 stop print pass
break handler
continue
continue
p sig
delete
echo \n== memory\n
set var *(int *)text = 0x65746661
set var text[4] = 'r'
set var text[5] = 0
p (char *)text
echo \n== threads\n
break meet
continue
info threads
bt
delete
echo \n== end\n
continue
"""

WANTED = [
    ("start", r"= 1"),
    ("break", r"Breakpoint 1, .*turn \(n=.*1\)(.|\n)*= 1\n(.|\n)*= 0\n"),
    ("step", r"= 1\n(.|\n)*= 1\n"),
    ("second", r"= 2\n"),
    ("watch", r"Old value = 4\n(.|\n)*New value = 40\n(.|\n)*= 40\n"),
    ("signal", r"received signal SIGUSR1(.|\n)*handler \(sig=10\)(.|\n)*= 10\n"),
    ("memory", r'= .*"after"'),
    ("threads", r"meet \(\)(.|\n)*Thread (.|\n)*Thread (.|\n)*other \("),
    ("end", r"exited with code 052"),
]

TARGETS = [("qemu-x86_64", "gcc"), ("qemu-i386", "i686-linux-gnu-gcc"),
           ("qemu-arm", "arm-linux-gnueabihf-gcc")]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def debug(gdb, emulator, program, accel, folder):
    port = free_port()
    script = folder / "script"
    script.write_text(SCRIPT.format(address=f"localhost:{port}"))
    with subprocess.Popen([EMU / emulator, "-accel", accel, "-g", str(port), program]) as guest:
        result = subprocess.run([gdb, "-nx", "-batch", "-x", script, program], check=False,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, timeout=100)
        status = guest.wait(10)
    text = result.stdout.decode(errors="replace")
    parts = dict(re.findall(r"^== (\w+)$(.*?)(?=^== |\Z)", text, re.MULTILINE | re.DOTALL))
    failed = [name for name, pattern in WANTED if not re.search(pattern, parts.get(name, ""))]
    if status != 42:
        failed.append(f"status {status}")
    print(f"{emulator} {accel}: {'ok' if not failed else 'FAILED ' + ', '.join(failed)}")
    if failed:
        print(text)
    return len(failed)


def main():
    gdb = shutil.which("gdb-multiarch") or shutil.which("gdb")
    if not gdb:
        print("gdb is missing")
        return 77
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "program.c").write_text(PROGRAM)
        for emulator, compiler in TARGETS:
            if not shutil.which(compiler):
                continue
            program = folder / emulator
            subprocess.run([compiler, "-g", "-O1", "-static", "-pthread", "-w", "-o", program,
                            folder / "program.c"], check=True)
            for accel in ("interp", "jit,threshold=100"):
                failed += debug(gdb, emulator, program, accel, folder)
    return 1 if failed else 0


sys.exit(main())
