#!/usr/bin/env python3
"""What the image programs refuse: one clear message, status 1, and nothing half-made left behind.
usage: refusals.py BIN [PRELOAD_LIBRARY]"""
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

BIN = os.path.abspath(sys.argv[1])
PRELOAD = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else None
failed = []


def run(folder, *words, env=None):
    words = [os.path.join(BIN, words[0])] + list(words[1:])
    p = subprocess.run(words, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       timeout=60, env=env)
    return p.returncode, p.stderr


def img(folder, *words):
    code, text = run(folder, "qemu-img", *words)
    if code:
        sys.exit("qemu-img %s: %s" % (" ".join(words), text))


def refused(folder, pattern, *words, env=None, leaves=()):
    """`leaves`: files that may be new or gone afterwards."""
    before = set(os.listdir(folder))
    start = time.monotonic()
    code, text = run(folder, *words, env=env)
    name = " ".join(words)
    if code != 1:
        failed.append("%s: status %d" % (name, code))
    elif not re.search(pattern, text) or not text.startswith(words[0] + ": "):
        failed.append("%s: says %r" % (name, text))
    elif set(os.listdir(folder)) - before - set(leaves):
        failed.append("%s: leaves %s" % (name, set(os.listdir(folder)) - before))
    elif time.monotonic() - start > 30:
        failed.append("%s: takes long" % name)
    else:
        print("PASS " + name)
        return
    print("FAIL " + failed[-1])


def chains(folder):
    img(folder, "create", "-q", "-f", "raw", "base", "1M")
    img(folder, "create", "-q", "-f", "qcow2", "-b", "base", "-F", "raw", "a", "1M")
    img(folder, "create", "-q", "-f", "qcow2", "-b", "a", "-F", "qcow2", "b", "1M")
    img(folder, "rebase", "-u", "-b", "b", "-F", "qcow2", "-f", "qcow2", "a")
    refused(folder, "loops back", "qemu-img", "convert", "-O", "raw", "b", "out")
    refused(folder, "loops back", "qemu-io", "-c", "read 0 512", "b")
    img(folder, "rebase", "-u", "-b", "gone", "-F", "raw", "-f", "qcow2", "a")
    refused(folder, "gone.*No such file", "qemu-img", "convert", "-O", "raw", "a", "out")
    refused(folder, "gone.*No such file", "qemu-img", "create", "-f", "qcow2", "-b", "gone", "-F",
            "raw", "new")
    refused(folder, "not a vmdk|Image not in|Could not open", "qemu-img", "create", "-f", "qcow2",
            "-b", "base", "-F", "qcow2", "new")


def sizes(folder):
    for size, why in (("-1", "unknown option"), ("x", "size"), ("1X", "size"), ("99999999999T", "size|8 EiB"),
                      ("8E", "size|8 EiB|large")):
        refused(folder, why, "qemu-img", "create", "-f", "qcow2", "new", size)
    refused(folder, "size", "qemu-img", "create", "-f", "raw", "new")
    refused(folder, "too (big|large)|large", "qemu-img", "create", "-f", "qcow", "new", "7E")
    refused(folder, "large|big|size|2 TB|TiB|fit", "qemu-img", "create", "-f", "vpc", "new", "4T")
    refused(folder, "Cluster size", "qemu-img", "create", "-f", "qcow2", "-o", "cluster_size=3k",
            "new", "1M")
    refused(folder, "[Rr]efcount", "qemu-img", "create", "-f", "qcow2", "-o", "refcount_bits=7",
            "new", "1M")
    refused(folder, "nosuch", "qemu-img", "create", "-f", "qcow2", "-o", "nosuch=1", "new", "1M")
    refused(folder, "nosuch", "qemu-img", "create", "-f", "nosuch", "new", "1M")
    refused(folder, "creation", "qemu-img", "create", "-f", "bochs", "new", "1M")


def formats(folder):
    with open(os.path.join(folder, "noise"), "wb") as f:
        f.write(os.urandom(100000))
    for form in "qcow2", "qcow", "cow", "vmdk", "vpc", "vdi", "parallels", "bochs", "cloop", "dmg":
        refused(folder, "Could not open 'noise'", "qemu-img", "info", "-f", form, "noise")
    refused(folder, "No such file", "qemu-img", "info", "nothere")
    refused(folder, "directory|neither", "qemu-img", "info", ".")
    refused(folder, "nosuch", "qemu-img", "info", "nosuch:thing")
    refused(folder, "nosuch", "qemu-img", "convert", "-O", "nosuch", "noise", "out")
    refused(folder, "also an input", "qemu-img", "convert", "-f", "raw", "-O", "raw", "noise",
            "noise")
    img(folder, "create", "-q", "-f", "qcow2", "q", "4M")
    with open(os.path.join(folder, "q"), "r+b") as f:
        f.truncate(100)
    refused(folder, "Could not open 'q'", "qemu-img", "convert", "-f", "qcow2", "-O", "raw", "q",
            "out")


def locks(folder):
    img(folder, "create", "-q", "-f", "qcow2", "used", "1M")
    sock = os.path.join(folder, "s")
    server = subprocess.Popen([os.path.join(BIN, "qemu-nbd"), "-t", "-f", "qcow2", "-k", sock,
                               os.path.join(folder, "used")])
    for _ in range(200):
        if os.path.exists(sock):
            break
        time.sleep(0.05)
    refused(folder, 'lock', "qemu-io", "-c", "write 0 512", "used")
    refused(folder, 'lock', "qemu-img", "resize", "used", "2M")
    refused(folder, 'lock', "qemu-img", "create", "-f", "qcow2", "used", "2M")
    refused(folder, 'lock', "qemu-img", "snapshot", "-c", "a", "used")
    server.terminate()
    server.wait()


def no_space(folder):
    """A host that says ENOSPC to the n-th write."""
    with open(os.path.join(folder, "source"), "wb") as f:
        f.write(os.urandom(1 << 20))
    for form in "raw", "qcow2", "qcow", "vmdk", "vpc", "vdi":
        for at in "1", "2", "5":
            env = dict(os.environ, LD_PRELOAD=PRELOAD, FAULT_CALL="write", FAULT_AT=at,
                       FAULT_ERRNO="28")
            code, text = run(folder, "qemu-img", "convert", "-f", "raw", "-O", form, "source", "out",
                             env=env)
            there = os.path.exists(os.path.join(folder, "out"))
            if (code == 1) == there or (code == 1 and "No space left" not in text):
                failed.append("%s, write %s: status %d, %s, %r" % (form, at, code, there, text))
                print("FAIL " + failed[-1])
            else:
                print("PASS no space: %s, write %s" % (form, at))
            if there:
                os.unlink(os.path.join(folder, "out"))


def cheap(folder):
    """Hostile headers that promise much are refused within a second and 256 MiB."""
    claims = {
        "qcow2": b"QFI\xfb" + bytes.fromhex("00000003" "0000000000000000" "00000000" "00000010"
                                            "4000000000000000" "00000000" "ffffffff"
                                            "0000000000010000" "0000000000020000" "7fffffff"),
        "qcow": b"QFI\xfb" + bytes.fromhex("00000001" "0000000000000000" "00000000" "00000000"
                                           "4000000000000000" "0c" "10" "0000" "00000000"
                                           "0000000000000030"),
        "vdi": b"<<< QEMU VM Virtual Disk Image >>>\n".ljust(64, b"\0") +
               bytes.fromhex("7f10dabe01000100") + b"\xff" * 400,
        "vmdk": b"KDMV" + bytes.fromhex("01000000" "03000000") + b"\xff" * 500,
        "cloop": b"\0" * 128 + b"\x00\x01\x00\x00\xff\xff\xff\xff" + b"\0" * 500,
        "parallels": b"WithoutFreeSpace" + b"\x02\0\0\0" + b"\xff" * 60,
    }
    for form, header in claims.items():
        path = os.path.join(folder, "claim." + form)
        with open(path, "wb") as f:
            f.write(header.ljust(65536, b"\0"))
        start = resource.getrusage(resource.RUSAGE_CHILDREN)
        words = [os.path.join(BIN, "qemu-img"), "info", "-f", form, path]
        p = subprocess.run(words, capture_output=True, text=True, timeout=60, preexec_fn=lambda:
                           resource.setrlimit(resource.RLIMIT_DATA, (256 << 20, 256 << 20)))
        end = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime
        if p.returncode not in (0, 1) or spent > 1:
            failed.append("claim of %s: status %d, %.1f s" % (form, p.returncode, spent))
            print("FAIL " + failed[-1])
        else:
            print("PASS claim of " + form)


def main():
    for part in chains, sizes, formats, locks, no_space, cheap:
        if part is no_space and not PRELOAD:
            continue
        folder = tempfile.mkdtemp(prefix="ratite-refusals-")
        try:
            part(folder)
        finally:
            shutil.rmtree(folder)
    print("%d failed" % len(failed))
    sys.exit(1 if failed else 0)


main()
