#!/usr/bin/env python3
"""Debian's own kernel with busybox, by scripts/demo: output and exit status come back."""

import os
import subprocess
import sys

import harness


def run(command, limit):
    environment = dict(os.environ)
    environment["EMU"] = os.path.dirname(harness.program("qemu-system-x86_64"))
    return subprocess.run([harness.ROOT / "scripts" / "demo", "--run", command], env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=limit,
                          check=False)


def demo():
    harness.need_machine("qemu-system-x86_64", "pc")
    folder = harness.ROOT / "build" / "demo"
    prepared = subprocess.run([harness.ROOT / "scripts" / "demo-guest", folder],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600,
                              check=False)
    if prepared.returncode:
        harness.skip("Debian's kernel package cannot be had: "
                     + prepared.stdout.decode(errors="replace").strip())
    result = run("uname -sm; exit 3", 300)
    sys.stdout.write(result.stderr.decode(errors="replace"))
    if result.stdout != b"Linux x86_64\n" or result.returncode != 3:
        raise harness.TestFailure(f"output {result.stdout!r}, status {result.returncode}")


harness.main(demo)
