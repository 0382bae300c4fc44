"""Mistakes in network options: one clear line, exit status 1."""
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

EMU = os.environ.get("EMU", "build/release/bin")
PROGRAM = EMU + "/qemu-system-i386"


class BadOptions(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        os.chmod(self.dir, 0o755)

    def tearDown(self):
        shutil.rmtree(self.dir)

    def refused(self, options, *parts, fds=(), user=None):
        r = subprocess.run([PROGRAM, "-display", "none", "-S", *options.split()], pass_fds=fds, user=user,
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        self.assertEqual(r.returncode, 1, f"{options}: {r.stderr}")
        lines = r.stderr.splitlines()
        self.assertEqual(len(lines), 1, r.stderr)
        self.assertTrue(lines[0].startswith("qemu-system-i386: -"), lines[0])
        for part in parts:
            self.assertIn(part, lines[0])

    def need_vde(self):
        if "address" in os.environ.get("SANITIZE", ""):
            self.skipTest("libvdeplug's modules cannot be loaded under AddressSanitizer")

    def test_port_in_use(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen(1)
            port = s.getsockname()[1]
            for options in (f"-net nic -net socket,listen=127.0.0.1:{port}",
                            f"-net nic -net user,hostfwd=tcp:127.0.0.1:{port}-:80",
                            f"-net nic -net user -redir tcp:{port}::80",
                            f"-netdev stream,id=n,server=on,addr.type=inet,addr.host=127.0.0.1,"
                            f"addr.port={port} -device e1000,netdev=n"):
                self.refused(options, str(port), "Address already in use")

    def test_nobody_there(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
            self.refused(f"-net nic -net socket,connect=127.0.0.1:{port}", "Connection refused")
        self.refused("-netdev stream,id=n,addr.type=unix,addr.path=/nowhere/s -device e1000,netdev=n",
                     "/nowhere/s", "No such file")

    def test_no_switch(self):
        self.need_vde()
        self.refused("-net nic -net vde,sock=/nowhere/switch", "/nowhere/switch", "VDE switch")
        self.refused("-net nic -net vde,mode=999", "mode=999", "octal")

    def test_no_permission(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to become nobody")
        self.refused("-net nic -net tap,script=no", "tap interface", "not permitted", user=65534)
        if not shutil.which("vde_switch"):
            return
        self.need_vde()
        sock = self.dir + "/switch"
        switch = subprocess.Popen(["vde_switch", "-s", sock, "-m", "0600"], stdin=subprocess.PIPE,
                                  stdout=subprocess.DEVNULL)
        try:
            while not os.path.exists(sock + "/ctl"):
                time.sleep(0.02)
            self.refused(f"-net nic -net vde,sock={sock}", sock, "Permission denied", user=65534)
            self.refused(f"-net nic -net vde,sock={sock},port=5000", sock, "is port= one of its ports?")
            self.refused(f"-net nic -net vde,sock={sock},group=nosuch", "no such group")
            r = subprocess.run([EMU + "/vdeq", PROGRAM, "-net", "nic", "-net", f"vde,sock={sock},port=5000"],
                               stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
            self.assertEqual(r.returncode, 1)
            self.assertRegex(r.stderr, r"\Avdeq: .*does not answer; is port= .*\n\Z")
        finally:
            switch.kill()
            switch.wait()
            switch.stdin.close()

    def test_tap(self):
        self.refused("-net nic -net tap,ifname=averyveryverylongname,script=no", "15 characters")
        self.refused("-net nic -net tap,helper=/nowhere/helper", "/nowhere/helper")
        if os.geteuid() == 0 and os.path.exists("/dev/net/tun"):
            self.refused("-net nic -net tap,script=/nowhere/up", "/nowhere/up", "script=no")
            self.refused("-net nic -net tap,ifname=lo,script=no", '"lo"')

    def test_wrong_fd(self):
        self.refused("-net nic -net tap,fd=77", "fd=77", "Bad file descriptor")
        self.refused("-net nic -net socket,fd=77", "fd=77", "Bad file descriptor")
        self.refused("-net nic -net tap,fd=0", "fd=0", "no tap interface")
        self.refused("-net nic -net socket,fd=0", "fd=0", "non-socket")
        with socket.socket() as s:
            n = s.fileno()
            self.refused(f"-net nic -net tap,fd={n}", f"fd={n}", "no tap interface", fds=(n,))

    def test_names(self):
        self.refused("-net nic,model=e1001 -net user", "e1001", 'did you mean "e1000"')
        self.refused("-net nic,model=smc91c111 -net user", "System bus")
        self.refused("-net nic -net channel,80:null", "no user network")
        self.refused("-net nic -redir tcp:5555::80", "no user network")
        self.refused("-device e1001", "e1001", 'did you mean "e1000"')
        self.refused("-device e1000,netdev=x", '"x"')
        self.refused("-net nic -net usr", "usr", "user")
        self.refused("-net nic,macaddr=52:54 -net user", "52:54", "MAC address")
        self.refused("-net nic -net socket,mcast=10.0.0.1:5", "multicast")
        self.refused("-net nic -net socket,mcast=230.0.0.1:0", "port other than 0")
        self.refused("-net nic -net socket", "listen=")
        self.refused("-net nic,addr=x -net user", "-net nic,addr=x", "PCI address such as")
        self.refused("-net nic,addr=5.8 -net user", "-net nic,addr=5.8", "PCI address such as")
        self.refused("-net nic,addr=1 -net user", "-net nic,addr=1", "PIIX3")
        self.refused("-net nic,addr=5 -net nic,addr=5 -net user", "-net nic,addr=5", "ne2k_pci")
        self.refused("-M isapc -net nic,model=ne2k_isa,addr=3 -net user", "no PCI card")
        self.refused("-net nic -net user -tftp /nowhere", "/nowhere")
        self.refused("-net nic -net user,net=10.0.2.0/24,host=10.0.3.2", "host=10.0.3.2")

    def monitor(self, options, *commands):
        with subprocess.Popen([PROGRAM, "-display", "none", "-serial", "null", "-monitor", "stdio", "-S",
                               *options.split()], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as p:
            out, _ = p.communicate("\n".join((*commands, "quit\n")), timeout=60)
        return out

    def test_redir_without_a_type_is_tcp(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        for colon in ("", ":"):
            out = self.monitor(f"-net nic -net user -redir {colon}{port}::24", "info usernet")
            self.assertRegex(out, rf"TCP\[HOST_FORWARD\] .* {port} +10\.0\.2\.15 +24 ")

    def test_datagram_address(self):
        out = self.monitor("-netdev dgram,id=d,remote.type=inet,remote.host=230.0.0.1,remote.port=7783 "
                           "-device e1000,netdev=d", "info network")
        self.assertIn("udp:230.0.0.1:7783", out)

    def test_addr_places_the_card(self):
        cards = "-net nic,addr=0x7 -net nic,model=rtl8139,addr=1f.2 -net nic,model=e1000 -net user"
        out = self.monitor(cards, "info pci")
        found = re.findall(r"device +(\d+), function (\d):\s+Ethernet controller: PCI device (\S+)", out)
        self.assertEqual(found, [("3", "0", "8086:100e"), ("7", "0", "10ec:8029"),
                                 ("31", "2", "10ec:8139")])

    def test_twice(self):
        self.refused("-netdev user,id=n -device e1000,netdev=n -device pcnet,netdev=n", '"n"',
                     "already connected")
        self.refused("-netdev user,id=n -netdev user,id=n", '"n"', "already")


if __name__ == "__main__":
    if not os.path.exists(PROGRAM):
        sys.exit(77)
    unittest.main()
