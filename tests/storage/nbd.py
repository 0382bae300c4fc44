#!/usr/bin/env python3
"""NBD between our qemu-nbd, qemu-img and qemu-io, and with the programs of others where the host
has them (QEMU's, nbdkit, libnbd's), in the clear and with TLS. usage: nbd.py BIN"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BIN = sys.argv[1]
FAILED = []
SKIPPED = []


def tool(name):
    return os.path.join(BIN, name)


def other(name):
    """A program of the host, or None."""
    return shutil.which(name, path="/usr/bin:/usr/sbin:/bin")


def run(*words, timeout=60):
    p = subprocess.run(words, capture_output=True, text=True, timeout=timeout,
                       stdin=subprocess.DEVNULL)
    return p.returncode, p.stdout + p.stderr


class Server:
    """A server on a Unix socket, for as long as the block lasts."""

    def __init__(self, socket, *words):
        self.socket, self.words = socket, words

    def __enter__(self):
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        self.process = subprocess.Popen(self.words, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            if os.path.exists(self.socket) or self.process.poll() is not None:
                break
            time.sleep(0.05)
        return self

    def __exit__(self, *unused):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def check(name, ok, text=""):
    print(("PASS " if ok else "FAIL ") + name + ("" if ok else ": " + text.strip()[-200:]))
    if not ok:
        FAILED.append(name)


def needs(name, *programs):
    missing = [p for p in programs if not other(p)]
    if missing:
        print("SKIP %s: no %s" % (name, ", ".join(missing)))
        SKIPPED.append(name)
    return not missing


def make_certificates(folder):
    """A CA, and certificates of it for a server named localhost and for a client."""
    def openssl(*words):
        subprocess.run(["openssl"] + list(words), check=True, capture_output=True, cwd=folder)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", "ca-key.pem", "-out", "ca-cert.pem", "-subj", "/CN=test CA", "-days", "30",
            "-addext", "keyUsage=critical,keyCertSign")
    for who in "server", "client":
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", who + "-key.pem", "-out", who + ".csr",
                "-subj", "/CN=" + ("localhost" if who == "server" else "a client"))
        with open(os.path.join(folder, who + ".ext"), "w") as f:
            f.write("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                    "extendedKeyUsage=%sAuth\n" % who)
            if who == "server":
                f.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", who + ".csr", "-CA", "ca-cert.pem", "-CAkey", "ca-key.pem",
                "-CAcreateserial", "-out", who + "-cert.pem", "-days", "30",
                "-extfile", who + ".ext")


def same(path, data):
    with open(path, "rb") as f:
        return f.read() == data


def write_sparse(path, data):
    """Pages of zeroes become holes, so that maps have something to show."""
    with open(path, "wb") as f:
        f.truncate(len(data))
        for at in range(0, len(data), 4096):
            if any(data[at:at + 4096]):
                f.seek(at)
                f.write(data[at:at + 4096])


def plain(work, image, data):
    sock = os.path.join(work, "s")
    uri = "nbd+unix:///?socket=" + sock
    out = os.path.join(work, "out")
    with Server(sock, tool("qemu-nbd"), "-t", "-f", "raw", "-k", sock, image):
        code, text = run(tool("qemu-img"), "convert", "-f", "raw", "-O", "raw", uri, out)
        check("ours from ours", code == 0 and same(out, data), text)
        code, text = run(tool("qemu-io"), "-f", "raw", "-c", "write -P 7 64k 4k", "-c",
                         "read -P 7 64k 4k", "-c", "write -z 1M 64k", "-c", "read -P 0 1M 64k",
                         "-c", "discard 2M 64k", "-c", "flush", uri)
        check("qemu-io writes", code == 0, text)
        if needs("nbdinfo", "nbdinfo"):
            code, text = run("nbdinfo", uri)
            check("nbdinfo", code == 0 and "export-size: %d" % len(data) in text, text)
            code, text = run("nbdinfo", "--map", uri)
            check("nbdinfo --map", code == 0 and "zero" in text, text)
        if needs("qemu-img of QEMU reads", "qemu-img"):
            code, text = run("/usr/bin/qemu-img", "compare", "-f", "raw", "-F", "raw", uri, image)
            check("qemu-img of QEMU reads", code == 0, text)
    write_sparse(image, data)
    for name, words in (("qemu-nbd", ["-t", "-f", "raw", "-k", sock, image]),
                        ("nbdkit", ["-f", "-U", sock, "file", image])):
        if not needs("ours from " + name, name):
            continue
        with Server(sock, other(name), *words):
            code, text = run(tool("qemu-img"), "convert", "-f", "raw", "-O", "raw", uri, out)
            check("ours from " + name, code == 0 and same(out, data), text)
            code, text = run(tool("qemu-img"), "map", "--output=json", "-f", "raw", uri)
            check("holes of " + name, code == 0 and '"zero": true' in text, text)


def listing(work, image):
    """-L of ours says what QEMU's says, of each other's servers; -l shows a snapshot."""
    sock, disk = os.path.join(work, "s"), os.path.join(work, "snap.qcow2")
    options = ["-t", "-r", "-f", "raw", "-x", "disk", "-D", "for tests", "-k", sock, image]
    with Server(sock, tool("qemu-nbd"), *options):
        code, text = run(tool("qemu-nbd"), "-L", "-k", sock)
        check("list", code == 0 and "exports available: 1\n export: 'disk'\n" in text and
              "description: for tests" in text and "readonly" in text and
              "base:allocation" in text, text)
        if needs("list as QEMU", "qemu-nbd"):
            check("list as QEMU", run("/usr/bin/qemu-nbd", "-L", "-k", sock) == (0, text), text)
    if needs("list of QEMU", "qemu-nbd"):
        with Server(sock, "/usr/bin/qemu-nbd", *options):
            ours = run(tool("qemu-nbd"), "-L", "-k", sock)
            check("list of QEMU", ours == run("/usr/bin/qemu-nbd", "-L", "-k", sock), ours[1])
    code, text = run(tool("qemu-nbd"), "-L", "-k", sock + "-nobody")
    check("list of nobody", code == 1 and "Failed to connect" in text, text)
    for words in (["qemu-img", "create", "-q", "-f", "qcow2", disk, "1M"],
                  ["qemu-io", "-c", "write -P 1 0 64k", disk],
                  ["qemu-img", "snapshot", "-c", "one", disk],
                  ["qemu-io", "-c", "write -P 2 0 64k", disk]):
        run(tool(words[0]), *words[1:])
    with Server(sock, tool("qemu-nbd"), "-t", "-l", "one", "-k", sock, disk):
        code, text = run(tool("qemu-io"), "-r", "-f", "raw", "-c", "read -P 1 0 64k",
                         "nbd+unix:///?socket=" + sock)
        check("a snapshot", code == 0, text)
    code, text = run(tool("qemu-nbd"), "-l", "two", "-k", sock, disk)
    check("no such snapshot", code == 1 and "two" in text, text)


def objects(kind, folder):
    more = ",username=alice" if kind == "psk" else ""
    return ["tls-creds-%s,id=t,endpoint=%s,dir=%s%s" %
            (kind, end, folder, more if end == "client" else "") for end in ("server", "client")]


def tls(work, image, data, kind, folder):
    sock, out = os.path.join(work, "s"), os.path.join(work, "out")
    server, client = objects(kind, folder)
    uri = "nbds+unix:///?socket=%s&tls-creds=t&tls-hostname=localhost" % sock
    options = "driver=nbd,path=%s,tls-creds=t,tls-hostname=localhost" % sock
    ours = [tool("qemu-img"), "convert", "--object", client, "-f", "raw", "-O", "raw", uri, out]
    by_options = [tool("qemu-img"), "convert", "--object", client, "--image-opts", "-O", "raw",
                  options, out]
    theirs = ["/usr/bin/qemu-img"] + by_options[1:]
    nbd = ["-t", "-f", "raw", "--object", server, "--tls-creds", "t", "-k", sock, image]
    if kind == "x509":
        libnbd = "nbds+unix://localhost/?socket=%s&tls-certificates=%s" % (sock, folder)
        kit = ["--tls=require", "--tls-certificates=" + folder, "--tls-verify-peer"]
    else:
        libnbd = "nbds+unix://alice@/?socket=%s&tls-psk-file=%s/keys.psk" % (sock, folder)
        kit = ["--tls=require", "--tls-psk=%s/keys.psk" % folder]
    with Server(sock, tool("qemu-nbd"), *nbd):
        for name, words in (("URI", ours), ("options", by_options)):
            code, text = run(*words)
            check("%s: ours from ours by %s" % (kind, name), code == 0 and same(out, data), text)
        code, text = run(tool("qemu-img"), "info", "-f", "raw", "nbd+unix:///?socket=" + sock)
        check(kind + ": refused in the clear", code == 1 and "TLS" in text, text)
        if needs(kind + ": QEMU from ours", "qemu-img"):
            code, text = run(*theirs)
            check(kind + ": QEMU from ours", code == 0 and same(out, data), text)
        if needs(kind + ": libnbd from ours", "nbdinfo", "nbdcopy"):
            code, text = run("nbdinfo", libnbd)
            check(kind + ": nbdinfo", code == 0 and "with TLS" in text, text)
            code, text = run("nbdcopy", libnbd, out)
            check(kind + ": nbdcopy", code == 0 and same(out, data), text)
    for name, words in (("qemu-nbd", nbd), ("nbdkit", ["-f", "-U", sock] + kit + ["file", image])):
        if not needs("%s: ours from %s" % (kind, name), name):
            continue
        with Server(sock, other(name), *words):
            code, text = run(*ours)
            check("%s: ours from %s" % (kind, name), code == 0 and same(out, data), text)


def distrust(work, image, folder):
    """Certificates of somebody else's, of another name, or none at all."""
    sock = os.path.join(work, "s")
    foreign, empty = os.path.join(work, "foreign"), os.path.join(work, "empty")
    os.mkdir(foreign)
    os.mkdir(empty)
    make_certificates(foreign)
    shutil.copy(os.path.join(folder, "ca-cert.pem"), empty)
    server = objects("x509", folder)[0]
    uri = "nbds+unix:///?socket=%s&tls-hostname=%s&tls-certificates=%s"
    with Server(sock, tool("qemu-nbd"), "-t", "-f", "raw", "--object", server, "--tls-creds", "t",
                "-k", sock, image):
        for name, words in (("stranger's certificate", (sock, "localhost", foreign)),
                            ("other host name", (sock, "example.org", folder)),
                            ("no certificate", (sock, "localhost", empty))):
            code, text = run(tool("qemu-img"), "info", "-f", "raw", uri % words)
            check("x509: %s is refused" % name, code == 1, text)
    code, text = run(tool("qemu-nbd"), "--tls-creds", "nothere", "-k", sock, image)
    check("unknown credentials", code == 1 and "nothere" in text, text)


def main():
    work = tempfile.mkdtemp(prefix="ratite-nbd-")
    image = os.path.join(work, "disk")
    data = bytes(1 << 20) + os.urandom(1 << 20) + bytes(2 << 20) + b"end." * 1000
    data += bytes(512 - len(data) % 512)
    write_sparse(image, data)
    try:
        plain(work, image, data)
        listing(work, image)
        psk = os.path.join(work, "psk")
        os.mkdir(psk)
        with open(os.path.join(psk, "keys.psk"), "w") as f:
            f.write("alice:%s\n" % os.urandom(32).hex())
        tls(work, image, data, "psk", psk)
        if needs("x509", "openssl"):
            certs = os.path.join(work, "x509")
            os.mkdir(certs)
            make_certificates(certs)
            tls(work, image, data, "x509", certs)
            distrust(work, image, certs)
    finally:
        shutil.rmtree(work)
    print("%d failed, %d skipped" % (len(FAILED), len(SKIPPED)))
    sys.exit(1 if FAILED else 0)


main()
