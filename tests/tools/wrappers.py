"""vdeq and qrap with an emulator that only tells how it was called."""
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

EMU = os.environ.get("EMU", "build/release/bin")
FAKE = """#!/usr/bin/env python3
import os, re, socket, sys
print("ARGS", *sys.argv[1:])
for fd in re.findall(r"fd=(\\d+)", " ".join(sys.argv)):
    s = socket.socket(fileno=os.dup(int(fd)))
    s.settimeout(1)
    print("FD", s.type.name)
    if s.type == socket.SOCK_DGRAM:
        s.send(bytes([255] * 6 + [2, 0, 0, 0, 0, 9, 8, 6]) + bytes(46))
        try:
            print("GOT", len(s.recv(2000)))
        except OSError:
            print("GOT nothing")
"""


class Passt(threading.Thread):
    """Answers every frame with itself, as passt would answer an ARP request."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(4)

    def run(self):
        while True:
            client, _ = self.listener.accept()
            data = client.recv(2000)
            if len(data) >= 4 and struct.unpack(">I", data[:4])[0] == len(data) - 4:
                client.send(data)


class Wrappers(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        for name in ("qemu", "kvm", "fake"):
            path = os.path.join(self.dir, name)
            with open(path, "w") as f:
                f.write(FAKE)
            os.chmod(path, 0o755)
        self.env = dict(os.environ, PATH=self.dir + ":/usr/bin:/bin")

    def tearDown(self):
        shutil.rmtree(self.dir)

    def run_program(self, *args, program=None):
        r = subprocess.run(args, env=self.env, capture_output=True, text=True, timeout=30,
                           executable=program)
        return r.returncode, r.stdout, r.stderr

    def test_qrap(self):
        path = "/tmp/passt_63.socket"
        if os.path.exists(path):
            self.skipTest(path + " is there")
        Passt(path).start()
        try:
            status, out, err = self.run_program(
                EMU + "/qrap", "disk.img", "-net", "none", "-device", "e1000,netdev=x", "-netdev",
                "user,id=x", "-m", "64", "-device", "sb16")
            self.assertEqual(status, 0, err)
            self.assertIn("ARGS disk.img -m 64 -device sb16 -netdev socket,fd=5", out)
            self.assertIn("-device virtio-net-pci,netdev=hostnet0", out)
            self.assertIn("FD SOCK_STREAM", out)
            status, out, err = self.run_program(EMU + "/qrap", "7", "fake", "-net", "socket,fd=7")
            self.assertEqual(status, 0, err)
            self.assertIn("ARGS -net socket,fd=7", out)
            self.assertIn("FD SOCK_STREAM", out)
        finally:
            os.unlink(path)

    def test_qrap_alone(self):
        status, _, err = self.run_program(EMU + "/qrap", "7", "fake")
        if status == 0:
            self.skipTest("a passt runs here")
        self.assertEqual(status, 1)
        self.assertIn("no passt answers", err)

    def test_vdeq(self):
        if not shutil.which("vde_switch"):
            self.skipTest("no vde_switch")
        if "address" in os.environ.get("SANITIZE", ""):
            self.skipTest("libvdeplug's modules cannot be loaded under AddressSanitizer")
        sock = os.path.join(self.dir, "switch")
        switch = subprocess.Popen(["vde_switch", "-s", sock, "-x", "-hub"], stdin=subprocess.PIPE,
                                  stdout=subprocess.DEVNULL)
        try:
            while not os.path.exists(sock + "/ctl"):
                time.sleep(0.05)
            self.vdeq_forms(sock)
        finally:
            switch.kill()
            switch.wait()
            switch.stdin.close()

    def vdeq_forms(self, sock):
        status, out, err = self.run_program(
            EMU + "/vdeq", "qemu", "-net", "nic,vlan=1", "-net", f"vde,vlan=1,sock={sock},port=3",
            "-net", f"vde,sock={sock}", "-m", "64")
        self.assertEqual(status, 0, err)
        self.assertRegex(out, r"ARGS -net nic,vlan=1 -net socket,vlan=1,fd=\d+ "
                         r"-net socket,fd=\d+ -m 64")
        # the second interface hears what the first one said: both are ports of one hub
        self.assertIn("GOT 60", out)
        link = os.path.join(self.dir, "vdekvm")
        os.symlink(os.path.abspath(EMU + "/ratite"), link)
        status, out, err = self.run_program(link, "--mod", "0600", "-sock", f"{sock},{sock}", "-b")
        self.assertEqual(status, 0, err)
        self.assertRegex(out, r"ARGS -b -net nic -net socket,fd=\d+ -net socket,fd=\d+")
        status, _, err = self.run_program(EMU + "/vdeq", "qemu", "-net", "vde,sock=/nowhere")
        self.assertEqual(status, 1)
        self.assertIn("/nowhere", err)
        status, _, err = self.run_program(EMU + "/vdeq", "qemu", "--mod", "9")
        self.assertEqual(status, 1)
        self.assertIn("octal", err)

    def test_help(self):
        for program in ("vdeq", "qrap"):
            status, out, _ = self.run_program(EMU + "/" + program, "--help")
            self.assertEqual(status, 0)
            self.assertIn("usage: " + program, out)


if __name__ == "__main__":
    if not os.path.exists(EMU + "/vdeq"):
        sys.exit(77)
    unittest.main()
