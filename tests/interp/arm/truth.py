#!/usr/bin/env python3
"""Random ARM instruction sequences against recorded truth.

RUNNER is arm-run, or a qemu-arm (with RUNNER_FLAGS="-accel jit,sync,threshold=1" for compiled code).

    truth.py RUNNER GROUP...            compare with truth/GROUP-SEED.txt (exit 77: not recorded)
    truth.py RUNNER --qemu GROUP...     compare with qemu-arm, case by case
    truth.py --record GROUP...          write truth/GROUP-SEED.txt with qemu-arm
    truth.py --list

A group is a processor model, a driver (driver.S) and a generator of instructions. A case is a few random
instructions run from random registers; it ends with all registers and 512 bytes of memory written out.
The same file runs under arm-run and under qemu-arm (made for 7.2), whose output is recorded as a
checksum a case.
"""
import os
import re
import struct
import subprocess
import sys
import tempfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
BASE = 0x10000
RECORD = 0x700
CASES = 400
SEEDS = [1, 58]     # what is recorded; 58 has conditional Thumb-2 instructions across the end of a page
RUNNER_FLAGS = os.environ.get('RUNNER_FLAGS', '').split()
FAIL_LIMIT = int(os.environ.get('FAILS', '3'))


class Random:
    """xorshift64*: the same numbers everywhere and always."""

    def __init__(self, seed):
        self.state = (seed * 0x9e3779b97f4a7c15 + 1) & (2**64 - 1)

    def bits(self, n):
        s = self.state
        s ^= s >> 12
        s = (s ^ s << 25) & (2**64 - 1)
        s ^= s >> 27
        self.state = s
        return (s * 0x2545f4914f6cdd1d & (2**64 - 1)) >> (64 - n)

    def below(self, n):
        return self.bits(32) % n

    def pick(self, seq):
        return seq[self.below(len(seq))]


EDGES = [0, 1, 2, 0xffffffff, 0x80000000, 0x7fffffff, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff,
         0x10000, 0xffff0000, 0x80008000, 0x7fff7fff, 0x80808080, 0x01010101, 0x1f, 0x20, 0x21]
F32 = [0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0xffc12345,
       0x7fa00000, 1, 0x80000001, 0x007fffff, 0x00800000, 0x7f7fffff, 0x3f000000, 0x4f000000, 0xcf000000,
       0x4effffff, 0x4f800000, 0x5f000000, 0x33800000, 0x00400000, 0x3fc00000, 0x40200000, 0xbf000000]
F64 = [0, 1 << 63, 0x3ff0 << 48, 0xbff0 << 48, 0x7ff0 << 48, 0xfff0 << 48, 0x7ff8 << 48, (0x7ff0 << 48) + 1,
       0xfff8123456789abc, 1, (1 << 63) + 1, 0x000fffffffffffff, 0x0010 << 48, 0x7fefffffffffffff,
       0x41e0 << 48, 0xc1e0 << 48, 0x41dfffffffc00000, 0x41f0 << 48, 0x3810 << 48, 0x47efffffe0000000,
       0x36a0 << 48, 0x3690 << 48, 0x3ca0 << 48, 0x3fe0 << 48, 0x4004 << 48]


def word(r):
    k = r.below(4)
    if k == 0:
        return r.pick(EDGES)
    if k == 1:
        return r.bits(8)
    return r.bits(32)


def f32(r):
    k = r.below(4)
    if k == 0:
        return r.pick(F32)
    if k == 1:
        return r.bits(32)
    return r.bits(1) << 31 | (120 + r.below(16)) << 23 | (r.bits(23) if k == 2 else r.bits(4) << 19)


def f64(r):
    k = r.below(4)
    if k == 0:
        return r.pick(F64)
    if k == 1:
        return r.bits(64)
    return r.bits(1) << 63 | (1015 + r.below(18)) << 52 | (r.bits(52) if k == 2 else r.bits(4) << 48)


def double_word(r):
    k = r.below(4)
    if k == 0:
        return f64(r)
    if k == 1:
        return f32(r) << 32 | f32(r)
    if k == 2:
        return word(r) << 32 | word(r)
    return r.bits(64)


REGS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14]


def fill(rnd, pattern, **given):
    """Bits of a pattern: 0 and 1 as they are, letters are fields: given, or random. Letters of REGISTERS
    are register numbers (never SP or PC)."""
    pattern = pattern.replace(' ', '')
    value, fields = 0, {}
    for n, ch in enumerate(pattern):
        value <<= 1
        if ch in '01':
            value |= int(ch)
            continue
        if ch not in fields:
            width = pattern.count(ch)
            if ch in given:
                v = given[ch]
            elif ch in 'dnmsta' and width == 4:
                v = rnd.pick(REGS)
            elif ch == 'c' and width == 4:
                v = 14 if rnd.below(3) else rnd.below(14)
            else:
                v = rnd.bits(width)
            fields[ch] = [v, width]
        f = fields[ch]
        f[1] -= 1
        value |= f[0] >> f[1] & 1
    return value


class Case:
    def __init__(self, r):
        self.r = r
        self.code = b''
        self.thumb = False

    def arm(self, value):
        self.code += struct.pack('<I', value)

    def op32(self, value):
        """An instruction that ARM and Thumb-2 encode alike."""
        if self.thumb:
            self.t32(value & 0x0fffffff | 0xe0000000 if value >> 28 != 15 else value)
        else:
            self.arm(value)

    def mov_sp(self, reg):
        if self.thumb:
            self.t16(0x4668 | reg & 7 | (reg & 8) << 4)
        else:
            self.arm(0xe1a0000d | reg << 12)

    def t16(self, value):
        self.code += struct.pack('<H', value)

    def t32(self, value):
        self.code += struct.pack('<HH', value >> 16, value & 0xffff)


# --- ARM ---------------------------------------------------------------------------------------------

def arm_dp(k):
    r = k.r
    op = r.below(16)
    s = 1 if 8 <= op < 12 else r.bits(1)
    d = 0 if 8 <= op < 12 else r.pick(REGS)
    n = 0 if op in (13, 15) else r.pick(REGS)
    form = r.below(4)
    if form == 0:
        k.arm(fill(r, 'cccc 001 oooo s nnnn dddd rrrr iiiiiiii', o=op, s=s, n=n, d=d))
    elif form < 3:
        k.arm(fill(r, 'cccc 000 oooo s nnnn dddd iiiii tt 0 mmmm', o=op, s=s, n=n, d=d,
                   i=0 if r.below(3) == 0 else r.bits(5)))
    else:
        k.arm(fill(r, 'cccc 000 oooo s nnnn dddd eeee 0 tt 1 mmmm', o=op, s=s, n=n, d=d,
                   e=r.pick(REGS)))


def pair(r):
    a = r.pick(REGS)
    b = r.pick(REGS)
    while a == b:
        b = r.pick(REGS)
    return a, b


def arm_mul(k):
    r = k.r
    lo, hi = pair(r)
    form = r.below(3)
    if form == 0:
        x = r.bits(1)
        k.arm(fill(r, 'cccc 000000 x y dddd nnnn ssss 1001 mmmm', x=x, n=r.pick(REGS) if x else 0))
    else:
        k.arm(fill(r, 'cccc 00001 uxy hhhh llll ssss 1001 mmmm', h=hi, l=lo))


def arm_dsp(k):
    r = k.r
    lo, hi = pair(r)
    form = r.below(6)
    if form == 0:
        k.arm(fill(r, 'cccc 00010 oo 0 nnnn dddd 0000 0101 mmmm'))
    elif form == 1:
        k.arm(fill(r, 'cccc 00010000 dddd nnnn ssss 1 y x 0 mmmm'))
    elif form == 2:
        k.arm(fill(r, 'cccc 00010110 dddd 0000 ssss 1 y x 0 mmmm'))
    elif form == 3:
        k.arm(fill(r, 'cccc 00010100 hhhh llll ssss 1 y x 0 mmmm', h=hi, l=lo))
    elif form == 4:
        o = r.bits(1)
        k.arm(fill(r, 'cccc 00010010 dddd nnnn ssss 1 y o 0 mmmm', o=o, n=0 if o else r.pick(REGS)))
    else:
        k.arm(fill(r, 'cccc 00010110 1111 dddd 1111 0001 mmmm'))


def arm_media(k):
    r = k.r
    lo, hi = pair(r)
    form = r.below(14)
    p = r.pick
    if form < 4:
        k.arm(fill(r, 'cccc 01100 ppp nnnn dddd 1111 ooo1 mmmm', p=p([1, 2, 3, 5, 6, 7]),
                   o=p([0, 1, 2, 3, 4, 7])))
    elif form == 4:
        k.arm(fill(r, 'cccc 01101000 nnnn dddd iiiii t01 mmmm'))
    elif form == 5:
        k.arm(fill(r, 'cccc 01101 u1 wwwww dddd iiiii t01 mmmm'))
    elif form == 6:
        k.arm(fill(r, 'cccc 01101 u10 wwww dddd 1111 0011 mmmm'))
    elif form == 7:
        o = p([0, 2, 3])
        k.arm(fill(r, 'cccc 01101 uoo nnnn dddd rr 00 0111 mmmm', o=o, n=p([15] + REGS)))
    elif form == 8:
        k.arm(fill(r, 'cccc 01101000 nnnn dddd 1111 1011 mmmm'))
    elif form == 9:
        k.arm(fill(r, 'cccc 01101 x11 1111 dddd 1111 y011 mmmm', x=0))
    elif form == 10:
        k.arm(fill(r, 'cccc 01101111 1111 dddd 1111 1011 mmmm'))
    elif form == 11:
        k.arm(fill(r, 'cccc 01110 000 dddd nnnn ssss 0 y x 1 mmmm', n=p([15] + REGS)))
    elif form == 12:
        if r.bits(1):
            k.arm(fill(r, 'cccc 01110 100 hhhh llll ssss 0 y x 1 mmmm', h=hi, l=lo))
        else:
            k.arm(fill(r, 'cccc 01110 101 dddd nnnn ssss yy x 1 mmmm', y=p([0, 3]), n=p(REGS)))
    else:
        if r.bits(1):
            k.arm(fill(r, 'cccc 01111 000 dddd nnnn ssss 0001 mmmm', n=p([15] + REGS)))
        else:
            k.arm(fill(r, 'cccc 00000100 hhhh llll ssss 1001 mmmm', h=hi, l=lo))


def arm_v7(k):
    r = k.r
    form = r.below(6)
    a = r.below(32)
    w = r.below(32 - a)
    if form == 0:
        k.arm(fill(r, 'cccc 00110 t00 iiii dddd jjjjjjjjjjjj'))
    elif form == 1:
        k.arm(fill(r, 'cccc 01111 u1 wwwww dddd aaaaa 101 mmmm', a=a, w=w, u=r.pick([0, 1]) * 2 // 2)
              & ~(1 << 22) | r.bits(1) << 22 | 1 << 21)
    elif form == 2:
        k.arm(fill(r, 'cccc 0111110 wwwww dddd aaaaa 001 mmmm', a=a, w=a + w, m=r.pick([15] + REGS)))
    elif form == 3:
        k.arm(fill(r, 'cccc 00000110 dddd nnnn ssss 1001 mmmm'))
    elif form == 4:
        k.arm(fill(r, 'cccc 01101111 1111 dddd 1111 0011 mmmm'))
    else:
        arm_media(k)


def arm_mem(k):
    """Accesses around SP, then through another register."""
    r = k.r
    base = r.pick(REGS)
    t = r.pick([x for x in REGS if x != base])
    form = r.below(9)
    k.arm(0xe24d0000 | base << 12 | r.below(64) * 4)       # sub base, sp, #
    if form == 0:
        k.arm(fill(r, 'cccc 010 pubwl nnnn tttt 0000 iiiiiiii', n=base, t=t, w=0) if r.bits(1) else
              fill(r, 'cccc 010 1ubwl nnnn tttt 0000 iiiiii00', n=base, t=t))
    elif form == 1:
        m = r.pick([x for x in REGS if x not in (base, t)])
        k.arm(0xe3a00000 | m << 12 | r.bits(5))
        k.arm(fill(r, 'cccc 011 pubwl nnnn tttt 000ii yy 0 mmmm', n=base, t=t, m=m, p=1,
                   y=r.pick([0, 0, 1, 2])))
    elif form == 2:
        m = r.pick([x for x in REGS if x not in (base, t)])
        k.arm(0xe3a00000 | m << 12 | r.bits(6))
        k.arm(fill(r, 'cccc 011 0ub0l nnnn tttt 0000i 00 0 mmmm', n=base, t=t, m=m))
    elif form == 3:
        k.arm(fill(r, 'cccc 000 1u1wl nnnn tttt iiii 1 sh 1 jjjj', n=base, t=t, s=r.bits(1), h=1,
                   l=1))
    elif form == 4:
        k.arm(fill(r, 'cccc 000 1u1w0 nnnn tttt iiii 1011 jjjj', n=base, t=t))
    elif form == 5:
        m = r.pick([x for x in REGS if x not in (base, t)])
        k.arm(0xe3a00000 | m << 12 | r.bits(6))
        k.arm(fill(r, 'cccc 000 pu001 nnnn tttt 0000 1 sh 1 mmmm', n=base, t=t, m=m, h=1))
    elif form == 6:
        k.arm(fill(r, 'cccc 000 pu1w0 nnnn ttt0 iiii 11y1 jj00', n=base, p=1, w=0,
                   t=r.pick([x // 2 for x in (0, 2, 4, 6, 8, 10) if base not in (x, x + 1)])))
    elif form == 7:
        lst = r.bits(16) & 0x5fff & ~(1 << base)
        lst = lst or 1 << t
        k.arm(fill(r, 'cccc 100 pu0wl nnnn llllllllllllllll'.replace('l nnnn', 'q nnnn'), n=base, l=lst))
    else:
        k.arm(fill(r, 'cccc 00010 b00 nnnn dddd 0000 1001 mmmm', n=base, d=t,
                   m=r.pick([x for x in REGS if x != base])))


def arm_branch(k):
    """Short forward branches, conditional and with link, and flags in many hands."""
    r = k.r
    form = r.below(4)
    if form == 0:
        o = r.pick([8, 9, 10, 11, 2, 4])
        k.arm(fill(r, 'cccc 001 oooo 1 nnnn dddd 0000 iiiiiiii', c=14, o=o,
                   d=0 if o > 7 else r.pick(REGS)))
        k.arm(fill(r, 'cccc 1010 0000 0000 0000 0000 0000 0000', c=r.below(14)))
        k.arm(fill(r, 'cccc 001 oooo s nnnn dddd 0000 iiiiiiii', c=14, o=r.pick([2, 4])))
    elif form == 1:
        k.arm(fill(r, 'cccc 000 1010 1 nnnn 0000 0000 0000 mmmm', c=14))
        k.arm(fill(r, 'cccc 1010 0000 0000 0000 0000 0000 0001', c=r.below(14)))
        k.arm(fill(r, 'cccc 001 oooo s nnnn dddd 0000 iiiiiiii', c=14, o=r.pick([2, 4])))
        k.arm(fill(r, 'cccc 000 oooo s nnnn dddd 0000 0000 mmmm', o=r.pick([0, 1, 2, 4, 12])))
    elif form == 2:
        k.arm(fill(r, 'cccc 1011 0000 0000 0000 0000 0000 0000'))
        k.arm(fill(r, 'cccc 001 oooo s nnnn dddd 0000 iiiiiiii', c=14, o=r.pick([2, 4])))
    else:
        c = r.below(14)
        for _ in range(3):
            k.arm(fill(r, 'cccc 000 oooo s nnnn dddd 0000 0000 mmmm', c=c, o=r.pick([0, 1, 2, 4, 12]),
                       s=r.below(4) == 0))


# --- Thumb -------------------------------------------------------------------------------------------

def thumb_dp(k):
    r = k.r
    form = r.below(7)
    if form == 0:
        k.t16(fill(r, '000 oo iiiii xxx yyy', o=r.below(3)))
    elif form == 1:
        k.t16(fill(r, '00011 oo iii xxx yyy'))
    elif form == 2:
        k.t16(fill(r, '001 oo xxx iiiiiiii'))
    elif form < 5:
        k.t16(fill(r, '010000 oooo xxx yyy'))
    elif form == 5:
        o = r.below(3)
        x, y = r.pick(REGS), r.pick(REGS)
        k.t16(0x4400 | o << 8 | (x & 8) << 4 | y << 3 | (x & 7))
    else:
        k.t16(fill(r, '1010 1 xxx iiiiiiii') if r.bits(1) else fill(r, '1011 1010 oo xxx yyy', o=r.pick([0, 1, 3]))
              if k.group.v6 else fill(r, '001 oo xxx iiiiiiii'))


def thumb_mem(k):
    r = k.r
    base = r.below(8)
    t = (base + 1 + r.below(7)) % 8
    m = r.pick([x for x in range(8) if x not in (base, t)])
    k.t16(0x4668 | base)   # mov base, sp
    form = r.below(6)
    if form == 0:
        k.t16(fill(r, '011 bl iiiii nnn ttt', n=base, t=t))
    elif form == 1:
        k.t16(fill(r, '1000 l iiiii nnn ttt', n=base, t=t))
    elif form == 2:
        k.t16(0x2000 | m << 8 | r.below(32) * 4)
        k.t16(fill(r, '0101 ooo mmm nnn ttt', n=base, t=t, m=m))
    elif form == 3:
        k.t16(fill(r, '1001 l ttt iiiiiiii', i=r.below(60)))
    elif form == 4:
        k.t16(fill(r, '1100 l nnn rrrrrrrr', n=base, r=(r.bits(8) & ~(1 << base)) or 1 << t))
    else:
        lst = r.bits(8) or 1
        k.t16(0xb400 | lst)
        k.t16(0xbc00 | lst)


def it_block(k, body):
    """IT with up to four instructions of `body`; returns how many."""
    r = k.r
    cond = r.below(14)
    count = 1 + r.below(4)
    mask = 0
    for n in range(count - 1):
        mask |= ((cond & 1) ^ r.bits(1)) << (3 - n)
    mask |= 1 << (4 - count)
    k.t16(0xbf00 | cond << 4 | mask)
    for _ in range(count):
        body(k)


def thumb2_dp(k):
    r = k.r
    form = r.below(9)
    if form == 0:
        k.t32(fill(r, '11110 i 0 oooo s nnnn 0 iii dddd iiiiiiii', o=r.pick([0, 1, 2, 3, 4, 8, 10, 11, 13, 14])))
    elif form == 1:
        k.t32(fill(r, '1110101 oooo s nnnn 0 iii dddd ii tt mmmm', o=r.pick([0, 1, 2, 3, 4, 8, 10, 11, 13, 14])))
    elif form == 2:
        k.t32(fill(r, '11110 i 0 oooo 1 nnnn 0 iii 1111 iiiiiiii', o=r.pick([0, 4, 8, 13])))
    elif form == 3:
        k.t32(fill(r, '1110101 oooo s 1111 0 iii dddd ii tt mmmm', o=r.pick([2, 3])))
    elif form == 4:
        k.t32(fill(r, '11110 i 1 ooooo nnnn 0 iii dddd iiiiiiii', o=r.pick([0, 4, 10, 12])))
    elif form == 5:
        k.t32(fill(r, '11111010 0 oo s nnnn 1111 dddd 0000 mmmm'))
    elif form == 6:
        a = r.below(32)
        w = r.below(32 - a)
        o = r.pick([20, 28, 22])
        k.t32(fill(r, '11110 0 1 ooooo nnnn 0 iii dddd jj 0 wwwww', i=a >> 2, j=a & 3, o=o,
                   w=a + w if o == 22 else w, n=r.pick([15] + REGS) if o == 22 else r.pick(REGS)))
    elif form == 7:
        k.t32(fill(r, '11110 0 1 ooooo nnnn 0 1ii dddd jj 0 wwwww', o=r.pick([16, 24, 18, 26])))
    else:
        k.t32(fill(r, '11111010 0 ooo nnnn 1111 dddd 10 rr mmmm', o=r.below(6), n=r.pick([15] + REGS)))


def thumb2_mul(k):
    r = k.r
    lo, hi = pair(r)
    form = r.below(7)
    p = r.pick
    if form < 3:
        o = r.below(8)
        z = 0 if o == 7 else r.below(2)
        n = p([15] + REGS)
        if o == 6 or (o == 0 and z):
            n = p(REGS)
        k.t32(fill(r, '11111011 0 ooo nnnn aaaa dddd 00 zz mmmm', o=o, a=n,
                   z=r.bits(2) if o in (1,) else z))
    elif form < 5:
        o, z = p([(0, 0), (2, 0), (4, 0), (4, 8), (4, 9), (4, 10), (4, 11), (4, 12), (4, 13), (5, 12),
                  (5, 13), (6, 0), (6, 6)])
        k.t32(fill(r, '11111011 1 ooo nnnn llll hhhh zzzz mmmm', o=o, z=z, l=lo, h=hi))
    elif form == 5:
        k.t32(fill(r, '11111010 1 ooo nnnn 1111 dddd 0 u pp mmmm', o=p([0, 1, 2, 4, 5, 6]), p=r.below(3)))
    else:
        o = r.below(4)
        z = {0: r.bits(2), 1: r.bits(2), 2: 0, 3: 0}[o]
        m = p(REGS)
        k.t32(fill(r, '11111010 10 oo nnnn 1111 dddd 10 zz mmmm', o=o, z=z, m=m,
                   n=m if o in (1, 3) else p(REGS)))


def thumb2_mem(k):
    r = k.r
    base = r.pick([x for x in REGS if x < 8])
    t, t2 = pair(r)
    while base in (t, t2):
        t, t2 = pair(r)
    k.t16(0x4668 | base)
    form = r.below(6)
    size, sign = r.pick([(0, 0), (1, 0), (2, 0), (0, 1), (1, 1)])
    load = 1 if sign else r.bits(1)
    if form == 0:
        k.t32(fill(r, '1111100 y 1 zz l nnnn tttt 0000 iiiiiiii', y=sign, z=size, l=load, n=base, t=t))
    elif form == 1:
        k.t32(fill(r, '1111100 y 0 zz l nnnn tttt 1 puw iiiiiiii', y=sign, z=size, l=load, n=base, t=t,
                   p=1, u=r.bits(1), w=1) & ~0 if r.bits(1) else
              fill(r, '1111100 y 0 zz l nnnn tttt 1 0u1 iiiiiiii', y=sign, z=size, l=load, n=base, t=t))
    elif form == 2:
        m = r.pick([x for x in range(8) if x not in (base, t)])
        k.t16(0x2000 | m << 8 | r.below(32))
        k.t32(fill(r, '1111100 y 0 zz l nnnn tttt 0000 00 ii mmmm', y=sign, z=size, l=load, n=base, t=t, m=m))
    elif form == 3:
        k.t32(fill(r, '1110100 p u 1 w l nnnn tttt eeee 00 iiiiii', n=base, t=t, e=t2, p=1))
    elif form == 4:
        lst = r.bits(16) & 0x5fff & ~(1 << base)
        while bin(lst).count('1') < 2:
            lst |= 1 << r.pick([x for x in REGS if x != base])
        up = r.bits(1)
        k.t32(0xe8000000 | (1 if up else 2) << 23 | r.bits(1) << 21 | r.bits(1) << 20 | base << 16 | lst)
    else:
        a = r.below(60)
        k.t32(0xe8500f00 | base << 16 | t << 12 | a)
        k.t32(0xe8400000 | base << 16 | t << 12 | t2 << 8 | a)


def thumb2_flow(k):
    r = k.r
    form = r.below(3)
    if form == 0:
        k.t16(fill(r, '001 01 xxx iiiiiiii'))
        k.t16(0xd000 | r.below(14) << 8)
        k.t16(fill(r, '001 oo xxx iiiiiiii'))
        k.t16(fill(r, '001 oo xxx iiiiiiii'))
    elif form == 1:
        k.t16(fill(r, '1011 o001 0000 0 xxx'))
        k.t16(fill(r, '001 oo xxx iiiiiiii'))
        k.t16(fill(r, '001 oo xxx iiiiiiii'))
    else:
        it_block(k, r.pick([thumb_dp_plain, thumb2_dp]))


def thumb_dp_plain(k):
    r = k.r
    if r.bits(1):
        k.t16(fill(r, '001 oo xxx iiiiiiii'))
    else:
        k.t16(fill(r, '010000 oooo xxx yyy'))


def mix(*generators):
    def one(k):
        k.r.pick(generators)(k)
    return one


# --- VFP ---------------------------------------------------------------------------------------------

def vfp_fields(k, wide):
    """The three extra register bits."""
    r = k.r
    if wide and k.group.driver == 'vfp16':
        return {'D': 0, 'N': 0, 'M': 0}
    return {'D': r.bits(1), 'N': r.bits(1), 'M': r.bits(1)}


def vfp_dp(k):
    r = k.r
    wide = r.bits(1)
    o, x = r.pick([(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1), (4, 0)] +
                  ([(5, 0), (5, 1), (6, 0), (6, 1)] if k.group.fma else []))
    k.op32(fill(r, 'cccc 1110 p D qq eeee ffff 101 w N x M 0 gggg', p=o >> 2, q=o & 3, x=x, w=wide,
               **vfp_fields(k, wide)))


def vfp_unary(k):
    r = k.r
    wide = r.bits(1)
    o, t = r.pick([(0, 0), (0, 1), (1, 0), (1, 1), (4, 0), (4, 1), (5, 0), (5, 1)])
    f = vfp_fields(k, wide)
    if o == 5:
        k.op32(fill(r, 'cccc 1110 1 D 11 0101 ffff 101 w t1 0 0 0000', t=t, w=wide, D=f['D']))
    else:
        k.op32(fill(r, 'cccc 1110 1 D 11 oooo ffff 101 w t1 M 0 gggg', o=o, t=t, w=wide, **f))
    if o in (4, 5):
        k.op32(fill(r, 'cccc 1110 1111 0001 1111 1010 0001 0000', c=14))


def vfp_convert(k):
    r = k.r
    wide = r.bits(1)
    form = r.below(3)
    f = vfp_fields(k, wide)
    if form == 0:       # to integer: Sd, from the operand's width
        k.op32(fill(r, 'cccc 1110 1 D 11 110 u ffff 101 w t1 M 0 gggg', w=wide, D=r.bits(1), M=f['M']))
    elif form == 1:
        k.op32(fill(r, 'cccc 1110 1 D 11 1000 ffff 101 w t1 M 0 gggg', w=wide, D=f['D'], M=r.bits(1)))
    else:               # precision: destination has the other width
        g = vfp_fields(k, not wide)
        k.op32(fill(r, 'cccc 1110 1 D 11 0111 ffff 101 w 11 M 0 gggg', w=wide, D=g['D'], M=f['M']))


def vfp3(k):
    r = k.r
    wide = r.bits(1)
    if r.bits(1):
        k.op32(fill(r, 'cccc 1110 1 D 11 eeee ffff 101 w 0000 gggg', w=wide))
        return
    x = r.bits(1)
    size = 32 if x else 16
    imm = size - (1 + r.below(size))
    k.op32(fill(r, 'cccc 1110 1 D 11 1 o 1 u ffff 101 w x1 i 0 jjjj', w=wide, x=x, i=imm & 1, j=imm >> 1))


def vfp_half(k):
    k.op32(fill(k.r, 'cccc 1110 1 D 11 001 o ffff 1010 t1 M 0 gggg'))


def vfp_move(k):
    r = k.r
    form = r.below(5)
    top = 0 if k.group.driver == 'vfp16' else r.bits(1)
    if form == 0:
        k.op32(fill(r, 'cccc 1110 000 l eeee tttt 1010 N 001 0000'))
    elif form == 1:
        k.op32(fill(r, 'cccc 1110 00 h l eeee tttt 1011 N 001 0000', N=top))
    elif form == 2:
        a, b = pair(r)
        k.op32(fill(r, 'cccc 1100 010 l bbbb aaaa 1011 00 M 1 gggg', M=top, a=a, b=b))
    elif form == 3:
        a, b = pair(r)
        k.op32(fill(r, 'cccc 1100 010 l bbbb aaaa 1010 00 M 1 gggg', a=a, b=b, M=r.bits(1), g=r.below(15)))
    else:
        k.op32(fill(r, 'cccc 1110 1111 0001 tttt 1010 0001 0000'))


def vfp_mem(k):
    r = k.r
    wide = r.bits(1)
    top = 0 if k.group.driver == 'vfp16' else r.bits(1)
    form = r.below(3)
    if form == 0:
        k.op32(fill(r, 'cccc 1101 uD0 l 1101 ffff 101 w 00 iiiiii', w=wide, D=top if wide else r.bits(1)))
        return
    base = r.pick(REGS)
    k.mov_sp(base)
    d = r.below(16)
    n = 1 + r.below(16 - d)
    up = form == 1
    k.op32(fill(r, 'cccc 110 p uDwl nnnn ffff 101 x iiiiiiii', p=not up, u=up, w=1 if not up else r.bits(1),
               n=base, f=d, D=top, x=1, i=2 * n) if wide else
          fill(r, 'cccc 110 p uDwl nnnn ffff 101 x iiiiiiii', p=not up, u=up, w=1 if not up else r.bits(1),
               n=base, f=d, D=0, x=0, i=n))


# --- Advanced SIMD -----------------------------------------------------------------------------------

def neon(k, pattern, **given):
    """Given in ARM's encoding; all registers are even. Letters e, f, g: n, d, m."""
    for ch in 'efg':
        given.setdefault(ch, k.r.below(8) * 2)
    w = fill(k.r, pattern, **given)
    if not k.thumb:
        k.arm(w)
    elif w >> 25 == 0x79:
        k.t32(0xef000000 | (w >> 24 & 1) << 28 | w & 0xffffff)
    else:
        k.t32(0xf9000000 | w & 0xffffff)


def neon_same(k):
    r = k.r
    o, b, u, z, q = r.below(12), r.bits(1), r.bits(1), r.below(4), r.bits(1)
    if (o in (0, 2) and not b) or (o in (1, 8) and not (b == 0 and o == 8) and not (b and o == 1)) or \
            o in (3, 6, 7, 9):
        z = r.below(3)
    if o == 9 and b and u:
        z = 0
    if o == 10:
        z, q = r.below(3), 0
    if o == 11:
        if b:
            u, q, z = 0, 0, r.below(3)
        else:
            z = 1 + r.below(2)
    neon(k, '1111 001 u 0 D zz eeee ffff oooo N q M b gggg', o=o, b=b, u=u, z=z, q=q)


def neon_float(k):
    r = k.r
    o, b, u, s = r.pick([(13, 0, 0, 0), (13, 0, 0, 1), (13, 0, 1, 0), (13, 0, 1, 1), (13, 1, 0, 0), (13, 1, 0, 1),
                         (13, 1, 1, 0), (14, 0, 0, 0), (14, 0, 1, 0), (14, 0, 1, 1), (14, 1, 1, 0), (14, 1, 1, 1),
                         (15, 0, 0, 0), (15, 0, 0, 1), (15, 0, 1, 0), (15, 0, 1, 1), (15, 1, 0, 0), (15, 1, 0, 1)] +
                        ([(12, 1, 0, 0), (12, 1, 0, 1)] if k.group.fma else []))
    pairwise = (o, b, u) in ((13, 0, 1), (15, 0, 1)) and not (o == 13 and s)
    neon(k, '1111 001 u 0 D s0 eeee ffff oooo N q M b gggg', o=o, b=b, u=u, s=s, q=0 if pairwise else r.bits(1))


def neon_different(k):
    r = k.r
    o, u = r.below(15), r.bits(1)
    z = r.below(3)
    if o in (9, 11, 13):
        u, z = 0, 1 + r.below(2)
    if o == 14:
        u, z = 0, 0
    neon(k, '1111 001 u 1 D zz eeee ffff oooo N 0 M 0 gggg', o=o, u=u, z=z)


def neon_scalar(k):
    r = k.r
    o, u = r.below(14), r.bits(1)
    z = 2 if o in (1, 5, 9) else 1 + r.below(2)
    if o in (3, 7, 11):
        u = 0
    neon(k, '1111 001 u 1 D zz eeee ffff oooo N 1 M 0 gggg', o=o, u=u, z=z)


def neon_shift(k):
    r = k.r
    o = r.pick([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 14])
    u, q, x = r.bits(1), r.bits(1), r.bits(1)
    if o in (4, 6):
        u = 1
    imm = 8 + r.below(56)
    if o in (8, 9, 10):
        x = 0
    if o == 10:
        q = 0
    if o in (14, 15):
        x, imm = 0, 32 + r.below(32)
    if x:
        imm = r.below(64)
    neon(k, '1111 001 u 1 D iiiiii ffff oooo x q M 1 gggg', o=o, u=u, q=q, i=imm, x=x)


def neon_const(k):
    r = k.r
    c, o = r.below(16), r.bits(1)
    if c == 15:
        o = 0
    neon(k, '1111 001 i 1 D 000 jjj ffff cccc 0 q o 1 kkkk', c=c, o=o)


def neon_two(k):
    r = k.r
    a, b, z, q = r.pick([(0, x, None, None) for x in (0, 1, 2, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15)] +
                        [(1, x, None, None) for x in (0, 1, 2, 3, 4, 6, 7)] +
                        [(1, x, 2, None) for x in (8, 9, 10, 11, 12, 14, 15)] +
                        [(2, 0, 0, None), (2, 1, None, None), (2, 2, None, 1), (2, 3, None, 1), (2, 4, None, None),
                         (2, 5, None, None), (2, 6, None, 0)] +
                        [(3, x, 2, None) for x in range(8, 16)] +
                        ([(2, 12, 1, 0), (2, 14, 1, 0)] if k.group.fma else []))
    z = r.below(3) if z is None else z
    q = r.bits(1) if q is None else q
    if a == 0 and b < 3:
        z = r.below(3 - b)
    if a == 0 and b in (10, 11):
        z = 0
    g = r.below(8) * 2
    f = r.pick([x for x in range(0, 16, 2) if x != g])
    neon(k, '1111 0011 1 D 11 zz aa ffff 0 bbbb q M 0 gggg', a=a, b=b, z=z, q=q, f=f, g=g)


def neon_misc(k):
    r = k.r
    form = r.below(5)
    if form == 0:
        q = r.bits(1)
        neon(k, '1111 0010 1 D 11 eeee ffff iiii N q M 0 gggg', q=q, i=r.below(16 if q else 8))
    elif form == 1:
        n = r.below(4)
        neon(k, '1111 0011 1 D 11 eeee ffff 10 nn N x M 0 gggg', n=n, N=0)
    elif form == 2:
        neon(k, '1111 0011 1 D 11 iiii ffff 1100 0 q M 0 gggg', i=r.pick([1, 3, 15, 2, 6, 14, 4, 12]))
    elif form == 3:
        k.op32(fill(r, 'cccc 1110 1 b q 0 eeee tttt 1011 N 0 x 1 0000', e=r.below(8) * 2,
                    **dict(zip('bx', r.pick([(0, 0), (0, 1), (1, 0)])))))
    else:
        if r.bits(1):
            k.op32(fill(r, 'cccc 1110 u i j 1 eeee tttt 1011 N xx 1 0000', **dict(zip('iux', r.pick(
                [(1, 0, 1), (1, 1, 3), (0, 1, 1), (0, 0, 3), (1, 1, 0)])))))
        else:
            k.op32(fill(r, 'cccc 1110 0 i j 0 eeee tttt 1011 N xx 1 0000', **dict(zip('ix', r.pick(
                [(1, 1), (1, 3), (0, 1), (0, 3), (1, 0), (0, 0)])))))


def neon_mem(k):
    r = k.r
    base = r.pick(REGS)
    k.mov_sp(base)
    m = r.pick([15, 13] + [x for x in REGS if x != base][:3])
    form = r.below(3)
    if form == 0:
        t = r.below(11)
        z = r.below(3) if t in (0, 1, 3, 4, 5, 8, 9) else r.below(4)
        neon(k, '1111 0100 0 D l0 nnnn ffff tttt zz 00 mmmm', t=t, z=z, n=base, m=m, f=r.below(9), D=r.bits(1))
    elif form == 1:
        z, c = r.below(3), r.below(4)
        i = {0: r.below(8) << 1, 1: r.below(4) << 2 | (r.bits(1) << 1 if c else 0),
             2: r.below(2) << 3 | (r.bits(1) << 2 if c else 0)}[z]
        neon(k, '1111 0100 1 D l0 nnnn ffff zz cc iiii mmmm', z=z, c=c, i=i, n=base, m=m, f=r.below(9))
    else:
        c = r.below(4)
        neon(k, '1111 0100 1 D 10 nnnn ffff 11 cc zz t 0 mmmm', c=c, z=r.below(3), n=base, m=m, f=r.below(9))


# --- iWMMXt ------------------------------------------------------------------------------------------

def wmmx(k):
    """What qemu-arm 7.2 gets wrong is left out: WANDN (it negates), WMAC and TMIA (32-bit sums), WSAD, WALIGNI
    but by 1 to 3, WUNPCKI's flags but for bytes, TMOVMSK of halfwords, counts of 64 and more."""
    r = k.r
    p = r.pick
    pattern, given = p([
        ('cccc 1110 00 oo eeee ffff 0000 0000 gggg', {'o': r.below(3)}),               # WOR, WXOR, WAND
        ('cccc 1110 zz oo eeee ffff 0001 1000 gggg', {'z': r.below(3), 'o': 0}),       # WADD
        ('cccc 1110 zz oo eeee ffff 0001 1010 gggg', {'z': r.below(3), 'o': 0}),       # WSUB
        ('cccc 1110 1h 0r eeee ffff 0000 0000 gggg', {}),                              # WAVG2
        ('cccc 1110 zz 00 eeee ffff 0000 0110 gggg', {'z': r.below(3)}),               # WCMPEQ
        ('cccc 1110 zz u1 eeee ffff 0000 0110 gggg', {'z': r.below(3)}),               # WCMPGT
        ('cccc 1110 zz u0 eeee ffff 0001 0110 gggg', {'z': r.below(3)}),               # WMAX
        ('cccc 1110 zz u1 eeee ffff 0001 0110 gggg', {'z': r.below(3)}),               # WMIN
        ('cccc 1110 10 10 eeee ffff 0001 0000 gggg', {}),                              # WMADDS
        ('cccc 1110 00 ux eeee ffff 0001 0000 gggg', {}),                              # WMUL
        ('cccc 1110 zz oo eeee ffff 0001 0100 10gg', {'z': 1 + r.below(3)}),           # shifts
        ('cccc 1110 iiii eeee ffff 0001 1110 gggg', {}),                               # WSHUFH
        ('cccc 1110 zz u0 eeee ffff 0000 11x0 0000', {'z': r.below(3)}),               # WUNPCKE
        ('cccc 1110 zz 01 eeee ffff 0000 11x0 gggg', {'z': 0}),                        # WUNPCKI
        ('cccc 1110 0iii eeee ffff 0000 0010 gggg', {'i': 1 + r.below(3)}),                        # WALIGNI
        ('cccc 1110 zz 00 eeee ffff 0001 1100 0000', {'z': r.below(3)}),               # WACC
        ('cccc 1110 0100 eeee tttt 0000 zz01 0000', {'z': r.below(3)}),                # TBCST
        ('cccc 1110 0110 eeee tttt 0000 zz01 0iii', {'z': r.below(3)}),                # TINSR
        ('cccc 1110 zz01 eeee tttt 0000 0111 uiii', {'z': r.below(3)}),                # TEXTRM
        ('cccc 1110 zz01 0011 1111 0001 0111 0iii', {'z': r.below(3)}),                # TEXTRC
        ('cccc 1110 zz01 0011 1111 0001 0011 0000', {'z': r.below(3)}),                # TANDC
        ('cccc 1110 zz01 0011 1111 0001 0101 0000', {'z': r.below(3)}),                # TORC
        ('cccc 1110 zz01 eeee tttt 0000 0011 0000', {'z': r.bits(1) * 2}),              # TMOVMSK
        ('cccc 1110 0010 kkkk ssss 000 eeee 1 mmmm', {'k': p([8, 12, 13, 14, 15])}),# TMIA
        ('cccc 1110 0000 10kk tttt 0001 0001 0000', {}),                               # TMCR
        ('cccc 1110 0001 0011 tttt 0001 0001 0000', {}),                               # TMRC
    ])
    lo, hi = pair(r)
    if '0001 0100 10gg' in pattern:
        bits = 8 << given['z']
        k.arm(0xe3a00000 | lo << 12 | r.below(bits))
        k.arm(0xee080110 | given.setdefault('g', r.bits(2)) << 16 | lo << 12)
    k.op32(fill(r, pattern, **given))
    if r.below(6) == 0:
        k.op32(fill(r, 'cccc 1100 010 l hhhh tttt 0000 0000 gggg', h=hi, t=lo))
    if r.below(5) == 0:
        k.op32(fill(r, 'cccc 1101 uz0l 1101 ffff 000 y 00iiii00'))


# --- groups ------------------------------------------------------------------------------------------

class Group:
    def __init__(self, name, cpu, driver, gen, thumb=False, length=6, qemu_cpu=None, fpscr=(0,),
                 runner_cpu=None, v6=False, fma=False):
        self.name, self.cpu, self.driver, self.gen, self.thumb = name, cpu, driver, gen, thumb
        self.length, self.fpscr, self.v6, self.fma = length, fpscr, v6, fma
        self.qemu_cpu = qemu_cpu or cpu
        self.runner_cpu = runner_cpu or cpu


MODES = [0, 0x10, 0x10, 1 << 22, 2 << 22 | 0x10, 3 << 22, 1 << 24, 1 << 24 | 0x10, 1 << 25, 3 << 24]
# Lengths that doubles can have. qemu-arm 7.2 takes a stride of 2 for 4 with singles, and makes a vector
# VABS, VNEG, VMOV or VSQRT of doubles write the source's registers: they are left out.
VECTORS = [1 << 16, 2 << 16, 3 << 16]
VFP = mix(vfp_dp, vfp_dp, vfp_unary, vfp_convert)

GROUPS = [
    Group('arm-dp', 'arm926', 'core', arm_dp),
    Group('arm-mul', 'arm926', 'core', mix(arm_mul, arm_dsp)),
    Group('arm-mem', 'arm1136', 'ge', arm_mem),
    Group('arm-branch', 'arm926', 'core', arm_branch),
    Group('arm-media', 'arm1136', 'ge', mix(arm_media, arm_media, arm_dp)),
    Group('arm-v7', 'cortex-a8', 'ge', mix(arm_v7, arm_v7, arm_mem)),
    Group('thumb', 'arm926', 'core', mix(thumb_dp, thumb_dp, thumb_mem), thumb=True),
    Group('thumb-v6', 'arm1136', 'ge', mix(thumb_dp, thumb_dp, thumb_mem), thumb=True, v6=True),
    Group('thumb2-dp', 'cortex-a8', 'ge', mix(thumb2_dp, thumb2_dp, thumb_dp), thumb=True, v6=True),
    Group('thumb2-mul', 'cortex-a8', 'ge', mix(thumb2_mul), thumb=True, v6=True),
    Group('thumb2-mem', 'cortex-a8', 'ge', mix(thumb2_mem, thumb_mem), thumb=True, v6=True),
    Group('thumb2-flow', 'cortex-a8', 'ge', mix(thumb2_flow, thumb2_flow, thumb2_dp), thumb=True, v6=True),
    Group('vfp2', 'arm1136', 'vfp16', VFP, fpscr=MODES),
    Group('vfp2-move', 'arm1136', 'vfp16', mix(vfp_move, vfp_mem, vfp_dp), fpscr=MODES),
    Group('vfp2-vector', 'arm1136', 'vfp16', vfp_dp, fpscr=VECTORS),
    Group('vfp3', 'cortex-a8', 'vfp32', mix(VFP, VFP, vfp3), fpscr=MODES),
    Group('vfp3-move', 'cortex-a8', 'vfp32', mix(vfp_move, vfp_mem, vfp3), fpscr=MODES),
    Group('vfp3-thumb', 'cortex-a8', 'vfp32', mix(VFP, vfp3, vfp_move, vfp_mem, thumb2_dp), fpscr=MODES,
          thumb=True, v6=True),
    Group('vfp4', 'any', 'vfp32', mix(vfp_dp, vfp_half), qemu_cpu='max', fpscr=MODES + [1 << 26], fma=True),
    Group('neon-int', 'cortex-a8', 'vfp32', mix(neon_same, neon_same, neon_different, neon_scalar)),
    Group('neon-shift', 'cortex-a8', 'vfp32', mix(neon_shift, neon_const, neon_two, neon_misc)),
    Group('neon-float', 'cortex-a8', 'vfp32', mix(neon_float, neon_float, neon_scalar, neon_two), fpscr=MODES),
    Group('neon-mem', 'cortex-a8', 'vfp32', mix(neon_mem, neon_same)),
    Group('neon-thumb', 'cortex-a8', 'vfp32', mix(neon_mem, neon_same, neon_shift, neon_misc, thumb2_dp), thumb=True,
          v6=True),
    Group('neon-v4', 'any', 'vfp32', mix(neon_float, neon_two), qemu_cpu='max', fpscr=MODES + [1 << 26],
          fma=True),
    Group('iwmmxt', 'pxa270', 'wmmx', wmmx),
]


def drivers():
    out = {}
    with open(os.path.join(HERE, 'drivers.txt')) as f:
        for line in f:
            name, words = line.split(':')
            out[name] = [int(w, 16) for w in words.split()]
    return out


def make_case(group, r, back):
    k = Case(r)
    k.group = group
    k.thumb = group.thumb
    for _ in range(1 + r.below(group.length)):
        group.gen(k)
    if group.thumb:
        if len(k.code) % 4:
            k.t16(0x46c0)
        k.t16(0x4778)   # bx pc
        k.t16(0x46c0)
    k.arm(0xe51ff004)   # ldr pc, [pc, #-4]
    k.arm(back)
    return k.code


def make_program(group, seed):
    """The file's bytes, and what each case begins with."""
    r = Random(seed)
    driver = list(drivers()[group.driver])
    back = BASE + driver[-1]
    code_at = BASE + 4 * len(driver)
    codes, states, text = [], [], b''
    for _ in range(CASES):
        codes.append((code_at + len(text), make_case(group, r, back)))
        text += codes[-1][1]
        regs = [word(r) for _ in range(14)]
        cpsr = r.bits(5) << 27 | (r.bits(4) << 16 if group.driver not in ('core', 'vfp16', 'wmmx') else 0)
        fpscr = r.pick(group.fpscr)
        d = [double_word(r) for _ in range(32)]
        states.append((regs, cpsr, fpscr, d))
    pattern = b''.join(struct.pack('<I', word(r)) for _ in range(128))
    at = code_at + len(text)
    at += -at % 1024
    table = b''
    for (where, _), (regs, cpsr, fpscr, d) in zip(codes, states):
        entry = struct.pack('<4I14I', where | group.thumb, cpsr, fpscr, 0, *regs)
        entry = entry.ljust(128, b'\0') + struct.pack('<32Q', *d)
        table += entry.ljust(512, b'\0')
    pattern_at = at + len(table)
    buf = pattern_at + 1024
    driver[-5:-1] = [buf + 0x800, CASES, pattern_at, at]
    image = struct.pack('<%dI' % len(driver), *driver) + text
    image = image.ljust(at - BASE, b'\0') + table + pattern
    size = buf + 0x1000 - BASE
    header = struct.pack('<16sHHIIIIIHHHHHH', b'\x7fELF\1\1\1', 2, 40, 1, BASE, 52, 0, 0x5000200, 52, 32, 1, 0, 0, 0)
    header += struct.pack('<8I', 1, 0x1000, BASE, BASE, len(image), size, 7, 0x1000)
    return header.ljust(0x1000, b'\0') + image, codes, states


def run(command, program):
    with tempfile.NamedTemporaryFile(suffix='.elf', delete=False) as f:
        f.write(program)
        path = f.name
    os.chmod(path, 0o755)
    try:
        p = subprocess.run(command + [path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    finally:
        os.unlink(path)
    if p.returncode:
        print('%s: exit status %d: %s' % (command[0], p.returncode, p.stderr.decode()[-1500:]))
    return [p.stdout[n:n + RECORD] for n in range(0, len(p.stdout) - RECORD + 1, RECORD)]


def with_qemu(group, program):
    return run(['qemu-arm', '-cpu', group.qemu_cpu], program)


def with_runner(runner, group, program):
    linux = ['-linux'] if os.path.basename(runner) == 'arm-run' else []
    return run([runner, *linux, '-cpu', group.runner_cpu] + RUNNER_FLAGS, program)


NAMES = ['r%d' % n for n in range(13)] + ['cpsr', 'lr', 'fpscr']


def names_of(offset):
    if offset < 64:
        return NAMES[offset // 4]
    if offset < 0x140:
        return 'd%d.%d' % ((offset - 64) // 8, (offset - 64) % 8 // 4)
    if offset >= 0x500:
        return 'mem[%+d]' % (offset - 0x600)
    return '+%x' % offset


def explain(group, n, code, state, got, want):
    print('%s case %d:' % (group.name, n))
    with tempfile.NamedTemporaryFile(suffix='.bin') as f:
        f.write(code[1])
        f.flush()
        dis = subprocess.run(['arm-linux-gnueabi-objdump', '-D', '-b', 'binary', '-marm'] +
                             (['-Mforce-thumb'] if group.thumb else []) + [f.name],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    print(''.join(l + '\n' for l in dis.stdout.decode().splitlines()[7:]) or code[1].hex())
    regs, cpsr, fpscr, d = state
    print('  before: ' + ' '.join('r%d=%x' % (i if i < 13 else 14, v) for i, v in enumerate(regs)) +
          ' cpsr=%x fpscr=%x' % (cpsr, fpscr))
    if group.driver not in ('core', 'ge'):
        print('  ' + ' '.join('d%d=%016x' % (i, v) for i, v in enumerate(d)))
    for o in range(0, RECORD, 4):
        if got[o:o + 4] != want[o:o + 4]:
            print('  %s: got %08x, want %08x' % (names_of(o), struct.unpack('<I', got[o:o + 4])[0],
                                                 struct.unpack('<I', want[o:o + 4])[0]))


def mask(group, record):
    """What differs for a reason: CPSR's mode and mask bits."""
    cpsr = struct.unpack_from('<I', record, 52)[0] & 0xf80f0000
    return record[:52] + struct.pack('<I', cpsr) + record[56:]


def compare_qemu(runner, group, seed):
    program, codes, states = make_program(group, seed)
    want = [mask(group, x) for x in with_qemu(group, program)]
    got = [mask(group, x) for x in with_runner(runner, group, program)]
    bad = [n for n in range(CASES) if n >= len(got) or n >= len(want) or got[n] != want[n]]
    for n in bad[:FAIL_LIMIT]:
        if n < len(got) and n < len(want):
            explain(group, n, codes[n], states[n], got[n], want[n])
        else:
            print('%s case %d: runner gave %d records, qemu %d: %s' % (group.name, n, len(got), len(want),
                                                                      codes[n][1].hex(' ', 4)))
            break
    print('%s: %d of %d cases differ' % (group.name, len(bad), CASES))
    return not bad


def sums(group, records):
    return ['%08x' % zlib.crc32(mask(group, x)) for x in records]


def truth_file(group, seed):
    return os.path.join(HERE, 'truth', '%s-%d.txt' % (group.name, seed))


def record(group, seed):
    program, _, _ = make_program(group, seed)
    records = with_qemu(group, program)
    if len(records) != CASES:
        sys.exit('%s: qemu-arm gave %d records' % (group.name, len(records)))
    lines = sums(group, records)
    os.makedirs(os.path.dirname(truth_file(group, seed)), exist_ok=True)
    with open(truth_file(group, seed), 'w') as f:
        for n in range(0, CASES, 10):
            f.write(' '.join(lines[n:n + 10]) + '\n')


def compare_recorded(runner, group, seed):
    program, codes, _ = make_program(group, seed)
    with open(truth_file(group, seed)) as f:
        want = f.read().split()
    got = sums(group, with_runner(runner, group, program))
    bad = [n for n in range(CASES) if n >= len(got) or got[n] != want[n]]
    for n in bad[:FAIL_LIMIT]:
        print('%s case %d differs: %s' % (group.name, n, codes[n][1].hex(' ', 4)))
    print('%s: %d of %d cases differ' % (group.name, len(bad), CASES))
    return not bad


def main():
    args = sys.argv[1:]
    if args == ['--list']:
        print('\n'.join(g.name for g in GROUPS))
        return 0
    seed = 1
    for a in list(args):
        m = re.match(r'--seed=(\d+)$', a)
        if m:
            seed = int(m.group(1))
            args.remove(a)
    flags = {a for a in args if a.startswith('--')}
    rest = [a for a in args if not a.startswith('--')]
    runner = None if '--record' in flags else rest.pop(0)
    groups = [g for g in GROUPS if not rest or g.name in rest or any(re.fullmatch(x, g.name) for x in rest)]
    ok = True
    for g in groups:
        if '--qemu' in flags:
            ok &= compare_qemu(runner, g, seed)
            continue
        for seed in SEEDS:
            if '--record' in flags:
                record(g, seed)
            elif not os.path.exists(truth_file(g, seed)):
                return 77
            else:
                ok &= compare_recorded(runner, g, seed)
    return 0 if ok else 1


if __name__ == '__main__':
    sys.exit(main())
