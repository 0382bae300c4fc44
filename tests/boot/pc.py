#!/usr/bin/env python3
"""pc.py ROW [OPTION...]: boots one row of the PC guests and looks for its markers.

The rows are those of guests/pc/MANIFEST.md; further options go to the emulator (-no-acpi, -smp 4).
"""

import os
import re
import tempfile
import time

import harness

CHECKSUM = "e071f707df7bbeee2a6a1eb48011ddd0"

# row: emulator, machine options, kernel, initramfs, words for the kernel, markers
ROWS = {
    "i386-pc": (
        "qemu-system-i386", "-M pc -m 128 -drive file={disk},format=raw -nic user,model=ne2k_pci",
        "bzImage-i386", "initramfs-i386.gz", "guest=pc ip=dhcp net disk=sda",
        ["GUEST-OK pc i686", "CHECKSUM", "DISK-RW-OK", "NET-OK"]),
    "i386-pc-smp": (
        "qemu-system-i386", "-M pc -smp 2 -m 128 -nic none",
        "bzImage-i386", "initramfs-i386.gz", "guest=pc-smp",
        ["GUEST-OK pc-smp i686", "CHECKSUM"]),
    "i386-pc-devices": (
        "qemu-system-i386",
        "-M pc -m 128 -drive file={disk},format=raw -vga cirrus -netdev user,id=a -netdev user,id=b "
        "-netdev user,id=c -netdev user,id=d -netdev user,id=e -device e1000,netdev=a "
        "-device rtl8139,netdev=b -device pcnet,netdev=c -device i82551,netdev=d "
        "-device ne2k_pci,netdev=e -device piix3-usb-uhci "
        "-drive if=none,id=u,file={disk2},format=raw -device usb-storage,drive=u -device usb-tablet "
        "-device ES1370 -device AC97 -device sb16 -device lsi53c895a "
        "-drive if=none,id=s,file={disk3},format=raw -device scsi-hd,drive=s",
        "bzImage-i386", "initramfs-i386.gz",
        "guest=pc-devices ip=dhcp net disk=sda usbwait snd_sb16.isapnp=0 snd_sb16.port=0x220 "
        "snd_sb16.irq=5 snd_sb16.dma8=1 snd_sb16.dma16=5",
        ["GUEST-OK pc-devices i686", "CHECKSUM", "DISK-RW-OK", "NET-OK"]),
    "i386-pc-scsi": (
        "qemu-system-i386",
        "-M pc -m 128 -nic none -drive if=scsi,unit=2,file={disk},format=raw -device lsi "
        "-drive if=none,id=s,file={disk2},format=raw -device scsi-hd,drive=s,bus=scsi.1 "
        "-drive if=none,id=c,media=cdrom,file={disk3},format=raw "
        "-device scsi-cd,drive=c,bus=scsi.1,scsi-id=4",
        "bzImage-i386", "initramfs-i386.gz", "guest=pc-scsi disk=sda",
        ["GUEST-OK pc-scsi i686", "BLK sda 32768 sectors", "BLK sdb 32768 sectors",
         "1:0:4:0: [sr0]", "DISK-RW-OK"]),
    "i386-isapc": (
        "qemu-system-i386",
        "-M isapc -cpu qemu32 -m 64 -drive file={disk},format=raw -net nic,model=ne2k_isa -net user",
        "bzImage-i386", "initramfs-i386.gz", "guest=isapc noapic ip=dhcp net disk=sda",
        ["GUEST-OK isapc i686", "CHECKSUM", "DISK-RW-OK", "NET-OK"]),
    "i386-isapc-486": (
        "qemu-system-i386",
        "-M isapc -cpu 486 -m 64 -drive file={disk},format=raw -net nic,model=ne2k_isa -net user",
        "bzImage-i386", "initramfs-i486-klibc.gz", "guest=isapc-486 ip=dhcp disk=sda",
        ["GUEST-OK isapc-486 i486", "CHECKSUM", "DISK-RW-OK"]),
    "x86_64-pc": (
        "qemu-system-x86_64", "-M pc -m 128 -drive file={disk},format=raw -nic user,model=e1000",
        "bzImage-x86_64", "initramfs-amd64.gz", "guest=pc64 ip=dhcp net disk=sda",
        ["GUEST-OK pc64 x86_64", "CHECKSUM", "DISK-RW-OK", "NET-OK"]),
    "x86_64-pc-smp": (
        "qemu-system-x86_64", "-M pc -smp 2 -m 128 -nic none",
        "bzImage-x86_64", "initramfs-amd64.gz", "guest=pc64-smp",
        ["GUEST-OK pc64-smp x86_64", "CHECKSUM"]),
}


def check_devices(emulator, options):
    wanted = re.findall(r"(?:-device |model=)([\w-]+)", options)
    missing = harness.has_devices(emulator, wanted)
    if missing:
        harness.skip("not built yet: " + ", ".join(missing))


def check_markers(vm, markers):
    text = vm.output.decode(errors="replace").replace("\r", "")
    for marker in markers:
        if marker == "CHECKSUM":
            marker = f"CHECKSUM {CHECKSUM}"
        if marker not in text:
            vm.fail(f"no {marker} in the output")
    for bad in ("DISK-RW-BAD", "NET-BAD"):
        if bad in text:
            vm.fail(f"{bad} in the output")


def boot(row, *more):
    emulator, options, kernel, initramfs, words, markers = ROWS[row]
    guests = harness.guests("pc")
    harness.need_machine(emulator, options.split()[1])
    check_devices(emulator, options)
    with tempfile.TemporaryDirectory() as scratch:
        disks = {}
        for name in ("disk", "disk2", "disk3"):
            disks[name] = os.path.join(scratch, name + ".img")
            with open(disks[name], "wb") as image:
                image.truncate(16 << 20)
        arguments = options.format(**disks).split()
        arguments += ["-nographic", "-no-reboot", "-kernel", guests / kernel,
                      "-initrd", guests / initramfs, "-append", "console=ttyS0 " + words, *more]
        with harness.Emulator(emulator, arguments, limit=300) as vm:
            vm.expect(re.escape(markers[0]))
            seconds = time.monotonic() - vm.start
            vm.expect("GUEST-END")
            status = vm.wait(timeout=60)
            check_markers(vm, markers)
            if status != 0:
                vm.fail(f"exit status {status}")
    print(f"{row}: {markers[0]} after {seconds:.1f} s")


harness.main(boot)
