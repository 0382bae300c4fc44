#!/usr/bin/env python3
"""Every image format against QEMU's qemu-img: made by one program, read by the other, both ways.
usage: formats.py BIN"""
import os
import random
import shutil
import subprocess
import sys
import tempfile

OURS, THEIRS = os.path.join(sys.argv[1], "qemu-img"), "/usr/bin/qemu-img"
SIZE = 8 << 20
# format, creation options, which the reader may round up to its own geometry
FORMATS = [
    ("raw", None), ("qcow2", None), ("qcow2", "compat=0.10"), ("qcow2", "cluster_size=512"),
    ("qcow2", "cluster_size=2M"), ("qcow2", "refcount_bits=1"), ("qcow2", "refcount_bits=64"),
    ("qcow2", "compression_type=zstd"), ("qcow2", "preallocation=metadata"),
    ("qcow2", "lazy_refcounts=on"), ("qcow", None), ("vmdk", None),
    ("vmdk", "subformat=monolithicFlat"), ("vmdk", "subformat=twoGbMaxExtentSparse"),
    ("vmdk", "subformat=twoGbMaxExtentFlat"), ("vmdk", "compat6=on"), ("vpc", None),
    ("vpc", "subformat=fixed"), ("vpc", "force_size=on"), ("vdi", None), ("vdi", "static=on"),
    ("parallels", None),
]
CHECKED = ("qcow2", "vmdk", "vdi")
failed = []


def run(*words):
    p = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    return p.returncode, p.stdout + p.stderr


def must(name, *words):
    code, text = run(*words)
    if code:
        print("FAIL %s: %s: %s" % (name, " ".join(words[:2]), text.strip()[-200:]))
        failed.append(name)
    return code == 0


def fill(path):
    dice = random.Random(5)
    with open(path, "wb") as f:
        f.truncate(SIZE)
        for _ in range(60):
            f.seek(dice.randrange(0, SIZE - 70000) // 512 * 512)
            f.write(dice.randbytes(dice.choice([512, 4096, 65536])))


def options(text):
    return ["-o", text] if text else []


def both_ways(folder, source, form, text):
    image, back = os.path.join(folder, "image"), os.path.join(folder, "back")
    for writer, reader in ((OURS, THEIRS), (THEIRS, OURS)):
        name = "%s%s by %s" % (form, " " + text if text else "",
                               "ours" if writer == OURS else "QEMU")
        if not must(name, writer, "convert", "-f", "raw", "-O", form, *options(text), source, image):
            continue
        ok = all(must(name, r, "compare", "-f", "raw", "-F", form, source, image)
                 for r in (OURS, THEIRS))
        ok = ok and must(name, reader, "convert", "-f", form, "-O", "raw", image, back)
        if form in CHECKED:
            ok = all(must(name, r, "check", "-q", "-f", form, image) for r in (OURS, THEIRS)) and ok
        if ok:
            print("PASS " + name)
        for leftover in os.listdir(folder):
            if leftover != "source":
                os.unlink(os.path.join(folder, leftover))


def packed(folder, source, form, text):
    """Compressed by one, read by the other; overlays and snapshots of one changed by the other."""
    image, top = os.path.join(folder, "image"), os.path.join(folder, "top")
    for first, second in ((OURS, THEIRS), (THEIRS, OURS)):
        if form == "qcow" and first == THEIRS:
            continue  # QEMU makes the image, and then fails
        name = "%s%s, compressed, overlay by %s" % (form, " " + text if text else "",
                                                   "ours" if first == OURS else "QEMU")
        ok = must(name, first, "convert", "-c", "-f", "raw", "-O", form, *options(text), source,
                  image)
        ok = ok and must(name, second, "compare", "-f", "raw", "-F", form, source, image)
        ok = ok and must(name, first, "create", "-q", "-f", form, "-b", image, "-F", form, top)
        ok = ok and must(name, second, "compare", "-f", "raw", "-F", form, source, top)
        if ok and form == "qcow2":
            ok = must(name, first, "snapshot", "-c", "one", top) and \
                must(name, second, "snapshot", "-c", "two", top) and \
                must(name, first, "snapshot", "-a", "two", top) and \
                must(name, second, "snapshot", "-d", "one", top) and \
                must(name, first, "snapshot", "-d", "two", top) and \
                all(must(name, r, "check", "-q", top) for r in (OURS, THEIRS))
        ok = ok and must(name, second, "commit", "-q", "-f", form, top)
        if ok:
            print("PASS " + name)
        for path in image, top:
            if os.path.exists(path):
                os.unlink(path)


def main():
    if not os.path.exists(THEIRS):
        print("skipped: no " + THEIRS)
        sys.exit(77)
    folder = tempfile.mkdtemp(prefix="ratite-formats-")
    source = os.path.join(folder, "source")
    try:
        fill(source)
        for form, text in FORMATS:
            both_ways(folder, source, form, text)
        for form, text in (("qcow2", None), ("qcow2", "compression_type=zstd"), ("qcow", None)):
            packed(folder, source, form, text)
    finally:
        shutil.rmtree(folder)
    print("%d failed" % len(failed))
    sys.exit(1 if failed else 0)


main()
