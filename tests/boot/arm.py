#!/usr/bin/env python3
"""arm.py ROW[:VARIANT] [TEST...] [-- OPTION...]: boots one row of the ARM guests and compares what it says.

Rows are those of guests/arm/guests.tsv. Each TEST adds options and words, and a check:
  sd         a file system on an SD card
  dhcp       a lease and two pings through the user network
  scsi       a file system on a SCSI disk
  rtl8139    a PCI card instead of the board's own
  lcd        the console on the LCD, seen by screendump
  keys       keys and a pointer typed by the monitor reach the guest's drivers
  dtb        the tree is given by -dtb instead of behind the kernel
Further options go to the emulator (-icount 3).
"""

import re
import shlex
import tempfile
import pathlib
import time

import harness

# Devices of the rows that somebody may not have built: their lines are not expected then.
NEEDS = [("lsi53c895a", r"GUEST-BLK sr0|GUEST-PCI .* 0x1000 0x0012")]

BLKRW = "c1d4ba52c72ac7bcc71ff2d6c083e684"


def row_of(guests, name):
    for line in (guests / "guests.tsv").read_text().splitlines():
        if line.startswith("#") or not line.strip():
            continue
        machine, variant, options, kernel, initrd, append = line.split("\t")
        if name == (machine if variant == "-" else machine + ":" + variant):
            return machine, options, kernel, initrd, append
    harness.skip(f"no row {name} in guests.tsv")


def marks(text):
    """The lines that come out the same each time."""
    lines = []
    for line in text.replace("\r", "").split("\n"):
        line = re.sub(r"^\[ *\d+\.\d+\] ", "", line).rstrip()
        if re.match(r"GUEST-(SLEEP2|RTC|MEM|DHCP|PING)|GUEST-CPUINFO (BogoMIPS|Serial)", line):
            continue
        if line.startswith(("GUEST-", "CHECK ")):
            lines.append(line)
    return lines


def expected_lines(guests, name):
    lines = marks((guests / "expected" / (name.replace(":", "-") + ".log")).read_text())
    for device, pattern in NEEDS:
        if harness.has_devices("qemu-system-arm", [device]):
            lines = [line for line in lines if not re.match(pattern, line)]
    return lines


def check_sleep(vm, text):
    match = re.search(r"GUEST-SLEEP2 (\S+) (\S+)", text)
    if match and not 1.9 < float(match[2]) - float(match[1]) < 3.0:
        vm.fail(f"two seconds of sleep took {float(match[2]) - float(match[1]):.2f} s")


def read_ppm(path):
    data = path.read_bytes()
    magic, width, height, _, pixels = data.split(None, 4)
    return magic, int(width), int(height), pixels


def check_screen(vm, folder):
    """The console's text is grey on black in 640 x 480, below the logo."""
    path = folder / "screen.ppm"
    vm.send(f"\x01cscreendump {path}\n\x01c")
    until = time.monotonic() + 20
    while not path.exists() or path.stat().st_size < 640 * 480 * 3:
        if time.monotonic() > until:
            vm.fail("no screendump")
        time.sleep(0.2)
        vm.read_some(until)
    _, width, height, pixels = read_ppm(path)
    lit = sum(1 for at in range(0, len(pixels), 3) if pixels[at] > 100)
    if (width, height) != (640, 480) or not 2000 < lit < 200000:
        vm.fail(f"the LCD shows {width}x{height} with {lit} lit pixels")


class Row:
    def __init__(self, name, tests):
        self.guests = harness.guests("arm")
        self.name, self.tests = name, tests
        self.machine, options, self.kernel, self.initrd, self.words = row_of(self.guests, name)
        self.options = shlex.split(options)
        self.expected = expected_lines(self.guests, name)

    def add_disk(self, folder, interface, device):
        disk = folder / "disk.img"
        with open(disk, "wb") as image:
            image.truncate(64 << 20)
        self.options += ["-drive", f"if={interface},file={disk},format=raw"]
        self.words += f" blkrw={device}"
        self.expected += ["GUEST-MKFS 0", f"GUEST-BLKRW {BLKRW}  -"]

    def add_tests(self, folder):
        if "sd" in self.tests:
            self.add_disk(folder, "sd", "mmcblk0")
        if "scsi" in self.tests:
            self.add_disk(folder, "scsi", "sda")
        if "dhcp" in self.tests:
            self.words += " dhcp"
        if "rtl8139" in self.tests:
            self.options += ["-net", "nic,model=rtl8139", "-net", "user"]
            # the card is plugged before the SCSI adapter
            self.expected = [line.replace("PCI 0000:00:0c.0 0x1000", "PCI 0000:00:0d.0 0x1000")
                             for line in self.expected]
            self.expected.append("GUEST-PCI 0000:00:0c.0 0x10ec 0x8139 0x020000")
        if "lcd" in self.tests:
            self.words = "console=tty0 " + self.words + " shell"
        if "dtb" in self.tests:
            self.split_kernel(folder)

    def split_kernel(self, folder):
        """zImage and the tree behind it, as two files."""
        data = (self.guests / self.kernel).read_bytes()
        end = int.from_bytes(data[0x2c:0x30], "little")
        (folder / "zImage").write_bytes(data[:end])
        (folder / "board.dtb").write_bytes(data[end:])
        self.kernel = folder / "zImage"
        self.options += ["-dtb", folder / "board.dtb"]

    def command(self):
        arguments = ["-M", self.machine, *self.options, "-no-reboot", "-kernel", self.kernel]
        if self.initrd != "-":
            arguments += ["-initrd", self.initrd]
        return arguments + (["-append", self.words] if self.words != "-" else [])

    def check(self, vm, folder):
        if "lcd" in self.tests:
            vm.expect("GUEST-SHELL")
            time.sleep(1)
            check_screen(vm, folder)
            vm.send("exit\n")
        vm.expect(r"GUEST-DONE|GUEST-FAILED|Kernel panic")
        status = vm.wait(timeout=60)
        text = vm.output.decode("latin-1")
        got = marks(text)
        missing = [line for line in self.expected if line not in got]
        if missing:
            vm.fail("missing: " + "; ".join(missing))
        check_sleep(vm, text)
        if "dhcp" in self.tests and ("lease of 10.0.2.15" not in text or
                                     "2 packets received" not in text):
            vm.fail("no lease, or pings are lost")
        if status:
            vm.fail(f"exit status {status}")


def run(name, *arguments):
    split = arguments.index("--") if "--" in arguments else len(arguments)
    row = Row(name, arguments[:split])
    harness.need_machine("qemu-system-arm", row.machine)
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        row.add_tests(folder)
        command = row.command() + list(arguments[split + 1:])
        with harness.Emulator("qemu-system-arm", command, limit=300, cwd=row.guests) as vm:
            row.check(vm, folder)
            print(f"{name}: {time.monotonic() - vm.start:.1f} s")


harness.main(run)
