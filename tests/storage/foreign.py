#!/usr/bin/env python3
"""Images that others make, and that others read: cloop, Bochs, Apple's disk images, User Mode
Linux's copy on write, and folders as FAT disks. Programs that the host lacks are skipped, which is
said. usage: foreign.py BIN"""
import base64
import bz2
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib

BIN = os.path.abspath(sys.argv[1])
QEMU_IMG = "/usr/bin/qemu-img"
PATH = "/usr/bin:/usr/sbin:/bin:/sbin"
SIZE = 4 << 20
FAILED, SKIPPED = [], []


def run(*words, cwd=None, env=None):
    p = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, timeout=120, cwd=cwd, env=env)
    return p.returncode, p.stdout.decode(errors="replace")


def ours(name):
    return os.path.join(BIN, name)


def check(name, ok, text=""):
    print(("PASS " if ok else "FAIL ") + name + ("" if ok else ": " + text.strip()[-400:]))
    if not ok:
        FAILED.append(name)


def must(name, *words, **options):
    code, text = run(*words, **options)
    check(name, code == 0, text)
    return code == 0


def needs(name, *programs):
    missing = [p for p in programs if not shutil.which(p, path=PATH)]
    if missing:
        print("SKIP %s: no %s" % (name, ", ".join(missing)))
        SKIPPED.append(name)
    return not missing


def same_image(name, form, image, source):
    """Ours reads what is in the source, and so does QEMU, if it knows the format."""
    must(name, ours("qemu-img"), "compare", "-f", form, "-F", "raw", image, source)
    code, text = run(ours("qemu-img"), "info", image)
    check(name + ", guessed", code == 0 and "file format: " + form in text, text)


def fill(path):
    dice = random.Random(11)
    with open(path, "wb") as f:
        f.truncate(SIZE)
        for _ in range(30):
            f.seek(dice.randrange(0, SIZE - 70000) // 512 * 512)
            f.write(dice.choice([dice.randbytes(65536), b"text " * 13000])[:65536])


# --- formats that are read ---

def cloop(folder, source):
    if not needs("cloop", "create_compressed_fs"):
        return
    for size in "64k", "512":
        image = os.path.join(folder, size + ".cloop")
        must("create_compressed_fs -B " + size, "create_compressed_fs", "-q", "-B", size, source,
             image, env={"PATH": PATH})
        # the last block is filled up
        back = os.path.join(folder, "back")
        must("cloop of " + size, ours("qemu-img"), "convert", "-f", "cloop", "-O", "raw", image,
             back)
        with open(source, "rb") as a, open(back, "rb") as b:
            check("bytes of cloop of " + size, a.read() == b.read(SIZE) and not b.read().strip(b"\0"))


def bochs(folder, source):
    if not needs("bochs", "bximage"):
        return
    image = os.path.join(folder, "bochs.img")
    must("bximage", "bximage", "-q", "-func=convert", "-imgmode=growing", source, image)
    same_image("bochs", "bochs", image, source)


def dmg_table(first, chunks):
    """A block table: header with a checksum that nobody asks for, then 40 bytes a chunk."""
    head = struct.pack(">4sIQQQII24s", b"mish", 1, first, sum(c[2] for c in chunks), 0, 2056, 0,
                       bytes(24)) + struct.pack(">II128sI", 2, 32, bytes(128), len(chunks) + 1)
    rows = b"".join(struct.pack(">IIQQQQ", kind, 0, at, count, offset, size)
                    for kind, at, count, offset, size in chunks)
    end = struct.pack(">IIQQQQ", 0xffffffff, 0, sum(c[2] for c in chunks), 0, 0, 0)
    return head + rows + end


def make_dmg(source, image):
    """All kinds of chunks that we read, in two tables, as Apple's tools lay them out."""
    with open(source, "rb") as f:
        disk = f.read()
    fork, tables = bytearray(), []
    half = SIZE // 1024  # sectors of each table
    for table in range(2):
        chunks, at = [], 0
        while at < half:
            count = min([512, 128, 64, 8][len(chunks) % 4], half - at)
            start = (table * half + at) * 512
            data = disk[start:start + count * 512]
            kind, packed = ((0x80000005, zlib.compress(data)), (0x80000006, bz2.compress(data)),
                            (1, data))[len(chunks) % 3]
            if not data.strip(b"\0"):
                kind, packed = (0, b"") if len(chunks) % 2 else (2, b"")
            chunks.append((kind, at, count, len(fork), len(packed)))
            fork += packed
            at += count
        tables.append(dmg_table(table * half, chunks))
    rows = "".join("<dict><key>Attributes</key><string>0x0050</string><key>Data</key><data>%s"
                   "</data><key>ID</key><string>%d</string><key>Name</key><string>part %d</string>"
                   "</dict>" % (base64.encodebytes(t).decode(), i, i)
                   for i, t in enumerate(tables))
    plist = ('<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0"><dict><key>resource-fork'
             "</key><dict><key>blkx</key><array>%s</array></dict></dict></plist>\n" % rows).encode()
    trailer = bytearray(512)
    struct.pack_into(">4sIIIQQQ", trailer, 0, b"koly", 4, 512, 1, 0, 0, len(fork))
    struct.pack_into(">II", trailer, 0x38, 1, 1)
    struct.pack_into(">QQ", trailer, 0xd8, len(fork), len(plist))
    struct.pack_into(">IQ", trailer, 0x1e8, 1, SIZE // 512)
    with open(image, "wb") as f:
        f.write(fork + plist + trailer)


def dmg(folder, source):
    image, flat = os.path.join(folder, "disk.dmg"), os.path.join(folder, "flat")
    make_dmg(source, image)
    same_image("dmg", "dmg", image, source)
    if needs("dmg2img agrees", "dmg2img"):
        must("dmg2img", "dmg2img", "-s", image, flat)
        must("dmg2img agrees", "cmp", source, flat)
    code, text = run(ours("qemu-io"), "-f", "dmg", "-c", "write 0 512", image)
    check("dmg is not written", code == 1 and "only be read" in text, text)


# --- User Mode Linux ---

def cow(folder, source):
    image, flat = os.path.join(folder, "disk.cow"), os.path.join(folder, "flat")
    top = os.path.join(folder, "top")
    writes = ["-c", "write -P 0x55 1M 100k", "-c", "write -P 0x66 3584 512", "-c",
              "write -P 0x77 %d 512" % (SIZE - 512)]

    def written(name):
        shutil.copy(source, top)
        run(ours("qemu-io"), "-f", "raw", *writes, top)
        same_image(name, "cow", image, top)

    for version in "2", "3":
        run(ours("qemu-img"), "create", "-q", "-f", "cow", "-o", "version=" + version, "-b", source,
            "-F", "raw", image)
        must("cow: writes, version " + version, ours("qemu-io"), "-f", "cow", *writes, image)
        written("cow of version " + version)
    if needs("cow with UML's tools", "uml_mkcow", "uml_moo"):
        must("uml_moo", "uml_moo", image, flat)
        must("uml_moo agrees", "cmp", top, flat)
        os.unlink(image)
        must("uml_mkcow", "uml_mkcow", image, source)
        must("cow of uml_mkcow: writes", ours("qemu-io"), "-f", "cow", *writes, image)
        written("cow of uml_mkcow")
    # version 2 as it was written on hosts of 32 bits
    with open(image, "wb") as f:
        f.write(struct.pack(">II1024sIQI", 0x4f4f4f4d, 2, source.encode(), 0, SIZE, 512))
        f.truncate(2560)
    must("cow of 32 bits: writes", ours("qemu-io"), "-f", "cow", *writes, image)
    written("cow of 32 bits")


# --- folders ---

class Mtools:
    """Debian's mtools on the first partition (or floppy) of a disk."""

    def __init__(self, disk):
        with open(disk, "rb") as f:
            mbr = f.read(512)
        start = struct.unpack("<I", mbr[454:458])[0] if mbr[446] == 0x80 else 0
        self.disk, self.start, self.at = disk, start * 512, "%s@@%d" % (disk, start * 512)

    def __call__(self, program, *words):
        return run(program, "-i", self.at, *words, env={"PATH": PATH, "MTOOLS_SKIP_CHECK": "1"})

    def fsck(self, name):
        part = self.disk + ".part"
        with open(self.disk, "rb") as f, open(part, "wb") as out:
            f.seek(self.start)
            shutil.copyfileobj(f, out, 1 << 20)
        must(name, "fsck.vfat", "-n", part)
        os.unlink(part)


def make_folder(path, big):
    os.makedirs(os.path.join(path, "sub", "deeper"))
    dice = random.Random(7)
    for name, size in (("A rather long name of a file.data", big), ("empty", 0), ("small.txt", 6),
                       ("sub/inner.bin", 5000), ("sub/deeper/X.Y", 1),
                       ("sub/%s.txt" % ("long " * 20), 700)):
        with open(os.path.join(path, name), "wb") as f:
            f.write(dice.randbytes(size))


def same_folders(name, a, b):
    must(name, "diff", "-r", a, b)


def fat_read(folder):
    source, disk = os.path.join(folder, "fat"), os.path.join(folder, "fat.raw")
    make_folder(source, 300000)
    for kind in "", "floppy:", "12:", "16:", "32:":
        if not must("fat:%s is read" % kind, ours("qemu-img"), "convert", "-O", "raw",
                    "fat:%s%s" % (kind, source), disk):
            continue
        tools, out = Mtools(disk), tempfile.mkdtemp(dir=folder)
        tools.fsck("fsck of fat:" + kind)
        tools("mcopy", "-s", "-n", "::", out + "/")
        same_folders("mtools read fat:" + kind, source, out)
    code, text = run(ours("qemu-io"), "-f", "raw", "-c", "write 0 512", "fat:" + source)
    check("fat: is not written", code == 1, text)


def served(sock, *words):
    process = subprocess.Popen([ours("qemu-nbd"), "-t", "-f", "raw", "-k", sock, *words],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    for _ in range(200):
        if os.path.exists(sock) or process.poll() is not None:
            break
        time.sleep(0.05)
    return process


def fat_write(folder, kind):
    """Changes of mtools, and what the folder is then."""
    source, disk = os.path.join(folder, "rw" + kind), os.path.join(folder, "rw.raw")
    sock, new = os.path.join(folder, "sock"), os.path.join(folder, "new")
    make_folder(source, 200000)
    with open(new, "wb") as f:
        f.write(os.urandom(70000))
    nbd = served(sock, "fat:rw:%s%s" % (kind, source))
    uri = "nbd+unix:///?socket=" + sock
    must("fat:rw:%s is read" % kind, ours("qemu-img"), "convert", "-f", "raw", "-O", "raw", uri, disk)
    tools = Mtools(disk)
    for words in (["mmd", "::NEWDIR"], ["mcopy", new, "::NEWDIR/A new long name.bin"],
                  ["mdel", "::sub/deeper/X.Y"], ["mren", "::small.txt", "::renamed long name.txt"],
                  ["mcopy", "-o", new, "::sub/inner.bin"], ["mrd", "::sub/deeper"],
                  ["mcopy", new, "::empty2"]):
        code, text = tools(*words)
        check("%s on fat:rw:%s" % (words[0], kind), code == 0, text)
    tools.fsck("fsck of fat:rw:%s before" % kind)
    must("fat:rw:%s is written" % kind, ours("qemu-img"), "convert", "-n", "-f", "raw", "-O", "raw",
         disk, uri)
    nbd.send_signal(signal.SIGTERM)
    nbd.wait()
    out = tempfile.mkdtemp(dir=folder)
    tools("mcopy", "-s", "-n", "::", out + "/")
    # a short name without small letters has none on the folder's side, either
    names = {name.upper() for name in os.listdir(out)}
    check("names of fat:rw:" + kind, {n.upper() for n in os.listdir(source)} == names,
          str(os.listdir(source)))
    same_folders("contents of fat:rw:" + kind, out, source)
    must("fat:rw:%s again" % kind, ours("qemu-img"), "convert", "-O", "raw",
         "fat:%s%s" % (kind, source), disk)
    Mtools(disk).fsck("fsck of fat:rw:%s after" % kind)


def folders(folder):
    if needs("folders", "mcopy", "mdel", "fsck.vfat"):
        fat_read(folder)
        for kind in "", "floppy:", "32:":
            fat_write(folder, kind)


def main():
    folder = tempfile.mkdtemp(prefix="ratite-foreign-")
    source = os.path.join(folder, "source")
    try:
        fill(source)
        for test in cloop, bochs, dmg, cow:
            test(folder, source)
        folders(folder)
    finally:
        shutil.rmtree(folder)
    print("%d failed, %d skipped" % (len(FAILED), len(SKIPPED)))
    sys.exit(1 if FAILED else 0)


main()
