#!/usr/bin/env python3
"""Proves that op handlers end in jumps: dispatch must not grow the stack.

usage: dispatch.py BINARY

Disassembles every x86_op_* function and fails where one calls another handler, or has no jump out.
"""
import re
import subprocess
import sys

# These call C helpers through a pointer by design.
HELPER_CALLERS = ("call_helper", "call_helper_jump", "sys_call")
# These never come back.
ENDS = ("raise",)


def handlers(binary):
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", binary], check=True,
                          capture_output=True, text=True).stdout
    name, lines = None, []
    for line in text.splitlines():
        head = re.match(r"[0-9a-f]+ <(x86_op_\w+|op_\w+)>:", line)
        if head:
            name, lines = head.group(1), []
        elif not line.strip() and name:
            yield name, lines
            name = None
        elif name:
            lines.append(line.split("\t", 1)[-1])


def wrong(name, lines):
    if any(re.match(r"call\s.*<(x86_op_|op_)", line) for line in lines):
        return "calls a handler"
    plain = name.removeprefix("x86_op_")
    dispatches = any(re.match(r"jmp\s+\*", line) for line in lines)
    if plain not in HELPER_CALLERS and not dispatches and \
            any(re.match(r"call\s+\*", line) for line in lines):
        return "calls through a pointer and does not jump through one"
    if plain not in ENDS and not any(re.match(r"jmp\s+(\*|[0-9a-f]+ <(x86_)?op_)", line) for line in lines):
        return "has no jump out"
    return None


def main():
    count = bad = 0
    for name, lines in handlers(sys.argv[1]):
        if not name.startswith("x86_op_") or name.startswith(("x86_op_ea", "x86_op_offset")):
            continue
        count += 1
        reason = wrong(name, lines)
        if reason:
            bad += 1
            print(f"{name}: {reason}")
    print(f"{count} handlers, {bad} that do not jump")
    return 1 if bad or count < 500 else 0


sys.exit(main())
