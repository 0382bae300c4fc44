#!/usr/bin/env python3
"""A host disk that is full pauses the guest, which goes on with `cont` and has lost nothing.

Writes of the emulator fail with ENOSPC as long as a file is there (tests/storage/fault-preload.c).
usage: full-disk.py PRELOAD_LIBRARY
"""
import os
import pathlib
import subprocess
import tempfile
import time

import harness

WRITTEN = 4 << 20


def monitor(vm, command, answer):
    vm.send("\x01c")  # to the monitor
    vm.expect(r"\(qemu\)")
    vm.send(command + "\n")
    match = vm.expect(answer)
    vm.send("\x01c")  # and back
    return match


def wait_until_stopped(vm):
    for _ in range(200):
        vm.send("\x01c")
        vm.expect(r"\(qemu\)")
        vm.send("info status\n")
        status = vm.expect(r"VM status: ([^\r\n]*)").group(1)
        vm.send("\x01c")
        if status.startswith(b"paused"):
            return status.decode()
        time.sleep(0.1)
    return vm.fail("it never stops")


def full_disk(preload):
    harness.need_machine("qemu-system-x86_64", "pc")
    guests = harness.guests("pc")
    qemu_img = harness.program("qemu-img")
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        disk, full, raw = folder / "disk.qcow2", folder / "full", folder / "raw"
        subprocess.run([qemu_img, "create", "-q", "-f", "qcow2", disk, "64M"], check=True)
        os.environ.update(LD_PRELOAD=preload, FAULT_CALL="write", FAULT_ERRNO="28",
                          FAULT_WHILE=str(full))
        arguments = ["-m", "128", "-nographic", "-no-reboot", "-net", "none", "-kernel",
                     guests / "bzImage-x86_64", "-initrd", guests / "initramfs-amd64.gz",
                     "-append", "console=ttyS0 guest=full shell", "-drive",
                     f"file={disk},format=qcow2,if=ide"]
        with harness.Emulator("qemu-system-x86_64", arguments, limit=240) as vm:
            vm.expect("built-in shell")
            vm.expect("# ")
            full.touch()
            vm.send("yes 0123456789abcde | dd of=/dev/sda bs=64k count=64 iflag=fullblock "
                    "conv=fsync 2>/dev/null; echo WROTE-$?\n")
            vm.expect("echo WROTE")
            status = wait_until_stopped(vm)
            if "io-error" not in status:
                vm.fail(f"it is stopped for another reason: {status}")
            full.unlink()
            monitor(vm, "cont", r"\(qemu\)")
            vm.expect("WROTE-0")
            monitor(vm, "info status", "VM status: running")
            vm.send("poweroff -f\n")
            vm.wait()
        for name in ("LD_PRELOAD", "FAULT_CALL", "FAULT_WHILE"):
            del os.environ[name]
        subprocess.run([qemu_img, "check", "-q", disk], check=True)
        subprocess.run([qemu_img, "convert", "-O", "raw", disk, raw], check=True)
        if raw.read_bytes()[:WRITTEN] != b"0123456789abcde\n" * (WRITTEN // 16):
            raise harness.TestFailure("the disk does not hold what the guest wrote")


harness.main(full_disk)
