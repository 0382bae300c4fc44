#!/usr/bin/env python3
"""Runs the fuzz targets of disks for long, one after another, from small valid images.

    fuzz-long.py BUILD [--runs 1000000] [--seeds-from BIN] [--log FILE] [TARGET ...]

BUILD is the folder of the preset "fuzz". Seeds are made by qemu-img of BIN (default: the release
build beside it) and by hand. Each target's line in the log says how many executions it made and
whether anything was found; a finding stays in the folder `findings`.
"""
import argparse
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
IMAGES = ("raw", "qcow2", "qcow", "cow", "vmdk", "vpc", "vdi", "parallels", "bochs", "cloop", "dmg")
TARGETS = [f"image-{name}" for name in IMAGES] + ["nbd-client", "nbd-server", "vvfat"]

# format: (options, size, more commands of qemu-io)
RECIPES = {
    "raw": [("", "8k")],
    "qcow2": [("cluster_size=512", "64k"), ("cluster_size=512,compat=0.10", "64k"),
              ("cluster_size=1024,lazy_refcounts=on,refcount_bits=1", "256k"),
              ("cluster_size=512,compression_type=zstd,refcount_bits=64", "32k"),
              ("cluster_size=512,encryption=on", "32k")],
    "qcow": [("", "64k"), ("encryption=on", "64k")],
    "cow": [("", "64k")],
    "vmdk": [("", "64k"), ("compat6", "64k"),
             ("subformat=monolithicFlat", "64k"), ("subformat=twoGbMaxExtentSparse", "64k")],
    "vpc": [("", "64k"), ("subformat=fixed", "16k")],
    "vdi": [("", "64k"), ("static=on", "16k")],
    "parallels": [("cluster_size=4096", "64k"), ("", "64k")],
}


def image_seeds(qemu_img, qemu_io, name, folder):
    for number, (options, size) in enumerate(RECIPES.get(name, ())):
        path = folder / f"seed-{number}"
        words = ["-o", options] if options else []
        made = subprocess.run([qemu_img, "create", "-q", "-f", name, *words, path, size],
                              input=b"key\nkey\n", capture_output=True)
        if made.returncode:
            print(f"no seed {name} {options}: {made.stderr.decode().strip()}", file=sys.stderr)
            path.unlink(missing_ok=True)
            continue
        for text in "write -P 1 0 1k", "write -P 2 7k 1k", "write -z 4k 2k":
            subprocess.run([qemu_io, "-f", name, "-c", text, path], capture_output=True,
                           input=b"key\n")
        if name == "qcow2":
            subprocess.run([qemu_img, "snapshot", "-c", "one", path], capture_output=True,
                           input=b"key\n")
            subprocess.run([qemu_io, "-f", name, "-c", "write -P 3 512 2k", path],
                           capture_output=True, input=b"key\n")


def cloop_seed():
    blocks = [zlib.compress(bytes([n]) * 512) for n in range(4)]
    head = b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n"
    at = 128 + 8 + 8 * (len(blocks) + 1)
    offsets = [at + sum(map(len, blocks[:n])) for n in range(len(blocks) + 1)]
    return (head.ljust(128, b"\0") + struct.pack(">II", 512, len(blocks)) +
            struct.pack(f">{len(offsets)}Q", *offsets) + b"".join(blocks))


def bochs_seed():
    head = b"Bochs Virtual HD Image".ljust(32, b"\0") + b"Redolog".ljust(16, b"\0")
    head += b"Growing".ljust(16, b"\0") + struct.pack("<IIIII", 0x20000, 512, 4, 1, 4096)
    head += struct.pack("<IQ", 0, 4 * 4096)
    catalog = struct.pack("<4I", 0, 0xffffffff, 1, 0xffffffff)
    return head.ljust(512, b"\0") + catalog + (b"\xff" * 512 + b"b" * 4096) * 2


def dmg_seed():
    packed = zlib.compress(b"z" * 4096)
    rows = [(0x80000005, 0, 8, 0, len(packed)), (1, 8, 2, len(packed), 1024), (0, 10, 6, 0, 0),
            (0xffffffff, 16, 0, 0, 0)]
    table = b"mish" + struct.pack(">IQQQII", 1, 0, 16, 0, 0, 0) + bytes(24) + bytes(136)
    table += struct.pack(">I", len(rows))
    table += b"".join(struct.pack(">IIQQQQ", kind, 0, *rest) for kind, *rest in rows)
    import base64
    text = (b"<plist><dict><key>resource-fork</key><dict><key>blkx</key><array><dict>"
            b"<key>Data</key><data>" + base64.b64encode(table) +
            b"</data></dict></array></dict></dict></plist>")
    data = packed + b"r" * 1024
    koly = b"koly" + struct.pack(">IIIQQQQQ", 4, 512, 1, 0, 0, len(data), 0, 0)
    koly = koly.ljust(0xd8, b"\0") + struct.pack(">QQ", len(data), len(text))
    koly = koly.ljust(0x1ec, b"\0") + struct.pack(">Q", 16)
    return data + text + koly.ljust(512, b"\0")


def option(number, data=b""):
    return b"IHAVEOPT" + struct.pack(">II", number, len(data)) + data


def request(kind, at, length, data=b"", flags=0):
    return struct.pack(">IHHQQI", 0x25609513, flags, kind, 7, at, length) + data


def server_seeds():
    asks = (request(0, 0, 512) + request(1, 512, 16, b"w" * 16, 1) + request(3, 0, 0) +
            request(4, 4096, 4096) + request(6, 8192, 4096, b"", 2) + request(7, 0, 65536) +
            request(5, 0, 512) + request(2, 0, 0))
    context = struct.pack(">III", 0, 1, 15) + b"base:allocation"
    go = struct.pack(">IHHH", 0, 2, 3, 1)
    yield asks + bytes(len(asks) % 2 == 0)
    for talk in (option(8) + option(10, context) + option(7, go), option(3) + option(1),
                 option(9, context) + option(6, go) + option(5) + option(99, b"x") + option(2)):
        seed = struct.pack(">I", 3) + talk + asks
        yield seed + bytes(len(seed) % 2)


def answer(number, kind, data=b""):
    return struct.pack(">QIII", 0x3e889045565a9, number, kind, len(data)) + data


def chunk(handle, kind, data, flags=1):
    return struct.pack(">IHHQI", 0x668e33ef, flags, kind, handle, len(data)) + data


def client_seeds():
    def simple(handle):
        return struct.pack(">IIQ", 0x67446698, 0, handle)
    export = struct.pack(">HQH", 0, 4096, 0x6d)
    yield (b"NBDMAGIC" + struct.pack(">QQI", 0x420281861253, 4096, 0x6d) + bytes(124) +
           simple(1) + b"o" * 4096 + b"".join(map(simple, range(2, 7))))
    plain = b"NBDMAGICIHAVEOPT" + struct.pack(">H", 3)
    yield (plain + answer(8, 0x80000001) + answer(7, 3, export) + answer(7, 1) +
           simple(1) + b"n" * 4096 + b"".join(map(simple, range(2, 7))))
    yield (plain + answer(8, 1) + answer(10, 4, struct.pack(">I", 5) + b"base:allocation") +
           answer(10, 1) + answer(7, 3, export) + answer(7, 1) +
           chunk(1, 5, struct.pack(">III", 5, 4096, 3)) +
           chunk(2, 1, struct.pack(">Q", 0) + b"s" * 2048, 0) +
           chunk(2, 2, struct.pack(">QI", 2048, 2048)) + simple(3) +
           chunk(4, 0x8001, struct.pack(">IH", 5, 0)) + simple(5) + simple(6))
    yield plain + answer(8, 0x80000001) + answer(7, 0x80000001) + struct.pack(">QH", 4096, 1)


def by_hand(name):
    return {"image-cloop": lambda: [cloop_seed()], "image-bochs": lambda: [bochs_seed()],
            "image-dmg": lambda: [dmg_seed()], "nbd-server": server_seeds,
            "nbd-client": client_seeds,
            "vvfat": lambda: [bytes(8), bytes([1, 0, 0, 4]) + b"text", b"\2" + b"\0\2\x20a" * 20],
            }.get(name, lambda: [])()


def run(program, seeds, findings, runs, seconds):
    command = [program, f"-runs={runs}", "-malloc_limit_mb=256", "-rss_limit_mb=3000",
               "-max_len=65536", "-timeout=100", "-print_final_stats=1", "-detect_leaks=0",
               f"-artifact_prefix={findings}/{program.name}-", seeds]
    if seconds:
        command.append(f"-max_total_time={seconds}")
    # Leaks are looked for once, at the end.
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        done = subprocess.run(command, stderr=output, stdout=subprocess.DEVNULL)
        output.seek(0)
        text = "".join(line for line in output if not line.startswith("warning: "))
    count = re.search(r"stat::number_of_executed_units:\s*(\d+)", text)
    cover = re.findall(r"cov: (\d+)", text)
    found = re.search(r"^(SUMMARY:.*|.*runtime error:.*)$", text, re.M)
    if found or done.returncode:
        (findings / f"{program.name}.txt").write_text(text[-20000:])
    return (f"{program.name}: {count.group(1) if count else '?'} executions, "
            f"cov {cover[-1] if cover else '?'}, "
            f"{found.group(1) if found else 'nothing found'}, exit {done.returncode}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--runs", type=int, default=1000000)
    parser.add_argument("--seconds", type=int, help="at most so long for each target")
    parser.add_argument("--seeds-from", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--log", type=pathlib.Path)
    parser.add_argument("--findings", type=pathlib.Path, default=pathlib.Path("findings"))
    options = parser.parse_intermixed_args()
    options.findings.mkdir(exist_ok=True)
    os.environ["ASAN_OPTIONS"] = "allocator_may_return_null=1"
    failed = False
    for name in options.targets or TARGETS:
        with tempfile.TemporaryDirectory() as scratch:
            seeds = pathlib.Path(scratch)
            if name.startswith("image-"):
                image_seeds(options.seeds_from / "qemu-img", options.seeds_from / "qemu-io",
                            name.removeprefix("image-"), seeds)
            for number, data in enumerate(by_hand(name)):
                (seeds / f"hand-{number}").write_bytes(data)
            line = run(options.build / "tests/storage" / f"fuzz-{name}", seeds, options.findings,
                       options.runs, options.seconds)
        failed |= not line.endswith("nothing found, exit 0")
        print(line, flush=True)
        if options.log:
            with open(options.log, "a", encoding="utf-8") as log:
                log.write(line + "\n")
    return failed


sys.exit(main())
