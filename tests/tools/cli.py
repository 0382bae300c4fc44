#!/usr/bin/env python3
"""Command lines that must be refused: one clear line on standard error, status 1, nothing else.

And those that only print: help, version, lists.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

EMU = pathlib.Path(os.environ.get("EMU", "build/release/bin"))
PROGRAM = "qemu-system-x86_64"


def run(arguments, name=PROGRAM, cwd=None):
    return subprocess.run([EMU / name, *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, cwd=cwd,
                          check=False)


# arguments, and what the message must say
REFUSED = [
    ("-bogus", r"-bogus: unknown option"),
    ("-hdaa x", r'-hdaa: unknown option; did you mean "-hda"\?'),
    ("--machin pc", r"did you mean \"-machine\"\?"),
    ("-m", r"-m: needs an argument"),
    ("-M foo", r"-M foo: unknown machine"),
    ("-M pcc", r'-M pcc: unknown machine; did you mean "pc"\?'),
    ("-machine isapcc", r'did you mean "isapc"\?'),
    ("-cpu nosuch", r"nosuch"),
    ("-cpu qemu64,+nosuchflag", r"nosuchflag"),
    ("-device nosuch", r"-device nosuch: unknown device"),
    ("-device e1001", r"unknown device"),
    ("-smp 0", r"-smp 0: .*0 is out of range"),
    ("-smp 256", r"at most 255"),
    ("-smp 3,cores=2,threads=2,sockets=2,maxcpus=5", r"are not 5 processors"),
    ("-smp cpuss=2", r'unknown key "cpuss"; did you mean "cpus"\?'),
    ("-smp x", r'"x" is not a number'),
    ("-M isapc -smp 2", r"at most 1 processor"),
    ("-m 0", r"needs some memory"),
    ("-m x", r'"x" is not a size'),
    ("-m 99999999999T", r"-m 99999999999T: "),
    ("-m 8388608G", r"-m 8388608G: |memory"),
    ("-m 100000G", r"-m 100000G: |memory"),
    ("-accel nosuch", r"unknown accelerator"),
    ("-accel jit,threshold=0", r"-accel jit,threshold=0: .*threshold"),
    ("-accel jit,treshold=5", r"did you mean \"threshold\""),
    ("-accel kvm", r"-accel kvm: there is no such thing here"),
    ("-boot x", r'"x" is no boot device'),
    ("-boot cc", r"given twice"),
    ("-boot order=c,mnu=on", r'did you mean "menu"'),
    ("-uuid 1234", r"-uuid 1234: not of the form"),
    ("-vga nosuch", r"unknown card"),
    ("-k nosuch", r"unknown layout"),
    ("-rtc base=nodate", r"is no date"),
    ("-rtc bas=utc", r'did you mean "base"'),
    ("-startdate 2006-13-45", r"-startdate 2006-13-45: "),
    ("-icount 99", r"-icount 99: shift: 99 is out of range"),
    ("-d nosuch", r'-d nosuch: unknown log item'),
    ("-d in_asmm", r'did you mean "in_asm"'),
    ("-D /nosuch/log", r"-D /nosuch/log: "),
    ("-soundhw nosuch", r"-soundhw nosuch: unknown card"),
    ("-serial nosuch:x", r"-serial nosuch:x: "),
    ("-serial file:/nosuch/f", r"-serial file:/nosuch/f: "),
    ("-serial null -serial null -serial null -serial null -serial null", r"at most 4"),
    ("-chardev nosuch,id=x", r"-chardev nosuch,id=x: "),
    ("-mon nosuch", r"no character device"),
    ("-net nosuch", r"-net nosuch: "),
    ("-net nic,model=nosuch", r"nosuch"),
    ("-net nic,macaddr=1:2", r"macaddr|MAC|mac"),
    ("-netdev user", r"id"),
    ("-netdev nosuch,id=n", r"nosuch"),
    ("-redir tcp:x::y", r"-redir tcp:x::y: "),
    ("-hda nosuch.img", r"nosuch\.img.*No such file"),
    ("nosuch.img", r"nosuch\.img.*No such file"),
    ("-cdrom nosuch.iso", r"nosuch\.iso.*No such file"),
    ("-fda nosuch.img", r"nosuch\.img.*No such file"),
    ("-hda folder", r"folder"),
    ("-hda byte.img", r"byte\.img"),
    ("-drive file=good.img,if=nosuch", r"nosuch"),
    ("-drive file=good.img,foo=1", r"^qemu-system-\S+: -drive file=good.img,foo=1: unknown"),
    ("-drive file=good.img,index=9", r"no place for if=ide,bus=4,unit=1"),
    ("-sd good.img", r"no place for if=sd"),
    ("-drive file=good.img,snapshto=on", r'did you mean "snapshot"'),
    ("-drive file=good.img,format=nosuch", r"nosuch"),
    ("-drive file=good.img,index=0 -hda second.img", r"index|two|twice|taken|already"),
    ("-hda good.img -hdachs 1,2", r"-hdachs 1,2: "),
    ("-kernel nosuch", r"nosuch.*No such file"),
    ("-kernel folder", r"folder"),
    ("-kernel empty", r"-kernel|empty"),
    ("-kernel text", r"text"),
    ("-kernel random", r"random"),
    ("-kernel truncated", r"truncated"),
    ("-kernel good.img -initrd nosuch", r"nosuch|good\.img"),
    ("-bios nosuch.bin", r"nosuch\.bin"),
    ("-bios empty", r"empty"),
    ("-option-rom nosuch.rom", r"nosuch\.rom"),
    ("-acpitable data=nosuch", r"nosuch"),
    ("-smbios file=nosuch", r"nosuch"),
    ("-fw_cfg name=opt/x,file=nosuch", r"nosuch"),
    ("-pidfile /nosuch/pid", r"-pidfile /nosuch/pid: "),
    ("-runas nosuchuser", r"-runas nosuchuser: unknown user"),
    ("-chroot /nosuch", r"-chroot /nosuch: "),
    ("-vnc :1", r"-vnc :1: VNC is not built yet"),
    ("-gdb tcp::99999", r"-gdb tcp::99999: .*port 99999 is not between 0 and 65535"),
    ("-gdb foo", r"-gdb foo: unknown character back end"),
    ("-sdl", r"not built yet"),
    ("-loadvm x", r"-loadvm: not built yet"),
    ("-action reboot=explode", r"explode"),
    ("-stats nonsense", r"-stats: "),
    ("-echr x", r"-echr: "),
    ("-object nosuch,id=x", r"unknown type of object"),
    ("-blockdev driver=qcow2,node-name=d,file=nosuch", r'no node "nosuch"'),
]

PRINTED = [
    ("-h", r"usage: qemu-system-x86_64 .*-accel"),
    ("--help", r"-hda file"),
    ("-version", r"version 0\.10\.4"),
    ("-M ?", r"isapc .*pc .*\(default\)"),
    ("-machine help", r"isapc"),
    ("-cpu ?", r"qemu64"),
    ("-cpu help", r"486"),
    ("-device ?", r'name "'),
    ("-soundhw ?", r"sb16"),
    ("-d ?", r"in_asm"),
    ("-vga ?", r"cirrus"),
    ("-accel ?", r"interp"),
    ("-clock ?", r"timerfd"),
    ("-k ?", r"pt-br"),
]


def make_files(folder):
    (folder / "folder").mkdir()
    (folder / "good.img").write_bytes(bytes(1 << 20))
    (folder / "second.img").write_bytes(bytes(1 << 20))
    (folder / "byte.img").write_bytes(b"x")
    (folder / "empty").write_bytes(b"")
    (folder / "text").write_text("this is no kernel\n" * 200)
    (folder / "random").write_bytes(os.urandom(70000))
    # a bzImage header that promises more than there is
    kernel = bytearray(1024)
    kernel[0x1f1] = 30
    kernel[0x1fe:0x200] = b"\x55\xaa"
    kernel[0x202:0x206] = b"HdrS"
    kernel[0x206:0x208] = (0x20c).to_bytes(2, "little")
    kernel[0x211] = 1
    (folder / "truncated").write_bytes(kernel)


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.scratch.name)
        make_files(self.folder)
        self.before = sorted(os.listdir(self.folder))

    def tearDown(self):
        self.scratch.cleanup()

    def refuse(self, line, message):
        quiet = ["-display", "none", "-net", "none"]
        if "-net" in line or "-redir" in line:
            quiet = quiet[:2]
        result = run(quiet + line.split(), cwd=self.folder)
        error = result.stderr.decode(errors="replace")
        self.assertEqual(result.returncode, 1, f"status of: {line}\n{error}")
        self.assertEqual(result.stdout, b"", f"output of: {line}")
        self.assertRegex(error, rf"\A{PROGRAM}: [^\n]*\n\Z", f"message of: {line}")
        self.assertRegex(error, message, f"message of: {line}")
        self.assertEqual(sorted(os.listdir(self.folder)), self.before, f"files after: {line}")

    def test_refused(self):
        for line, message in REFUSED:
            with self.subTest(line=line):
                self.refuse(line, message)

    @unittest.skipIf(os.geteuid() == 0, "root can read every file")
    def test_unreadable(self):
        (self.folder / "good.img").chmod(0)
        self.refuse("-hda good.img", r"Permission denied")

    def test_printed(self):
        for line, text in PRINTED:
            with self.subTest(line=line):
                result = run(line.split(), cwd=self.folder)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(result.stderr, b"")
                self.assertTrue(re.search(text, result.stdout.decode(), re.DOTALL), result.stdout)

    def test_programs(self):
        listing = run(["--list"], name="ratite").stdout.decode().split()
        self.assertIn("qemu-system-i386", listing)
        self.assertIn("qemu", listing)
        for name in listing:
            with self.subTest(program=name):
                self.assertEqual(os.readlink(EMU / name), "ratite")
                direct = run(["-h"], name=name)
                self.assertEqual(direct.returncode, 0)
                inner = run([name, "-h"], name="ratite")
                self.assertEqual(inner.stdout, direct.stdout)
        wrong = run(["qemu-sistem-i386"], name="ratite")
        self.assertEqual(wrong.returncode, 1)
        self.assertIn(b'did you mean "qemu-system-i386"', wrong.stderr)

    def test_generated(self):
        subprocess.run([EMU / "ratite", "--make-docs", self.folder], check=True)
        for name in os.listdir(self.folder / "completion"):
            with self.subTest(program=name):
                page = (self.folder / "man" / (name + ".1")).read_text()
                self.assertTrue(page.startswith(".TH "))
                self.assertIn(".SH OPTIONS", page)
                subprocess.run(["bash", "-n", self.folder / "completion" / name], check=True)


if __name__ == "__main__":
    if not (EMU / PROGRAM).exists() or b"isapc" not in run(["-M", "help"]).stdout:
        print(f"skipped: {EMU / PROGRAM} has no PC yet")
        sys.exit(77)
    unittest.main()
