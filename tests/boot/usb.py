#!/usr/bin/env python3
"""usb.py: Linux on the versatilepb finds a keyboard and a mouse on an OHCI controller."""

import harness


def boot():
    guests = harness.guests("arm")
    harness.need_machine("qemu-system-arm", "versatilepb")
    arguments = ["-M", "versatilepb", "-nographic", "-no-reboot",
                 "-kernel", guests / "zImage-versatilepb",
                 "-initrd", guests / "initramfs-v5te.cpio.gz",
                 "-append", "console=ttyAMA0 wait=4", "-device", "pci-ohci",
                 "-device", "usb-kbd", "-device", "usb-hub", "-device", "usb-mouse,port=2.1"]
    with harness.Emulator("qemu-system-arm", arguments, limit=200) as vm:
        vm.expect("has no PCI bus|GUEST-DONE")
        text = vm.output.decode(errors="replace")
        if "has no PCI bus" in text:
            harness.skip("the versatilepb has no PCI bus yet")
        for product in ("QEMU USB Keyboard", "QEMU USB Mouse"):
            if product not in text:
                vm.fail(f"no {product}")
    print("keyboard and mouse found")


harness.main(boot)
