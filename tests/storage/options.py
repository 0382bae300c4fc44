#!/usr/bin/env python3
"""Images named by options: json: names, --image-opts, open -o, reopen -o, and blkdebug's rules.
usage: options.py BIN [PRELOAD_LIBRARY]"""
import os
import subprocess
import sys
import tempfile

BIN = os.path.abspath(sys.argv[1])
failed = []


def run(folder, *words):
    p = subprocess.run([os.path.join(BIN, words[0]), *words[1:]], cwd=folder, text=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       timeout=60)
    return p.returncode, p.stdout


def expect(folder, status, text, *words):
    code, said = run(folder, *words)
    if code != status or text not in said:
        failed.append(f"{' '.join(words)}: status {code}, says {said!r}")


def make(folder):
    for words in (["qemu-img", "create", "-q", "-f", "raw", "base.raw", "1M"],
                  ["qemu-io", "-f", "raw", "-c", "write -P 7 0 64k", "base.raw"],
                  ["qemu-img", "create", "-q", "-f", "qcow2", "-b", "base.raw", "-F", "raw", "a"],
                  ["qemu-io", "-f", "qcow2", "-c", "write -P 9 64k 64k", "a"]):
        expect(folder, 0, "", *words)


def names(folder):
    for name in ("json:{'driver':'qcow2','file':{'driver':'file','filename':'a'}}",
                 'json:{"driver": "qcow2", "file.filename": "a", "read-only": true}'):
        expect(folder, 0, "64 KiB", "qemu-io", "-r", "-c", "read -P 7 0 64k", name)
    expect(folder, 0, "64 KiB", "qemu-io", "-r", "-c", "read -P 0 0 64k",
           "json:{'driver':'qcow2','file.filename':'a','backing':null}")
    expect(folder, 0, "64 KiB", "qemu-io", "--image-opts", "-c", "read -P 9 64k 64k",
           "driver=qcow2,file.filename=a,backing.driver=raw")
    expect(folder, 0, "64 KiB", "qemu-io", "--image-opts", "-c", "read -P 7 0 64k",
           "driver=raw,offset=0,size=64k,file.filename=base.raw")
    expect(folder, 1, "offset (917504) and size (262144)", "qemu-io", "--image-opts", "-c",
           "read 0 512", "driver=raw,offset=896k,size=256k,file.filename=base.raw")
    expect(folder, 0, "512 bytes", "qemu-io", "-c", "open -o driver=raw,offset=64k base.raw", "-c",
           "reopen -o offset=63k", "-c", "read -P 7 0 512")
    expect(folder, 0, "file format: qcow2", "qemu-img", "info", "json:{'file.filename':'a'}")


def refusals(folder):
    for name, why in (("json:{'driver':'nope','file.filename':'a'}", "Unknown driver 'nope'"),
                      ("json:{'driver':'qcow2','file.filename':'a','sise':1}", "option 'sise'"),
                      ("json:{'driver':'qcow2'}", "file.filename="),
                      ("json:{'driver':", "JSON parse error"),
                      ("json:[]", "Invalid JSON object"),
                      ("json:" + "{'a':" * 100, "nests too deeply"),
                      ("json:{'filename':'json:{\"filename\":\"json:{}\"}'}", "file.filename=")):
        expect(folder, 1, why, "qemu-io", "-r", "-c", "read 0 512", name)


def rules(folder):
    with open(os.path.join(folder, "conf"), "w", encoding="ascii") as conf:
        conf.write('[inject-error]\nevent = "cluster_free"\nerrno = "5"\n')
    expect(folder, 0, "", "qemu-img", "snapshot", "-c", "one", "a")
    expect(folder, 1, "Failed to free the cluster and L1 table: Input/output error", "qemu-img",
           "snapshot", "-d", "one", "blkdebug:conf:a")
    expect(folder, 3, "leaked clusters were found", "qemu-img", "check", "a")
    expect(folder, 0, "No errors were found", "qemu-img", "check", "-r", "leaks", "a")
    expect(folder, 0, "No errors were found", "qemu-img", "check", "a")
    limits = "driver=blkdebug,image.driver=qcow2,align=4k,max-transfer=64k"
    expect(folder, 0, "128 KiB", "qemu-io", "-c", f"open -o {limits} blkdebug::a", "-c",
           "write -P 3 1000 128k", "-c", "read -P 3 1000 128k")
    once = ("json:{'driver':'raw','file':{'driver':'blkdebug','image.filename':'base.raw',"
            "'inject-error':[{'event':'read_aio','once':true,'errno':28}]}}")
    expect(folder, 1, "read failed: No space left on device", "qemu-io", "-c", "read 0 512", "-c",
           "read -P 7 0 512", once)
    with open(os.path.join(folder, "conf"), "w", encoding="ascii") as conf:
        conf.write("event = \"read_aio\"\n")
    expect(folder, 1, "conf:1", "qemu-io", "-c", "read 0 512", "blkdebug:conf:a")


def sizes(folder):
    """What -o and driver options say about VHD sizes; the list of a VMDK's extents."""
    expect(folder, 0, "", "qemu-img", "create", "-q", "-f", "vpc", "-o", "force_size=on", "v", "4G")
    for how in "auto", "chs", "current_size":
        expect(folder, 0, '"length": 4294967296', "qemu-img", "map", "--output=json",
               "--image-opts", f"driver=vpc,force_size_calc={how},file.filename=v")
    expect(folder, 1, "Invalid size calculation", "qemu-img", "info", "--image-opts",
           "driver=vpc,force_size_calc=big,file.filename=v")
    expect(folder, 0, "", "qemu-img", "create", "-q", "-f", "vmdk", "-o",
           "subformat=twoGbMaxExtentFlat", "m", "3G")
    expect(folder, 0, "        [1]:\n", "qemu-img", "info", "m")
    expect(folder, 0, '"filename": "m-f002', "qemu-img", "info", "--output=json", "m")


def backing(folder):
    """A new backing file needs a format; what shows through the old one is kept."""
    expect(folder, 0, "", "qemu-img", "create", "-q", "-f", "qcow2", "-b", "base.raw", "-F", "raw",
           "c")
    expect(folder, 1, "backing format must be specified", "qemu-img", "rebase", "-b", "base.raw",
           "c")
    expect(folder, 0, "", "qemu-img", "rebase", "-b", "", "c")
    expect(folder, 0, "64 KiB", "qemu-io", "-r", "-c", "read -P 7 0 64k", "c")
    # the manual's form: the format is found, and noted
    expect(folder, 0, "", "qemu-img", "convert", "-O", "qcow2", "-B", "c", "c", "b")
    expect(folder, 0, "backing file format: qcow2", "qemu-img", "info", "b")


def breaks(folder):
    """Writes within one block of 4 KiB wait for each other; others pass the one that is held up."""
    commands = ["open -o driver=raw,file.align=4k blkdebug::base.raw",
                "break pwritev_rmw_after_tail A", "aio_write -P 1 512 512", "wait_break A",
                "aio_write -P 2 1024 512", "aio_write -P 3 4608 512", "resume A", "aio_flush",
                "read -P 1 512 512", "read -P 2 1024 512", "read -P 3 4608 512", "read -P 7 0 512"]
    code, said = run(folder, "qemu-io", *[w for c in commands for w in ("-c", c)])
    order = [line.split()[-1] for line in said.splitlines() if line.startswith("wrote")]
    if code or order != ["4608", "512", "1024"]:
        failed.append(f"breakpoints: status {code}, says {said!r}")
    blkdebug = "open -o driver=raw blkdebug::base.raw"
    for why, words in (("none is held up at A", ["resume A"]),
                       ("nor will be", ["break pwritev A", "wait_break A"]),
                       ("1 requests were still held up", ["break pwritev A", "aio_write 0 512",
                                                          "aio_flush"]),
                       ("there is none named A", ["break pwritev A", "remove_break A",
                                                  "aio_write 0 512", "aio_flush",
                                                  "remove_break A"])):
        expect(folder, 1, why, "qemu-io", *[w for c in [blkdebug] + words for w in ("-c", c)])
    expect(folder, 1, "not a raw one", "qemu-io", "-c", "break pwritev A", "a")


with tempfile.TemporaryDirectory() as scratch:
    make(scratch)
    sizes(scratch)
    names(scratch)
    refusals(scratch)
    rules(scratch)
    backing(scratch)
    breaks(scratch)
for line in failed:
    print(line)
sys.exit(bool(failed))
