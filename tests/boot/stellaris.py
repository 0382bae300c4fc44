#!/usr/bin/env python3
"""stellaris.py MACHINE IMAGE [OPTION...]: runs a bare-metal image and compares its checks.

IMAGE is lm3s.elf, lm3s.bin or semihost-m3.elf; expected/ of the guests has what each board says.
"""

import re

import harness


def lines_of(text):
    """What the image found out: not what depends on the machine's load or network."""
    return [line for line in text.splitlines() if line.startswith(("GUEST-", "CHECK "))]


def run(machine, image, *more):
    guests = harness.guests("arm")
    harness.need_machine("qemu-system-arm", machine)
    semihosted = image.startswith("semihost")
    name = "lm3s6965evb-semihost-m3" if semihosted else machine
    expected = lines_of((guests / "expected" / (name + ".log")).read_text())
    arguments = ["-M", machine, "-nographic", "-no-reboot", "-kernel",
                 guests / "baremetal" / image, *more]
    if semihosted:
        arguments += ["-monitor", "none", "-semihosting", "-append", "a b c"]
    with harness.Emulator("qemu-system-arm", arguments, limit=60) as vm:
        vm.expect("GUEST-(DONE|FAILED)")
        status = vm.wait(timeout=20)
        got = lines_of(vm.output.decode(errors="replace").replace("\r", ""))
        missing = [line for line in expected if line not in got]
        if missing:
            vm.fail("missing: " + "; ".join(missing))
        bad = [line for line in got if re.search(r"CHECK .* FAIL|GUEST-FAILED", line)]
        if bad:
            vm.fail("; ".join(bad))
        if status != 0:
            vm.fail(f"exit status {status}")
    print(f"{machine} {image}: {len(got)} lines as expected")


harness.main(run)
