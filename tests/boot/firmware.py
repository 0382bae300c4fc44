#!/usr/bin/env python3
"""Boot programs from Debian's packages, started by the firmware, as their text screen shows them.

usage: firmware.py grub-floppy|grub-disk|grub-cdrom|memtest|no-disk

grub-*: the rescue images of grub-rescue-pc reach GRUB's prompt, and it answers typed keys.
memtest: memtest86+ as a kernel counts tests with no error. no-disk: the firmware says that there is
nothing to boot.
"""

import pathlib
import re
import shutil
import tempfile
import time

import harness

GRUB = pathlib.Path("/usr/lib/grub-rescue")
MEMTEST = pathlib.Path("/boot/memtest86+ia32.bin")
GUESTS = {
    "grub-floppy": (["-fda", GRUB / "grub-rescue-floppy.img", "-boot", "a"], r"grub>|GRUB +version"),
    "grub-disk": (["-hda", GRUB / "grub-rescue-floppy.img", "-snapshot"], r"grub>|GRUB +version"),
    "grub-cdrom": (["-cdrom", GRUB / "grub-rescue-cdrom.iso", "-boot", "d"],
                   r"grub>|GRUB +version"),
    "no-disk": ([], r"No bootable device"),
}


def screen(vm, folder):
    """The text of the guest's screen: 25 lines of 80 characters from B8000h."""
    dump = folder / "screen"
    dump.unlink(missing_ok=True)
    vm.send(f'pmemsave 0xb8000 4000 "{dump}"\n')
    while not dump.exists() or dump.stat().st_size < 4000:
        if time.monotonic() > vm.deadline:
            vm.fail("pmemsave writes nothing")
        time.sleep(0.05)
    cells = dump.read_bytes()[::2]
    text = "".join(chr(c) if 32 <= c < 127 else " " for c in cells)
    return "\n".join(text[i:i + 80].rstrip() for i in range(0, len(text), 80))


def wait_for_screen(vm, folder, pattern):
    while True:
        text = screen(vm, folder)
        if re.search(pattern, text):
            return text
        if time.monotonic() > vm.deadline:
            vm.fail(f"the screen never shows {pattern!r}:\n{text}")
        time.sleep(0.5)


def list_devices(vm, folder):
    """Types `ls` at GRUB's prompt, which `c` leads to from a menu, until devices are listed."""
    listing = r"\((fd0|hd0|cd|memdisk)"
    while not re.search(listing, screen(vm, folder)):
        prompt = re.search(r"grub>\s*$", screen(vm, folder))
        for key in ("l", "s", "ret") if prompt else ("c",):
            vm.send(f"sendkey {key}\n")
            time.sleep(0.3)
        if time.monotonic() > vm.deadline:
            vm.fail(f"GRUB lists no devices:\n{screen(vm, folder)}")
        time.sleep(1)


def on_screen(name):
    arguments, pattern = GUESTS[name]
    for word in arguments:
        if isinstance(word, pathlib.Path) and not word.exists():
            harness.skip(f"no {word}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        # A copy of its own: images are locked while they are open for writing.
        arguments = [shutil.copy(word, folder) if isinstance(word, pathlib.Path) else word
                     for word in arguments]
        with harness.Emulator("qemu-system-i386",
                              ["-m", "32", "-net", "none", "-display", "none", "-serial", "null",
                               "-monitor", "stdio", *arguments], limit=120) as vm:
            vm.expect(r"\(qemu\)")
            wait_for_screen(vm, folder, pattern)
            if name.startswith("grub"):
                list_devices(vm, folder)
            vm.send("quit\n")
            if vm.wait():
                vm.fail("quit does not end with status 0")


def memtest():
    if not MEMTEST.exists():
        harness.skip(f"no {MEMTEST}")
    with harness.Emulator("qemu-system-i386",
                          ["-m", "32", "-net", "none", "-display", "none", "-monitor", "null",
                           "-serial", "stdio", "-kernel", MEMTEST,
                           "-append", "console=ttyS0,115200"], limit=150) as vm:
        vm.expect("Memtest86")
        vm.expect(r"(?s)Test.*#[1-9]")
        if re.search(rb"Errors: *[1-9]", vm.output):
            vm.fail("memtest86+ finds errors")


def firmware(name):
    harness.need_machine("qemu-system-i386", "pc")
    if name == "memtest":
        memtest()
    else:
        on_screen(name)


harness.main(firmware)
