"""Builds the initramfs whose first process is stress.c."""

import pathlib
import shutil
import subprocess

import harness

HERE = pathlib.Path(__file__).resolve().parent


def build_initrd(folder):
    if not shutil.which("gcc"):
        harness.skip("gcc is missing")
    root = folder / "root"
    (root / "dev").mkdir(parents=True)
    subprocess.run(["gcc", "-O1", "-static", "-pthread", "-o", root / "init", HERE / "stress.c"],
                   check=True)
    return harness.pack_initramfs(root, folder / "initrd")
