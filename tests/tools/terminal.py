#!/usr/bin/env python3
"""-nographic on a terminal: its keys, the monitor, signals, and the terminal as it was at the end."""

import json
import os
import signal
import socket
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "boot"))
import harness  # noqa: E402

ARGUMENTS = ["-M", "isapc", "-m", "16", "-net", "none", "-S"]


def start(*more):
    return harness.Emulator("qemu-system-i386", ARGUMENTS + ["-nographic", *more], limit=60,
                            terminal=True)


class Terminal(unittest.TestCase):
    def open_monitor(self, vm):
        time.sleep(0.3)  # keys typed before the terminal is raw would be lost to its line editor
        vm.send("\x01c")
        vm.expect(r"\(qemu\) ")

    def test_keys(self):
        with start() as vm:
            time.sleep(0.3)
            vm.send("\x01h")
            vm.expect(r"(?i)C-a x|Ctrl-a x")
            self.open_monitor(vm)
            vm.send("info status\r")
            vm.expect(r"paused \(prelaunch\)")
            vm.send("\x01x")
            self.assertEqual(vm.wait(20), 0)
            self.assertTrue(vm.terminal_restored())

    def test_monitor_commands(self):
        with start("-name", "test guest") as vm:
            self.open_monitor(vm)
            for line, answer in [("info version", r"0\.10\.4"), ("info name", r"test guest"),
                                 ("print 6*7", r"0x2a"), ("p/d -1", r"-1\r"),
                                 ("p/x $eip", r"0xfff0"), ("info cpus", r"\* CPU #0"),
                                 ("info registers", r"(?i)EIP=0000fff0"),
                                 ("xp/2xb 0xffff0", r"ffff0: 0xea 0x"),
                                 ("info mtree", r"address-space"),
                                 ("nosuch", r'unknown command "nosuch"'),
                                 ("info nosuch", r'unknown item "nosuch"'),
                                 ("balloon 1", r"not available yet"),
                                 ("hostfwd_remove nosuch tcp::9", r'no user network "nosuch"'),
                                 ("help stop", r"stop emulation"),
                                 ("eject nosuch", r'no drive "nosuch"'),
                                 ("memsave 1", r"size is missing")]:
                with self.subTest(line=line):
                    vm.send(line + "\r")
                    vm.expect(answer, 20)
                    vm.expect(r"\(qemu\) ", 20)
            vm.send("quit\r")
            self.assertEqual(vm.wait(20), 0)
            self.assertTrue(vm.terminal_restored())

    def test_signals(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number), start() as vm:
                self.open_monitor(vm)
                vm.signal(number)
                self.assertEqual(vm.wait(20), 0)
                self.assertTrue(vm.terminal_restored())

    def test_signal_while_running(self):
        with harness.Emulator("qemu-system-i386", ["-net", "none", "-nographic"], limit=60,
                              terminal=True) as vm:
            time.sleep(1)
            vm.signal(signal.SIGTERM)
            self.assertEqual(vm.wait(20), 0)
            self.assertTrue(vm.terminal_restored())


class Process(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()

    def tearDown(self):
        self.scratch.cleanup()

    def path(self, name):
        return os.path.join(self.scratch.name, name)

    def monitor(self, path, *lines):
        """One-shot commands on a socket, as scripts send them."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(path)
            s.sendall("".join(line + "\n" for line in lines).encode())
            answer = b""
            while answer.count(b"(qemu) ") < len(lines) + 1:
                data = s.recv(65536)
                if not data:
                    break
                answer += data
            return answer.decode()

    def wait_for(self, path):
        for _ in range(200):
            if os.path.exists(path):
                return
            time.sleep(0.05)
        self.fail(f"{path} does not appear")

    def test_daemon_and_pidfile(self):
        sock, pidfile = self.path("mon"), self.path("pid")
        with harness.Emulator("qemu-system-i386",
                              ARGUMENTS + ["-display", "none", "-daemonize", "-pidfile", pidfile,
                                           "-monitor", f"unix:{sock},server,nowait"]) as vm:
            self.assertEqual(vm.wait(20), 0)
        with open(pidfile, encoding="ascii") as f:
            pid = int(f.read())
        os.kill(pid, 0)
        dump = self.path("dump, with comma")
        answer = self.monitor(sock, "info status", f'pmemsave 0xf0000 65536 "{dump}"', "info uuid")
        self.assertIn("paused", answer)
        self.assertIn("00000000-0000-0000-0000-000000000000", answer)
        self.assertEqual(os.path.getsize(dump), 65536)
        self.monitor(sock, "quit")
        for _ in range(200):
            if not os.path.exists(pidfile):
                break
            time.sleep(0.05)
        self.assertFalse(os.path.exists(pidfile))

    def test_guest_seen_from_a_script(self):
        """Pictures, keys, memory and stopping of a running guest, by one-shot commands."""
        sock, picture, memory = self.path("mon"), self.path("screen.ppm"), self.path("memory")
        with harness.Emulator("qemu-system-i386",
                              ["-net", "none", "-display", "none", "-no-shutdown",
                               "-monitor", f"unix:{sock},server,nowait"]) as vm:
            self.wait_for(sock)
            time.sleep(2)
            self.monitor(sock, "sendkey ctrl-alt-f1", "sendkey a 200", "mouse_move 3 -4",
                         "mouse_button 1", "mouse_button 0", f"screendump {picture}",
                         f"memsave 0x400 256 {memory}", "log guest_errors", "log none",
                         "singlestep", "singlestep off", "nmi 0", "system_powerdown")
            with open(picture, "rb") as f:
                self.assertTrue(f.read(2) == b"P6")
            self.assertEqual(os.path.getsize(memory), 256)
            self.assertIn("running", self.monitor(sock, "info status"))
            self.assertIn("VM status: paused", self.monitor(sock, "stop", "info status"))
            before = self.monitor(sock, "info registers")
            time.sleep(0.2)
            self.assertEqual(before, self.monitor(sock, "info registers"))
            self.assertIn("running", self.monitor(sock, "cont", "info status"))
            self.assertIn("running", self.monitor(sock, "system_reset", "info status"))
            answer = self.monitor(sock, "info pci", "info pic", "info qtree", "info mtree",
                                  "info block", "info chardev", "info mice", "sum 0xf0000 65536",
                                  "x/4i 0xfffffff0", "xp/8xw 0xffff0")
            for text in ("PCI", "ide1-cd0", "serial0", "isa-pit", "pci"):
                self.assertIn(text, answer)
            self.monitor(sock, "quit")
            self.assertEqual(vm.wait(20), 0)

    def test_daemon_reports_failure(self):
        with harness.Emulator("qemu-system-i386", ["-display", "none", "-daemonize", "-hda",
                                                   "/nosuch/disk"]) as vm:
            self.assertEqual(vm.wait(20), 1)
            self.assertIn(b"/nosuch/disk", vm.output)

    def test_sockets_may_come_again(self):
        sock = self.path("mon")
        with harness.Emulator("qemu-system-i386",
                              ARGUMENTS + ["-display", "none",
                                           "-monitor", f"unix:{sock},server,nowait"]) as vm:
            self.wait_for(sock)
            for _ in range(3):
                self.assertIn("(qemu)", self.monitor(sock, "info status"))
            self.monitor(sock, "quit")
            self.assertEqual(vm.wait(20), 0)

    def test_statistics(self):
        path = self.path("stats.json")
        with harness.Emulator("qemu-system-i386",
                              ["-M", "isapc", "-net", "none", "-display", "none", "-stats",
                               f"json={path}"]) as vm:
            time.sleep(1)
            vm.signal(signal.SIGTERM)
            self.assertEqual(vm.wait(20), 0)
        with open(path, encoding="ascii") as f:
            stats = json.load(f)
        self.assertGreater(stats["cpus"][0]["instructions"], 0)


if __name__ == "__main__":
    harness.need_machine("qemu-system-i386", "isapc")
    unittest.main()
