#!/usr/bin/env python3
"""Disks and the monitor while a Linux guest uses them: commit of overlays and of -snapshot drives,
requests that fail once and are made again (rerror=stop, werror=stop), errors that the guest sees,
eject and change of a CD, info block and blockstats.
"""
import pathlib
import subprocess
import tempfile
import time

import harness

MIB = 1 << 20
# Linux looks for partitions at a disk's start and end, so it is a sector in the middle.
RULE = '[inject-error]\nevent = "%s"\niotype = "%s"\nerrno = "5"\nonce = "on"\nsector = "4000"\n'
SKIP = 500  # blocks of 4 KiB


class Guest:
    def __init__(self, vm):
        self.vm, self.count, self.number = vm, 0, 0

    def monitor(self, command, answer=""):
        self.count += 1
        self.vm.send("\x01c")
        self.vm.expect(r"\(qemu\)")
        self.vm.send(command + "\n")
        match = self.vm.expect(answer)
        self.vm.send(f"print {7000 + self.count}\n")  # when this is answered, the command is done
        self.vm.expect(hex(7000 + self.count))
        self.vm.send("\x01c")
        return match.group(match.lastindex or 0).decode()

    def start(self, command):
        self.count += 1
        self.number = self.count
        self.vm.send(f"{command}; echo DONE-{self.number}-$?\n")
        self.vm.expect(r"\$[\r\n]*\?")  # the shell has all of it, before the monitor comes

    def end(self, status=0):
        self.vm.expect(rf"DONE-{self.number}-{status}\r?\n")

    def shell(self, command, status=0):
        self.start(command)
        self.end(status)

    def wait_until(self, state):
        for _ in range(200):
            if self.monitor("info status", r"VM status: ([^\r\n]*)") == state:
                return
            time.sleep(0.1)
        self.vm.fail(f"never {state}")


def make(folder, qemu_img):
    for name in "base", "lower", "reads", "writes", "reporting":
        (folder / name).write_bytes(name.encode().ljust(512, b".") * (4 * MIB // 512))
    for name, text in ("one.iso", b"first"), ("two.iso", b"second"):
        (folder / name).write_bytes(text.ljust(2048, b" ") * 512)
    subprocess.run([qemu_img, "create", "-q", "-f", "qcow2", "-b", folder / "lower", "-F", "raw",
                    folder / "upper"], check=True)
    for name, event, kind in (("rconf", "read_aio", "read"), ("wconf", "write_aio", "write")):
        (folder / name).write_text(RULE % (event, kind))


def commits(guest, folder):
    for device, drive, below in ("sda", "ide0-hd0", "base"), ("vda", "virtio0", "lower"):
        path = folder / below
        guest.shell(f"yes {below}-changed | dd of=/dev/{device} bs=4k count=16 seek=8 "
                    "iflag=fullblock conv=fsync 2>/dev/null")
        if b"changed" in path.read_bytes():
            guest.vm.fail(f"{below} is written before it is committed")
        guest.monitor(f"commit {drive}")
        data = path.read_bytes()
        if data[32768:98304] != (f"{below}-changed\n".encode() * 8192)[:65536]:
            guest.vm.fail(f"{below} does not have what was committed")
        if not data.startswith(below.encode()) or not data.endswith(b"."):
            guest.vm.fail(f"{below} has more than what was committed")
        # the guest goes on, and a second commit takes what is new
        guest.shell(f"echo again | dd of=/dev/{device} bs=512 conv=sync,fsync 2>/dev/null && "
                    f"echo 3 >/proc/sys/vm/drop_caches && dd if=/dev/{device} bs=512 count=1 "
                    f"2>/dev/null | grep -q again && dd if=/dev/{device} bs=4k skip=8 count=1 "
                    f"2>/dev/null | grep -q {below}-changed")
        guest.monitor("commit all")
        if not path.read_bytes().startswith(b"again\n"):
            guest.vm.fail(f"{below} does not have what was committed later")
    guest.monitor("commit virtio1", "has no backing file")
    guest.monitor("commit nobody", "not found")


def failures(guest):
    """Each drive fails one request; that of vdd is told to the guest."""
    guest.start(f"dd if=/dev/vdb bs=4k skip={SKIP} count=1 2>/dev/null | grep -q reads")
    guest.wait_until("paused (io-error)")
    guest.monitor("cont")
    guest.end()
    guest.monitor("info status", "VM status: running")
    guest.start(f"echo new | dd of=/dev/vdc bs=4k seek={SKIP} conv=sync,fsync 2>/dev/null")
    guest.wait_until("paused (io-error)")
    guest.monitor("cont")
    guest.end()
    # Linux hears of it, and reads again
    guest.start(f"dd if=/dev/vdd bs=4k skip={SKIP} count=1 2>/dev/null | grep -q reporting")
    guest.vm.expect("I/O error, dev vdd, sector 4000")
    guest.end()


def media(guest, folder):
    guest.shell("dd if=/dev/sr0 bs=2048 count=1 2>/dev/null | grep -q first")
    guest.monitor("info block", "ide1-cd0: .*one.iso")
    guest.monitor(f"change ide1-cd0 {folder / 'two.iso'}")
    guest.shell("sleep 1; for i in 1 2 3 4 5; do dd if=/dev/sr0 bs=2048 count=1 2>/dev/null | "
                "grep -q second && break; sleep 1; done; dd if=/dev/sr0 bs=2048 count=1 "
                "2>/dev/null | grep -q second")
    guest.monitor("eject ide1-cd0")
    guest.monitor("info block", r"ide1-cd0: \[not inserted\]")
    guest.shell("dd if=/dev/sr0 of=/dev/null bs=2048 count=1 2>/dev/null", 1)
    guest.monitor("eject ide0-hd0", "not removable")
    guest.monitor("change ide1-cd0 /nowhere/at.all", "Could not open")
    guest.monitor("info blockstats", r"virtio0: rd_bytes=[1-9]\d* wr_bytes=[1-9]")


def test():
    harness.need_machine("qemu-system-x86_64", "pc")
    guests = harness.guests("pc")
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        make(folder, harness.program("qemu-img"))
        drives = [f"file={folder}/base,format=raw,if=ide,snapshot=on",
                  f"file={folder}/upper,if=virtio",
                  f"file=blkdebug:{folder}/rconf:{folder}/reads,format=raw,if=virtio,rerror=stop",
                  f"file=blkdebug:{folder}/wconf:{folder}/writes,format=raw,if=virtio,werror=stop",
                  f"file=blkdebug:{folder}/rconf:{folder}/reporting,format=raw,if=virtio"]
        arguments = ["-m", "128", "-nographic", "-no-reboot", "-net", "none", "-kernel",
                     guests / "bzImage-x86_64", "-initrd", guests / "initramfs-amd64.gz", "-append",
                     "console=ttyS0 guest=media shell", "-cdrom", folder / "one.iso"]
        for drive in drives:
            arguments += ["-drive", drive]
        with harness.Emulator("qemu-system-x86_64", arguments, limit=100) as vm:
            vm.expect("SHELL-READY")
            guest = Guest(vm)
            commits(guest, folder)
            failures(guest)
            media(guest, folder)
            vm.send("poweroff -f\n")
            vm.wait()


harness.main(test)
