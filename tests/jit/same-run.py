#!/usr/bin/env python3
"""Under -icount a run does not depend on what runs the code: same serial log, same instructions.

usage: same-run.py (EMU is the folder of the programs)
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

GUESTS = pathlib.Path(__file__).resolve().parents[3] / "shared" / "guests" / "pc"
ACCELS = ["interp", "jit,sync,threshold=25000", "jit,threshold=25000"]


def run(accel, folder):
    stats = folder / "stats.json"
    command = [pathlib.Path(os.environ["EMU"]) / "qemu-system-i386", "-accel", accel, "-m", "64", "-nographic",
               "-no-reboot", "-net", "none", "-icount", "3,sleep=off", "-rtc", "base=2020-01-01,clock=vm",
               "-kernel", GUESTS / "bzImage-i386", "-initrd", GUESTS / "initramfs-i386.gz",
               "-append", "console=ttyS0 guest=icount", "-stats", f"json={stats}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, timeout=280, check=True)
    cpus = json.loads(stats.read_text())["cpus"]
    return done.stdout, [cpu["instructions"] for cpu in cpus], cpus[0].get("region_runs", 0)


def main():
    if not (GUESTS / "bzImage-i386").exists():
        print("no guest: skipped")
        return 77
    with tempfile.TemporaryDirectory() as scratch:
        results = {accel: run(accel, pathlib.Path(scratch)) for accel in ACCELS}
    log, count, _ = results["interp"]
    if b"GUEST-OK icount" not in log:
        print("the guest did not come up")
        return 1
    for accel, (other, others, regions) in results.items():
        print(f"{accel}: {len(other)} bytes, {others} instructions, {regions:.0f} region runs")
        if other != log or others != count:
            print("differs from interp")
            return 1
        if "sync" in accel and not regions:
            print("no region ran")
            return 1
    return 0


sys.exit(main())
