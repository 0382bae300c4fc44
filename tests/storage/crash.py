#!/usr/bin/env python3
"""What is left of qcow2 images when programs die or the host fails them.

kill: qemu-io is killed at a random moment of a random workload (KILLS times). What was flushed is
there, what was not is old or new, and no check finds more than leaks. Snapshots are killed, too.
fault: each read, write, flush and allocation of some commands fails once (FAULTS of each kind at
most): they end with an error, not by a signal, and leave no corruption. A failed allocation ends
the program with GLib's message; the image must be whole then, too.

usage: crash.py BIN PRELOAD_LIBRARY [kill|fault]
"""
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BIN, PRELOAD = sys.argv[1:3]
PARTS = sys.argv[3:] or ["kill", "fault"]
THEIRS = "/usr/bin/qemu-img"
BLOCK = 4096
BLOCKS = 4096  # of the disk
KINDS = ["", "cluster_size=4096", "cluster_size=512", "lazy_refcounts=on", "compat=0.10"]
failures = []


def tool(name):
    return os.path.join(BIN, name)


def run(*words, env=None):
    p = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                       env=env)
    return p.returncode, p.stdout + p.stderr


def wrong(text):
    print("FAIL " + text)
    failures.append(text)


def check(image, what):
    """Ours and QEMU's: nothing worse than leaks."""
    ok = True
    for program in (tool("qemu-img"), THEIRS):
        if not os.path.exists(program):
            continue
        code, text = run(program, "check", "-f", "qcow2", image)
        if code not in (0, 3):
            wrong("%s: %s check: %d %s" % (what, program, code, text[-300:]))
            ok = False
    return ok


def create(image, options):
    code, text = run(tool("qemu-img"), "create", "-q", "-f", "qcow2", *(["-o", options] if options else []),
                     image, str(BLOCK * BLOCKS))
    if code:
        sys.exit("cannot create: " + text)


def workload(dice, count):
    """[(first block, blocks, byte or None for a flush)] and the lines for qemu-io."""
    work, lines = [], []
    for i in range(count):
        if i % 7 == 6:
            work.append(None)
            lines += ["flush", "length"]
            continue
        first = dice.randrange(BLOCKS)
        blocks = min(dice.randint(1, 64), BLOCKS - first)
        byte = dice.choice([0, dice.randint(1, 255), dice.randint(1, 255)])
        command = "write -q -z -u" if byte == 0 else "write -q -P %d" % byte
        work.append((first, blocks, byte))
        lines.append("%s %d %d" % (command, first * BLOCK, blocks * BLOCK))
    return work, "\n".join(lines) + "\n"


def possible(work, acknowledged):
    """What each block may hold: sets of bytes."""
    allowed = [{0} for _ in range(BLOCKS)]
    flushes = 0
    for item in work:
        if item is None:
            flushes += 1
            continue
        first, blocks, byte = item
        for b in range(first, first + blocks):
            if flushes < acknowledged:
                allowed[b] = {byte}
            else:
                allowed[b].add(byte)
    return allowed


def verify(image, work, acknowledged, raw, what):
    reader = THEIRS if os.path.exists(THEIRS) else tool("qemu-img")
    code, text = run(reader, "convert", "-f", "qcow2", "-O", "raw", image, raw)
    if code:
        wrong("%s: cannot be read: %s" % (what, text[-200:]))
        return
    allowed = possible(work, acknowledged)
    with open(raw, "rb") as f:
        data = f.read()
    for b in range(BLOCKS):
        block = data[b * BLOCK:(b + 1) * BLOCK]
        if block[0] not in allowed[b] or block.count(block[0]) != BLOCK:
            wrong("%s: block %d holds %#x, allowed %s" % (what, b, block[0], sorted(allowed[b])))
            return


def kill_data(folder, dice, number):
    image, raw = os.path.join(folder, "k.qcow2"), os.path.join(folder, "k.raw")
    create(image, KINDS[number % len(KINDS)])
    work, lines = workload(dice, 300)
    p = subprocess.Popen([tool("qemu-io"), "-f", "qcow2", image], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    # all of the input fits into the pipe, so that nobody waits for anybody
    os.write(p.stdin.fileno(), lines.encode())
    time.sleep(dice.random() * 0.15)
    p.send_signal(signal.SIGKILL)
    output, _ = p.communicate()
    acknowledged = output.count(b"MiB")
    what = "kill %d (%s, %d flushes)" % (number, KINDS[number % len(KINDS)], acknowledged)
    if KINDS[number % len(KINDS)] == "lazy_refcounts=on":
        run(tool("qemu-io"), "-f", "qcow2", "-c", "quit", image)  # repairs
    if check(image, what):
        verify(image, work, acknowledged, raw, what)
    return acknowledged


def kill_snapshot(folder, dice, number):
    """Kills qemu-img snapshot: the disk must read as one of the two states."""
    image = os.path.join(folder, "s.qcow2")
    kind = KINDS[number % 4]
    create(image, kind)
    writes = ["-c", "write -q -P 1 0 4M", "-c", "write -q -P 2 8M 1M"]
    run(tool("qemu-io"), "-f", "qcow2", *writes, image)
    run(tool("qemu-img"), "snapshot", "-c", "one", image)
    run(tool("qemu-io"), "-f", "qcow2", "-c", "write -q -P 3 1M 2M", image)
    operation = dice.choice([("-c", "two"), ("-a", "one"), ("-d", "one")])
    p = subprocess.Popen([tool("qemu-img"), "snapshot", *operation, image],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(dice.random() * 0.02)
    p.send_signal(signal.SIGKILL)
    p.wait()
    what = "kill %d of snapshot %s (%s)" % (number, operation[0], kind)
    run(tool("qemu-io"), "-f", "qcow2", "-c", "quit", image)  # an interrupted one is repaired here
    if not check(image, what):
        return
    code, text = run(tool("qemu-io"), "-r", "-f", "qcow2", "-c", "read -P 1 0 1M", "-c",
                     "read -P 1 3M 1M", "-c", "read -P 2 8M 1M", image)
    middle = [run(tool("qemu-io"), "-r", "-f", "qcow2", "-c", "read -P %d 1M 2M" % byte, image)[0]
              for byte in ((3, 1) if operation[0] == "-a" else (3,))]
    if code or 0 not in middle:
        wrong("%s: the disk is damaged: %s" % (what, text[-200:]))


def kill(folder):
    count = int(os.environ.get("KILLS", "20"))
    dice = random.Random(int(os.environ.get("SEED", "1")))
    flushes = 0
    for number in range(count):
        if number % 5 == 4:
            kill_snapshot(folder, dice, number // 5)
        else:
            flushes += kill_data(folder, dice, number)
    print("%d kills, %d flushes acknowledged before them" % (count, flushes))


COMMANDS = {
    "write": [("qemu-io", "-f", "qcow2", "-c", "write -q -P 5 1M 3M", "-c", "flush", "-c",
               "write -q -z 2M 64k", "-c", "discard -q 0 1M", "-c", "write -q -P 6 0 64k", "I")],
    "snapshot": [("qemu-img", "snapshot", "-c", "new", "I"), ("qemu-img", "snapshot", "-a", "s", "I"),
                 ("qemu-img", "snapshot", "-d", "s", "I")],
    "resize": [("qemu-img", "resize", "-q", "I", "40G")],
    "repair": [("qemu-img", "check", "-r", "all", "I")],
}


def prepare(image, options):
    create(image, options)
    run(tool("qemu-io"), "-f", "qcow2", "-c", "write -q -P 1 0 2M", "-c", "write -q -P 2 8M 1M", image)
    run(tool("qemu-img"), "snapshot", "-c", "s", image)
    run(tool("qemu-io"), "-f", "qcow2", "-c", "write -q -P 3 1M 128k", image)


def fault_one(template, image, words, call, at, count):
    shutil.copyfile(template, image)
    env = dict(os.environ, LD_PRELOAD=PRELOAD, FAULT_CALL=call, FAULT_AT=str(at),
               FAULT_ERRNO=str(28 if at % 2 else 5), FAULT_COUNT=count)
    code, text = run(tool(words[0]), *[image if w == "I" else w for w in words[1:]], env=env)
    what = "%s, %s %d" % (" ".join(words[:3]), call, at)
    aborted = call == "alloc" and -code in (signal.SIGABRT, signal.SIGTRAP)
    if code < 0 and not aborted:
        wrong("%s: ended by signal %d: %s" % (what, -code, text[-200:]))
    run(tool("qemu-io"), "-f", "qcow2", "-c", "quit", image)  # repairs what is dirty
    check(image, what)
    try:
        with open(count) as f:
            return int(f.read())
    except (OSError, ValueError):
        return 0


def fault(folder):
    most = int(os.environ.get("FAULTS", "6"))
    template, image = os.path.join(folder, "t.qcow2"), os.path.join(folder, "f.qcow2")
    count = os.path.join(folder, "count")
    prepare(template, "cluster_size=4096")
    total = 0
    for commands in COMMANDS.values():
        for words in commands:
            for call in ("read", "write", "sync", "alloc"):
                calls = fault_one(template, image, words, call, 0, count)
                stride = max(1, calls // most)
                for at in range(1, calls + 1, stride):
                    fault_one(template, image, words, call, at, count)
                    total += 1
    print("%d faults" % total)


def main():
    folder = tempfile.mkdtemp(prefix="ratite-crash-")
    try:
        for part in PARTS:
            {"kill": kill, "fault": fault}[part](folder)
    finally:
        shutil.rmtree(folder)
    print("%d failures" % len(failures))
    sys.exit(1 if failures else 0)


main()
