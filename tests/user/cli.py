#!/usr/bin/env python3
"""The user-mode programs' options: what they do, and what is refused with which words."""

import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

EMU = pathlib.Path(os.environ.get("EMU", "build/release/bin")).resolve()
ECHO = "/bin/echo"
ENV = "/usr/bin/env"


def run(arguments, program="qemu-x86_64", env=None):
    return subprocess.run([EMU / program, *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False,
                          env=dict(os.environ, **(env or {})))


def elf(machine, big=False, bits=32):
    """The head of an ELF file for another processor."""
    order = ">" if big else "<"
    ident = b"\x7fELF" + bytes([1 if bits == 32 else 2, 2 if big else 1, 1]) + bytes(9)
    return ident + struct.pack(order + "HHI", 2, machine, 1) + bytes(64)


def main():
    failed = []

    def expect(name, ok, result):
        print(("ok " if ok else "FAILED ") + name)
        if not ok:
            print(result.returncode, result.stdout, result.stderr)
            failed.append(name)

    r = run([ECHO, "a", "b"])
    expect("runs", r.stdout == b"a b\n" and r.returncode == 0, r)
    r = run(["-E", "ONE=1,TWO=2", "-U", "HOME", ENV])
    lines = r.stdout.split(b"\n")
    expect("-E and -U", b"ONE=1" in lines and b"TWO=2" in lines
           and not any(x.startswith(b"HOME=") for x in lines), r)
    r = run([ENV], env={"QEMU_SET_ENV": "THREE=3"})
    expect("QEMU_SET_ENV", b"THREE=3" in r.stdout.split(b"\n"), r)
    r = run(["-0", "other", "/bin/busybox-none"])
    expect("missing program", r.returncode == 1 and b"No such file" in r.stderr, r)
    r = run(["-0", "name0", "/bin/bash", "-c", "echo $0"])
    expect("-0", r.stdout == b"name0\n", r)
    r = run(["-r", "9.8.7", "/bin/uname", "-r"])
    expect("-r", r.stdout == b"9.8.7\n", r)
    r = run(["-strace", ECHO, "x"])
    expect("-strace", re.search(rb"^\d+ write\(1,\"x\\n\",2\) = 2$", r.stderr, re.M), r)
    r = run([ECHO, "x"], env={"QEMU_STRACE": "1"})
    expect("QEMU_STRACE", b"write(1," in r.stderr, r)
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "log"
        r = run(["-d", "strace", "-D", log, ECHO, "x"])
        expect("-D", b"write(1," in log.read_bytes() and r.stderr == b"", r)
        for machine, big, bits, word in ((8, True, 32, b"try qemu-mips\n"),
                                         (40, False, 32, b"try qemu-arm\n"),
                                         (3, False, 32, b"try qemu-i386\n"),
                                         (183, False, 64, b"try qemu-aarch64\n")):
            foreign = pathlib.Path(folder) / "foreign"
            foreign.write_bytes(elf(machine, big, bits))
            r = run([foreign])
            expect(f"program for machine {machine}", r.returncode == 1 and word in r.stderr, r)
        # A script by a descriptor that closes: its interpreter still has to find it.
        script = pathlib.Path(folder) / "script"
        script.write_text("#!/bin/sh\necho script \"$1\"\n")
        script.chmod(0o755)
        r = run([sys.executable, "-c", "import os, sys; f = os.open(sys.argv[1], os.O_RDONLY);"
                 "os.execve(f, ['name', 'one'], os.environ)", script])
        expect("script by descriptor", r.stdout == b"script one\n", r)
        text = pathlib.Path(folder) / "text"
        text.write_bytes(b"no program at all" * 8)
        r = run([text])
        expect("no program", r.returncode == 1 and b"not an executable" in r.stderr, r)
        # The prefix holds what the root does not, and only then counts.
        (pathlib.Path(folder) / "etc").mkdir()
        (pathlib.Path(folder) / "etc" / "only-here").write_text("prefixed\n")
        r = run(["-L", folder, "/bin/cat", "/etc/only-here"])
        (pathlib.Path(folder) / "proc").mkdir()
        root = run(["-L", folder, "/bin/ls", "-A", "/"]).stdout.decode().split("\n")
        expect("-L has no root", set(root) >= set(os.listdir("/")), r)
        expect("-L has no /proc", b"self" in run(["-L", folder, "/bin/ls", "/proc"]).stdout, r)
        expect("-L", r.stdout == b"prefixed\n", r)
    r = run(["-s", "1M", "/bin/bash", "-c", "f() { [ $1 = 0 ] || f $(($1 - 1)); }; f 50; echo ok"])
    expect("-s", r.stdout == b"ok\n", r)
    r = run(["-singlestep", ECHO, "slow"])
    expect("-singlestep", r.stdout == b"slow\n", r)
    r = run(["-R", "0x40000000", ECHO, "small"])
    expect("-R", r.stdout == b"small\n", r)
    r = run(["-cpu", "?"], "qemu-arm")
    expect("-cpu ?", b"cortex-a9" in r.stdout and r.returncode == 0, r)
    r = run(["-version"], "qemu-i386")
    expect("-version", b"qemu-i386 version 0.10.4" in r.stdout, r)
    r = run(["-h"], "qemu-arm")
    expect("-h", b"QEMU_LD_PREFIX" in r.stdout and b"-strace" in r.stdout, r)
    for arguments, word in (([], b"which program"), (["-bogus"], b"unknown option"),
                            (["-s", "x", ECHO], b"-s: x: not a size"),
                            (["-s", "10", ECHO], b"at least 16384"),
                            (["-E", "novalue", ECHO], b"VARIABLE=VALUE"),
                            (["-cpu", "nosuch", ECHO], b"nosuch"),
                            (["-d", "bogus", ECHO], b"bogus"),
                            (["-B", "5", ECHO], b"multiple of 4096"),
                            (["-p", "100", ECHO], b"powers of two")):
        r = run(arguments)
        expect("refused: " + " ".join(arguments), r.returncode == 1 and word in r.stderr
               and not r.stdout, r)
    print(f"{len(failed)} failed")
    return 1 if failed else 0


if not pathlib.Path("/bin/bash").exists():
    sys.exit(77)
sys.exit(main())
