#!/usr/bin/env python3
"""Boots a guest whose first process is stress.c and lets it judge the execution core.

usage: stress.py MODE [--seconds N] [--smp N] [EMULATOR OPTION...]
"""

import argparse
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "boot"))
import harness  # noqa: E402
import stress_guest  # noqa: E402


def stress(*arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=("locks", "code", "pages"))
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--smp", type=int, default=2)
    options, extra = parser.parse_known_args(arguments)
    kernel = harness.guests("pc") / "bzImage-x86_64"
    with tempfile.TemporaryDirectory() as folder:
        initrd = stress_guest.build_initrd(pathlib.Path(folder))
        command = ["-m", "128", "-nographic", "-no-reboot", "-net", "none", "-smp", options.smp,
                   "-kernel", kernel, "-initrd", initrd, "-append",
                   f"console=ttyS0 quiet panic=-1 -- {options.mode} {options.seconds}", *extra]
        with harness.Emulator("qemu-system-x86_64", command, limit=240 + 2 * options.seconds) as vm:
            verdict = vm.expect(r"(STRESS-\w+[^\r\n]*)[\r\n]").group(1).decode()
            print(verdict)
            if "OK" not in verdict:
                vm.fail("the guest saw something wrong")
            if vm.wait() != 0:
                vm.fail("the emulator failed")


harness.main(stress)
