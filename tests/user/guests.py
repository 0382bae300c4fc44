#!/usr/bin/env python3
"""Guest programs, compiled here for each architecture that there is a compiler for, and run.

Each program in guests/ prints what it saw and exits with 0. What it prints does not depend on the
architecture, so the reference is the same program run natively.
"""

import gzip
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

EMU = pathlib.Path(os.environ.get("EMU", "build/release/bin")).resolve()
HERE = pathlib.Path(__file__).resolve().parent / "guests"

# architecture: compiler, flags, emulator, folder of its libraries
TARGETS = {
    "x86_64": ("gcc", [], "qemu-x86_64", "/"),
    "i386": ("i686-linux-gnu-gcc", [], "qemu-i386", "/usr/i686-linux-gnu"),
    "armel": ("arm-linux-gnueabi-gcc", [], "qemu-arm", "/usr/arm-linux-gnueabi"),
    "armhf": ("arm-linux-gnueabihf-gcc", ["-marm"], "qemu-arm", "/usr/arm-linux-gnueabihf"),
    "thumb": ("arm-linux-gnueabihf-gcc", ["-mthumb"], "qemu-arm", "/usr/arm-linux-gnueabihf"),
    "armeb": ("arm-linux-gnueabi-gcc", ["-mbig-endian", "-ffreestanding", "-nostdlib"],
              "qemu-armeb", "/"),
}


# -accel, and which programs it runs: compiled code, also with what it does compared.
MODULE = EMU.parent / "lib" / "ratite" / "jit-llvm.so"
TIERS = {"interp": None, "jit,threshold=300": None, "check,threshold=500": ("code", "threads")}


def tiers(program):
    for tier, programs in TIERS.items():
        if tier == "interp" or (MODULE.exists() and (not programs or program in programs)):
            yield tier


def build(target, source, out, static):
    compiler, flags = TARGETS[target][:2]
    command = [compiler, "-O1", "-w", "-pthread", *flags, "-o", out, source, "-lrt", "-latomic"]
    if "-nostdlib" in flags:
        command.remove("-pthread")
        command.remove("-lrt")
        command.remove("-latomic")
    if static:
        command.insert(1, "-static")
    subprocess.run(command, check=True)


# What AddressSanitizer says on a thread whose stack it did not make.
NOTICE = re.compile(rb"==\d+==WARNING: ASan is ignoring requested .*\n"
                    rb"False positive error .*\nFor details see .*\n")


def run(command, folder):
    try:
        got = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                             check=False)
        got.stdout = NOTICE.sub(b"", got.stdout)
        return got
    except subprocess.TimeoutExpired as late:
        return subprocess.CompletedProcess(command, "none in 60 s", late.stdout or b"")


def check(name, got, want):
    if got.returncode == want.returncode and got.stdout == want.stdout:
        print(f"ok {name}")
        return 0
    print(f"FAILED {name}: status {got.returncode}, not {want.returncode}")
    print(got.stdout.decode(errors="replace"))
    print("--- expected:")
    print(want.stdout.decode(errors="replace"))
    return 1


def run_programs(folder, targets, only):
    failed = 0
    for source in sorted(HERE.glob("*.c")):
        if source.stem.startswith("bare-") or (only and source.stem not in only):
            continue
        native = folder / f"{source.stem}-native"
        build("x86_64", source, native, False)
        want = run([native], folder)
        if want.returncode:
            print(f"FAILED {source.stem}: natively: status {want.returncode}")
            print(want.stdout.decode(errors="replace"))
            failed += 1
            continue
        for target in targets:
            if target == "armeb":
                continue
            emulator, prefix = TARGETS[target][2:]
            # Static and dynamic in turns: both loaders see every kind of call.
            static = (len(source.stem) + len(target)) % 2 == 0
            out = folder / f"{source.stem}-{target}"
            build(target, source, out, static)
            # The cache of the host's linker names libraries of its own, perhaps of another version.
            library = [] if prefix == "/" else ["-E", f"LD_LIBRARY_PATH={prefix}/lib"]
            for tier in tiers(source.stem):
                got = run([EMU / emulator, "-accel", tier, "-L", prefix, *library, out], folder)
                failed += check(f"{target} {source.stem}{' static' if static else ''} {tier}", got,
                                want)
    return failed


def run_bare(folder, targets):
    """Big-endian ARM has no library here: one program without any."""
    if "armeb" not in targets:
        return 0
    failed = 0
    for flags in (["-mbe8"], ["-mbe32"]):
        out = folder / ("bare" + flags[0])
        subprocess.run(["arm-linux-gnueabi-gcc", "-O1", "-w", "-static", "-nostdlib",
                        "-ffreestanding", "-mbig-endian", "-Wl," + flags[0].replace("-m", "--")
                        if flags[0] == "-mbe8" else "-Wl,-EB", "-o", out, HERE / "bare-be.c"],
                       check=True)
        got = run([EMU / "qemu-armeb", out], folder)
        want = subprocess.CompletedProcess([], 7, b"big endian\n")
        failed += check(f"armeb {flags[0]}", got, want)
    return failed


def flat_file(image, relocations):
    """bFLT version 4 of an image linked for address 0; data lie behind text in it."""
    words = bytearray(image)
    for at in relocations:  # in network order, as in the file
        words[at:at + 4] = words[at:at + 4][::-1]
    end = 64 + len(words)
    header = struct.pack(">4s9I", b"bFLT", 4, 64, end, end, end + 8192, 16384, end,
                         len(relocations), 1)
    return (header.ljust(64, b"\0") + bytes(words)
            + b"".join(struct.pack(">I", at) for at in relocations))


def link_flat(folder, base):
    out = folder / "flat.elf"
    subprocess.run(["arm-linux-gnueabi-gcc", "-O1", "-w", "-static", "-nostdlib", "-ffreestanding",
                    "-fno-pic", "-marm", "-Wl,--build-id=none", f"-Wl,-T,{folder / 'flat.ld'}",
                    f"-Wl,--defsym=base={base}", "-o", out, HERE / "bare-flat.c"], check=True)
    image = folder / "flat.image"
    subprocess.run(["arm-linux-gnueabi-objcopy", "-O", "binary", "-j", ".all", out, image],
                   check=True)
    data = image.read_bytes()
    return data + bytes(-len(data) % 4)


def run_flat(folder, targets):
    """Linked for two addresses: the words that differ are what must be relocated."""
    if "armel" not in targets:
        return 0
    (folder / "flat.ld").write_text(
        "SECTIONS { . = base; .all : { *(.text.start) *(.text*) *(.rodata*) *(.data*) }\n"
        ".bss : { *(.bss*) } /DISCARD/ : { *(.ARM*) *(.note*) *(.comment) } }\n"
        "ENTRY(_start)\n")
    low, high = link_flat(folder, 0), link_flat(folder, 0x1000000)
    relocations = [at for at in range(0, len(low), 4) if low[at:at + 4] != high[at:at + 4]]
    # The entry is the start of the image: a branch to it.
    symbols = subprocess.run(["arm-linux-gnueabi-nm", folder / "flat.elf"], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    entry = next(int(x.split()[0], 16) for x in symbols.splitlines() if x.endswith(" _start"))
    entry -= 0x1000000
    program = folder / "flat"
    data = bytearray(flat_file(low, relocations))
    data[8:12] = struct.pack(">I", 64 + entry)
    want = subprocess.CompletedProcess([], 3, b"flat works\nargument")
    failed = 0
    # Text and data are one here: where data begin matters to compression alone.
    data_start = 64 + len(low) // 2
    for name, flags, start in (("", 1, None), (" compressed", 1 | 4, 64),
                               (" with compressed data", 1 | 8, data_start)):
        data[12:16] = struct.pack(">I", data_start)
        data[36:40] = struct.pack(">I", flags)
        packed = data if start is None else data[:start] + gzip.compress(data[start:])
        program.write_bytes(packed)
        got = run([EMU / "qemu-arm", program, "argument", "three"], folder)
        failed += check("arm bFLT" + name, got, want)
        program.write_bytes(packed[:-len(packed) // 4])
        got = run([EMU / "qemu-arm", program, "argument", "three"], folder)
        failed += check("arm bFLT cut off" + name, got,
                        subprocess.CompletedProcess([], 1, got.stdout if b"bFLT" in got.stdout
                                                    else b"a message about bFLT"))
    return failed


def run_semihosted(folder, targets):
    failed = 0
    for flag in ("-marm", "-mthumb"):
        if "armhf" not in targets:
            break
        out = folder / ("semihost" + flag)
        subprocess.run(["arm-linux-gnueabihf-gcc", "-O1", "-w", "-static", "-nostdlib",
                        "-ffreestanding", flag, "-o", out, HERE / "bare-semihost.c"], check=True)
        got = run([EMU / "qemu-arm", out, "one", "last"], folder)
        want = subprocess.CompletedProcess([], 5, b"angel last\nheap\n")
        failed += check(f"semihosting {flag}", got, want)
    return failed


def run_inside(folder, targets):
    """The emulator inside of the emulator."""
    program = folder / "true"
    subprocess.run(["gcc", "-O1", "-static", "-x", "c", "-", "-o", program], check=True,
                   input=b'#include <stdio.h>\nint main(void) { puts("inside"); return 4; }')
    if b"__asan_init" in (EMU / "ratite").read_bytes():
        return 0  # a sanitizer's shadow has no place in the guest
    got = run([EMU / "qemu-x86_64", EMU / "qemu-x86_64", program], folder)
    return check("emulator in emulator", got, subprocess.CompletedProcess([], 4, b"inside\n"))


def main():
    only = sys.argv[1:]  # names of programs; none: all
    targets = [t for t in TARGETS if shutil.which(TARGETS[t][0])]
    missing = sorted(set(TARGETS) - set(targets))
    if missing:
        print("no compiler for " + ", ".join(missing) + " (scripts/packages lists them)")
    if "x86_64" not in targets:
        return 77
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        failed = run_programs(folder, targets, only)
        for bare in (run_bare, run_flat, run_semihosted, run_inside):
            failed += bare(folder, targets)
    print(f"{failed} failed")
    return 1 if failed else 0


sys.exit(main())
