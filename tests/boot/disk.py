#!/usr/bin/env python3
"""A disk made with Debian's tools boots by itself: firmware, boot record, boot loader, kernel, shell.

sfdisk partitions it, mkfs.vfat formats it, mtools copies Debian's kernel and a busybox initramfs,
syslinux makes it start.
"""

import pathlib
import shutil
import subprocess
import tempfile

import harness

START = 2048 * 512
TOOLS = ("sfdisk", "mkfs.vfat", "mcopy", "syslinux")
MBR = pathlib.Path("/usr/lib/syslinux/mbr/mbr.bin")
CONFIG = """SERIAL 0 115200
DEFAULT linux
PROMPT 0
LABEL linux
  KERNEL vmlinuz
  INITRD initrd
  APPEND console=ttyS0 quiet panic=-1
"""


def run(*command, **more):
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL, **more)


def make_disk(folder, guest):
    image = folder / "disk.img"
    with open(image, "wb") as disk:
        disk.truncate(96 << 20)
    run("sfdisk", "-q", image, input=b"2048,,c,*\n")
    run("mkfs.vfat", "--offset", "2048", image, (96 << 10) - 1024)
    (folder / "syslinux.cfg").write_text(CONFIG)
    at = f"{image}@@{START}"
    run("mcopy", "-i", at, folder / "syslinux.cfg", guest / "vmlinuz", "::")
    run("mcopy", "-i", at, guest / "base.cpio.gz", "::initrd")
    run("syslinux", "--offset", START, "--install", image)
    with open(image, "r+b") as disk:
        disk.write(MBR.read_bytes()[:440])
    return image


def disk():
    harness.need_machine("qemu-system-x86_64", "pc")
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing or not MBR.exists():
        harness.skip(f"no {' '.join(missing) or MBR}")
    guest = harness.ROOT / "build" / "demo"
    if subprocess.run([harness.ROOT / "scripts" / "demo-guest", guest], check=False).returncode:
        harness.skip("Debian's kernel package cannot be had")
    with tempfile.TemporaryDirectory() as scratch:
        image = make_disk(pathlib.Path(scratch), guest)
        with harness.Emulator("qemu-system-x86_64",
                              ["-m", "256", "-nographic", "-no-reboot", "-net", "none", image],
                              limit=240, terminal=True) as vm:
            vm.expect("SYSLINUX")
            vm.expect("Ratite demo: busybox on Linux")
            vm.expect("# ")
            vm.send("uname -m\n")
            vm.expect("x86_64")
            vm.send("poweroff -f\n")
            if vm.wait():
                vm.fail("it does not end with status 0")


harness.main(disk)
