#!/usr/bin/env python3
"""guest-nets.py [--size MB] [--list] ROW...: guests on every kind of network.

A row is a card on the user network (user-e1000), or a way to join guests (socket, vde-qemu, ...);
those that end in -qemu have Debian's QEMU at the other end. --size is what TCP transfers carry: 100
for the whole test, less for a quick one. Rows whose programs, kernels or rights are missing are
skipped.
"""

import argparse
import contextlib
import hashlib
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

from lab import (QEMU, ROOT, Guest, background, build_initrd, connected, echo_datagrams,
                 enter_namespace, free_port, harness, need_programs, need_root, pattern, pattern_crc,
                 pull, push, serve, start_name_server, transfer)

CARDS = ["ne2k_pci", "rtl8139", "e1000", "pcnet", "i82551", "i82557b", "i82559er", "virtio"]
MACS = [f"52:54:00:12:34:{n:02x}" for n in range(0x60, 0x70)]
EMU = pathlib.Path(os.environ.get("EMU", ROOT / "build/release/bin")).resolve()


class Lab:
    """What a row may use."""

    def __init__(self, scratch, size):
        self.scratch, self.size = pathlib.Path(scratch), size
        self.stack = contextlib.ExitStack()

    def guest(self, network, emulator=None, card="e1000", **more):
        """A guest whose next card is on `network` ("socket,mcast=..."), an old -net option."""
        mac = MACS[Guest.count % len(MACS)]
        options = ["-net", f"nic,model={card},macaddr={mac}", "-net", network]
        return self.stack.enter_context(Guest(options, emulator or "qemu-system-i386",
                                              scratch=self.scratch, **more))

    def run(self, *command, **options):
        return self.stack.enter_context(background(*command, **options))


# --- cards on the user network ---

def check_lease(vm):
    text = vm.run("ifconfig eth0 up; udhcpc -i eth0 -n -q -t 8 -s /dhcp")
    if "LEASE 10.0.2.15 10.0.2.2 10.0.2.3" not in text:
        vm.fail(f"no lease: {text}")


def check_names(lab, vm):
    if os.geteuid() != 0:
        print("no name server without root: DNS is not tested")
        return
    text = vm.run("/netpeer resolve 10.0.2.3 guest.example", check=False)
    if "ADDRESS 192.0.2.77" not in text:
        vm.fail(f"no name: {text}")


def check_tftp(lab, vm):
    digest = hashlib.md5((lab.scratch / "tftp/big.bin").read_bytes()).hexdigest()
    text = vm.run("cd /tmp && tftp -g -b 1400 -r big.bin 10.0.2.2 && md5sum big.bin && rm big.bin", 300)
    if digest not in text:
        vm.fail(f"TFTP: {text}")


def check_tcp(lab, vm, port):
    crc = pattern_crc(lab.size)
    vm.begin(f"/netpeer serve 5555 {lab.size}")
    vm.expect("LISTENING")
    if not push(port, lab.size):
        vm.fail("the guest did not take everything")
    text = vm.status(60)[1]
    if f"GOT {lab.size} {crc}" not in text:
        vm.fail(f"host to guest: {text}")
    vm.begin(f"/netpeer offer 5555 {lab.size}")
    vm.expect("LISTENING")
    came = pull(port, lab.size)
    vm.status(60)
    if came != crc:
        vm.fail(f"guest to host: {came}, not {crc}")


def check_udp(vm, port):
    text = vm.run(f"/netpeer ask 10.0.2.2 {serve(echo_datagrams, socket.SOCK_DGRAM)} 50")
    if "ANSWERED 50" not in text:
        vm.fail(f"UDP: {text}")
    vm.begin("/netpeer echo 5556 20")
    vm.expect("LISTENING")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(10)
        for n in range(20):
            s.sendto(bytes([n]) * (10 + 70 * n), ("127.0.0.1", port))
            if s.recv(2000) != bytes([n]) * (10 + 70 * n):
                vm.fail("UDP into the guest: another datagram came back")
    vm.status()


def check_link(vm):
    vm.monitor("set_link card off")
    vm.ping("10.0.2.2", good=False, count=2)
    vm.monitor("set_link card on")
    vm.expect_pong("10.0.2.2")


def user(lab, card, machine="pc", words="", more=()):
    tcp, udp = free_port(), free_port()
    options = ["-net", f"nic,model={card},name=card", "-net", "user", "-tftp", lab.scratch / "tftp",
               "-redir", f"tcp:{tcp}::5555", "-redir", f"udp:{udp}::5556", *more]
    with Guest(options, scratch=lab.scratch, machine=machine, words=words) as vm:
        check_lease(vm)
        vm.ping("10.0.2.2")
        check_names(lab, vm)
        check_tftp(lab, vm)
        check_udp(vm, udp)
        check_tcp(lab, vm, tcp)
        check_link(vm)
        if card == "virtio" and "PCI-MSI" not in vm.run("grep virtio /proc/interrupts"):
            vm.fail("virtio does not use MSI-X")


def user_isa(lab):
    # the machine's own processor is a 486, the userland needs more
    user(lab, "ne2k_isa", "isapc", "noapic", ["-cpu", "qemu32"])


def pxe(lab, card):
    """Debian's iPXE ROM loads the kernel by -tftp and -bootp."""
    folder = lab.scratch / "tftp"
    (folder / "bz").write_bytes((harness.guests("pc") / "bzImage-i386").read_bytes())
    (folder / "ird").write_bytes(Guest.initrd.read_bytes())
    (folder / "boot.ipxe").write_text("#!ipxe\nkernel bz console=ttyS0 quiet rdinit=/netinit\n"
                                      "initrd ird\nboot\n")
    with harness.Emulator("qemu-system-i386",
                          ["-m", "128", "-nographic", "-no-reboot", "-net", f"nic,model={card}", "-net",
                           "user", "-tftp", folder, "-bootp", "boot.ipxe", "-boot", "n"], 120) as vm:
        vm.expect("GUEST-READY")


def smb(lab):
    """Debian's smbclient on the host, through the guest, to smbd behind -smb."""
    need_programs("smbd", "smbclient")
    share, port = lab.scratch / "share", free_port()
    share.mkdir()
    data = os.urandom(300000)
    (share / "file.bin").write_bytes(data)
    os.chmod(lab.scratch, 0o755)
    with Guest(["-net", "nic,model=e1000", "-net", "user", "-smb", share, "-redir", f"tcp:{port}::4450"],
               scratch=lab.scratch) as vm:
        check_lease(vm)
        vm.run("printf '#!/bin/sh\\nexec nc 10.0.2.4 445\\n' >/relay; chmod 755 /relay; "
               "(nc -ll -p 4450 -e /relay &) ; sleep 1")
        got = lab.scratch / "got.bin"
        result = subprocess.run(["smbclient", "//127.0.0.1/qemu", "-N", "-p", str(port), "-c",
                                 f"get file.bin {got}; put {got} back.bin"], timeout=90,
                                capture_output=True, check=False)
        if not got.exists() or got.read_bytes() != data or (share / "back.bin").read_bytes() != data:
            vm.fail(f"SMB: {result.stdout.decode()}{result.stderr.decode()}")


def dump(lab):
    """tshark reads our dumps: no errors, every frame once, times that do not step back."""
    need_programs("tshark")
    path, port = lab.scratch / "dump.pcap", free_port()
    forward = f"hostfwd=tcp:127.0.0.1:{port}-:5555"
    for options in (["-net", "nic,model=e1000", "-net", f"user,{forward}", "-net", f"dump,file={path}"],
                    ["-netdev", f"user,id=n,{forward}", "-device", "virtio-net-pci,netdev=n", "-object",
                     f"filter-dump,id=f,netdev=n,file={path}"]):
        with Guest(options, scratch=lab.scratch) as vm:
            check_lease(vm)
            check_tcp(lab, vm, port)
            vm.ping("10.0.2.2", count=5)
        check_dump(path)


def check_dump(path):
    result = subprocess.run(["tshark", "-r", path, "-d", "tcp.port==5555,data", "-o", "ip.check_checksum:TRUE", "-o",
                             "tcp.check_checksum:TRUE", "-T", "fields", "-e", "frame.time_epoch", "-e",
                             "ip.src", "-e", "ip.id", "-e", "tcp.srcport", "-e", "tcp.seq", "-e",
                             "tcp.len", "-e", "_ws.malformed", "-e", "ip.checksum.status", "-e",
                             "tcp.checksum.status", "-e", "tcp.analysis.duplicate_ack", "-e",
                             "tcp.analysis.retransmission", "-e", "tcp.analysis.out_of_order"],
                            capture_output=True, text=True, check=False)
    if result.returncode or re.search("cut short|damaged|corrupt", result.stderr):
        raise harness.TestFailure(f"tshark {path}: {result.stderr}")
    last, seen = 0.0, {}
    for line in result.stdout.splitlines():
        f = line.split("\t")
        if float(f[0]) < last:
            raise harness.TestFailure(f"{path}: time steps back at {line}")
        last = float(f[0])
        if f[6] or f[7] == "0" or f[8] == "0":
            raise harness.TestFailure(f"{path}: wrong frame {line}")
        if f[5] not in ("", "0"):
            seen[tuple(f[1:6])] = seen.get(tuple(f[1:6]), 0) + 1
    if any(n > 1 for n in seen.values()):
        raise harness.TestFailure(f"{path}: {sum(n > 1 for n in seen.values())} segments twice")
    if not result.stdout:
        raise harness.TestFailure(f"{path} is empty")


# --- guests joined to guests ---

def joined(lab, first, second, emulator):
    a = lab.guest(first)
    b = lab.guest(second, emulator)
    connected(a, b, lab.size)


def socket_tcp(lab, emulator=None):
    port = free_port()
    joined(lab, f"socket,listen=127.0.0.1:{port}", f"socket,connect=127.0.0.1:{port}", emulator)


def socket_udp(lab, emulator=None):
    one, two = free_port(), free_port()
    joined(lab, f"socket,udp=127.0.0.1:{one},localaddr=127.0.0.1:{two}",
           f"socket,udp=127.0.0.1:{two},localaddr=127.0.0.1:{one}", emulator)


def multicast(lab, emulator=None):
    if os.geteuid() == 0:
        subprocess.run(["ip", "route", "replace", "224.0.0.0/4", "dev", "lo"], check=True)
    network = f"socket,mcast=230.0.0.1:{free_port()}"
    joined(lab, network, network, emulator)
    c = lab.guest(network).address("192.168.5.3")
    c.expect_pong("192.168.5.1")
    c.ping("192.168.5.2")


def vde_switch(lab, *options):
    need_programs("vde_switch")
    path = lab.scratch / f"switch{Guest.count}"
    lab.run("vde_switch", "-s", path, *options, ready=path / "ctl")
    return path


def vde(lab, emulator=None):
    sock = vde_switch(lab, "-m", "0660")
    joined(lab, f"vde,sock={sock},port=3,group=root,mode=0660", f"vde,sock={sock}", emulator)
    c = lab.guest(f"vde,sock={sock},port=5").address("192.168.5.3")
    c.expect_pong("192.168.5.1")
    c.ping("192.168.5.2")


def netns(lab, name):
    """A network namespace that ends with the row."""
    need_root()
    need_programs("ip")
    subprocess.run(["ip", "netns", "add", name], check=True)
    lab.stack.callback(subprocess.run, ["ip", "netns", "del", name], check=False)
    subprocess.run(["ip", "netns", "exec", name, "ip", "link", "set", "lo", "up"], check=True)
    return ["ip", "netns", "exec", name]


def in_namespace(lab, inside, vm, ip):
    """TCP between a guest and a program in a namespace, both ways."""
    crc = pattern_crc(lab.size)
    code = ("import sys; sys.path[:0] = [{0!r}, {1!r}]; import lab; "
            "print(lab.push(5555, {2}, {3!r})) if {4} else print(lab.pull(5555, {2}, {3!r}))")
    here = str(pathlib.Path(__file__).resolve().parent)
    for sends in (True, False):
        vm.begin(f"/netpeer {'serve' if sends else 'offer'} 5555 {lab.size}")
        vm.expect("LISTENING")
        result = subprocess.run([*inside, sys.executable, "-c",
                                 code.format(here, str(ROOT / "tests/boot"), lab.size, ip, sends)],
                                capture_output=True, text=True, timeout=600, check=False)
        text = vm.status(60)[1]
        if (f"GOT {lab.size} {crc}" not in text) if sends else (crc not in result.stdout):
            vm.fail(f"TCP with the namespace: {text} {result.stdout} {result.stderr}")


def vde_plug(lab, emulator=None):
    """A namespace on the switch through vde_plug and a tap."""
    need_programs("vde_plug")
    inside = netns(lab, f"plug{os.getpid()}")
    sock = vde_switch(lab)
    lab.run(*inside, "vde_plug", f"vde://{sock}", "tap://vp0")
    for command in (["addr", "add", "192.168.5.9/24", "dev", "vp0"], ["link", "set", "vp0", "up"]):
        wait_for(lambda c=command: subprocess.run([*inside, "ip", *c], capture_output=True,
                                                  check=False).returncode == 0)
    vm = lab.guest(f"vde,sock={sock}", emulator).address("192.168.5.1")
    vm.expect_pong("192.168.5.9")
    in_namespace(lab, inside, vm, "192.168.5.1")


def wait_for(condition, seconds=10):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise harness.TestFailure("it does not come about")
        time.sleep(0.05)


def multi(lab, emulator=None):
    """Two multilinks joined by vde_plug; in the middle of a transfer another one takes over."""
    need_programs("vde_plug")
    module = EMU.parent / "vdeplug"
    if not (module / "libvdeplug_multi.so").exists():
        harness.skip("libvdeplug_multi.so is not built")
    paths = [lab.scratch / "vm1", lab.scratch / "vm2"]
    os.environ["VDEPLUGIN_PATH"] = str(module)  # it replaces the library's own folder
    a = lab.guest(f"vde,sock=multi://{paths[0]}")
    b = lab.guest(f"vde,sock=multi://{paths[1]}", emulator)
    del os.environ["VDEPLUGIN_PATH"]
    links = [f"vde://{p}" for p in paths]
    plugs = [lab.run("vde_plug", *links)]

    def hand_off():
        """Several in a row: some fall into the transfer, however fast it is."""
        for _ in range(4):
            time.sleep(0.4)
            plugs.append(lab.run("vde_plug", *links))
            time.sleep(0.4)
            plugs.pop(0).kill()

    a.address("192.168.5.1")
    b.address("192.168.5.2")
    a.expect_pong("192.168.5.2")
    transfer(a, b, "192.168.5.2", max(lab.size, 20_000_000), hand_off)
    transfer(b, a, "192.168.5.1", max(lab.size, 20_000_000), hand_off)
    resets = a.run("awk '/^Tcp:/ {r = $15; e = $8} END {print r, e}' /proc/net/snmp")
    if resets.split()[1] != "0":
        a.fail(f"a connection was reset: {resets}")


def tap(lab, emulator=None):
    """Two guests on taps of one bridge, in a namespace of their own."""
    inside = netns(lab, f"tap{os.getpid()}")
    for n, mode in enumerate(("bridge", "tap", "tap")):
        name = "br0" if mode == "bridge" else f"tap{n}"
        add = ["tuntap", "add", name, "mode", "tap"] if mode == "tap" else ["link", "add", name, "type",
                                                                            "bridge"]
        if subprocess.run([*inside, "ip", *add], capture_output=True, check=False).returncode:
            harness.skip("this kernel makes no bridge")
        subprocess.run([*inside, "ip", "link", "set", name, "up"], check=True)
        if mode == "tap":
            subprocess.run([*inside, "ip", "link", "set", name, "master", "br0"], check=True)
    subprocess.run([*inside, "ip", "addr", "add", "192.168.5.9/24", "dev", "br0"], check=True)
    net = "tap,ifname=tap{},script=no,downscript=no"
    a = lab.guest(net.format(1), wrapper=[*inside, EMU / "qemu-system-i386"], card="virtio")
    b = lab.guest(net.format(2), wrapper=[*inside, emulator or EMU / "qemu-system-i386"])
    connected(a, b, lab.size)
    a.ping("192.168.5.9")
    in_namespace(lab, inside, a, "192.168.5.1")


# --- passt and the companions ---

def passt_server(lab, path):
    need_programs("passt", "ip")
    need_root()
    for command in ("tuntap add up0 mode tap", "addr replace 192.0.2.2/24 dev up0", "link set up0 up",
                    "route replace default via 192.0.2.1"):
        subprocess.run(["ip", *command.split()], check=command[0] != "t")
    pathlib.Path(path).unlink(missing_ok=True)
    # port 5555 of the host leads into the guest
    lab.run("passt", "-f", "-q", "-s", path, "--runas", "0", "-t", "5555", ready=path)


def passt_guest(lab, vm):
    """DHCP from passt, a server on the host's loopback, and a connection from the host."""
    text = vm.run("ifconfig eth0 up; udhcpc -i eth0 -n -q -t 8 -s /dhcp")
    if "LEASE 192.0.2.2" not in text:
        vm.fail(f"no lease: {text}")
    size, crc = lab.size, pattern_crc(lab.size)

    def offer(listener):
        client, _ = listener.accept()
        with client:
            for piece in pattern(size):
                client.sendall(piece)
            client.recv(1)

    port = serve(offer)
    got = vm.run(f"/netpeer fetch 192.0.2.1 {port} {size}", 300)
    if f"GOT {size} {crc}" not in got:
        vm.fail(f"from the host's loopback: {got}")
    vm.begin(f"/netpeer serve 5555 {size}")
    vm.expect("LISTENING")
    push(5555, size)
    got = vm.status(120)[1]
    if f"GOT {size} {crc}" not in got:
        vm.fail(f"from the host: {got}")


def passt_stream(lab):
    path = lab.scratch / "passt.socket"
    passt_server(lab, path)
    options = ["-netdev", f"stream,id=n,server=off,addr.type=unix,addr.path={path}", "-device",
               "virtio-net-pci,netdev=n"]
    with Guest(options, scratch=lab.scratch) as vm:
        passt_guest(lab, vm)


def passt_qrap(lab, qrap):
    passt_server(lab, "/tmp/passt_1.socket")
    # Debian's looks the command up in PATH
    os.environ["PATH"] = f"{EMU.resolve()}:{os.environ['PATH']}"
    wrapper = [qrap, "5", "qemu-system-i386"]
    options = ["-net", "socket,fd=5", "-net", "nic,model=virtio"]
    try:
        with Guest(options, wrapper=wrapper, scratch=lab.scratch) as vm:
            passt_guest(lab, vm)
    finally:
        pathlib.Path("/tmp/passt_1.socket").unlink(missing_ok=True)


def vdeq(lab, emulator):
    """Our vdeq starts an emulator, by the new syntax and by the old one."""
    sock = vde_switch(lab)
    partner = lab.guest(f"vde,sock={sock}").address("192.168.5.1")
    nic = f"nic,model=e1000,macaddr={MACS[-1]}"
    for number, options in enumerate((["-net", nic, "-net", f"vde,sock={sock}"],
                                      ["-sock", str(sock)])):
        with Guest(options if number == 0 else [], wrapper=[EMU / "vdeq", emulator,
                                                            *(options if number else [])],
                   scratch=lab.scratch) as vm:
            vm.address(f"192.168.5.{20 + number}")
            vm.expect_pong("192.168.5.1")
            if number == 0:
                transfer(vm, partner, "192.168.5.1", lab.size)


def rows():
    table = {f"user-{card}": lambda lab, card=card: user(lab, card) for card in CARDS}
    table["user-ne2k_isa"] = user_isa
    for card in [c for c in CARDS if c != "pcnet"] + ["pcnet"]:
        table[f"pxe-{card}"] = lambda lab, card=card: pxe(lab, card)
    for name, row in (("socket", socket_tcp), ("udp", socket_udp), ("mcast", multicast), ("vde", vde),
                      ("vde-plug", vde_plug), ("multi", multi), ("tap", tap)):
        table[name] = row
        table[f"{name}-qemu"] = lambda lab, row=row: row(lab, QEMU)
    table |= {"smb": smb, "dump": dump, "passt": passt_stream,
              "passt-qrap": lambda lab: passt_qrap(lab, EMU / "qrap"),
              "passt-debian-qrap": lambda lab: passt_qrap(lab, "/usr/bin/qrap"),
              "vdeq": lambda lab: vdeq(lab, EMU / "qemu-system-i386"),
              "vdeq-qemu": lambda lab: vdeq(lab, QEMU)}
    return table


def run_row(name, row, megabytes):
    if "address" in os.environ.get("SANITIZE", "") and re.match("vde|multi", name):
        harness.skip("libvdeplug's modules cannot be loaded under AddressSanitizer")
    if name.endswith("-qemu") and not os.path.exists(QEMU):
        harness.skip(f"{QEMU} is not installed")
    if "debian-qrap" in name and not os.path.exists("/usr/bin/qrap"):
        harness.skip("Debian's qrap is not installed")
    with tempfile.TemporaryDirectory() as scratch:
        (pathlib.Path(scratch) / "tftp").mkdir()
        (pathlib.Path(scratch) / "tftp/big.bin").write_bytes(
            os.urandom(10_000_000 if megabytes >= 100 else 1_000_000))
        Guest.initrd = build_initrd(scratch)
        if os.geteuid() == 0:
            start_name_server(scratch)
        lab = Lab(scratch, megabytes * 1_000_000)
        with lab.stack:
            row(lab)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=100, help="MB in each TCP transfer")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("rows", nargs="*")
    options = parser.parse_args()
    table = rows()
    if options.list:
        print("\n".join(table))
        return
    names = options.rows or list(table)
    unknown = [n for n in names if n not in table]
    if unknown:
        sys.exit(f"guest-nets.py: no such row: {unknown[0]} (--list shows them)")
    if len(names) == 1:
        enter_namespace()
        start = time.monotonic()
        try:
            run_row(names[0], table[names[0]], options.size)
        except (harness.TestFailure, OSError, subprocess.SubprocessError) as failure:
            print(f"FAILED: {names[0]}: {failure}")
            sys.exit(1)
        print(f"{names[0]}: works, {time.monotonic() - start:.1f} s")
        return
    failed = 0
    for name in names:
        failed += subprocess.run([sys.executable, __file__, "--size", str(options.size), name],
                                 check=False).returncode not in (0, harness.SKIPPED)
    print(f"{len(names)} rows, {failed} failed")
    sys.exit(1 if failed else 0)


main()
