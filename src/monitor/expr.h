/*
 * Integer expressions of the monitor (manual 3.5.2): numbers as in C, 'c', $register, ( ), unary
 * + - ~, and * / %, + -, << >>, &, ^, | with C's precedence. Arithmetic is modulo 2^64, division
 * is unsigned.
 */
#ifndef MONITOR_EXPR_H
#define MONITOR_EXPR_H

#include "base/error.h"

#include <stdint.h>

struct cpu;

/* Evaluates the longest expression at *text, blanks before it allowed, and moves *text behind it.
 * Registers are those of `cpu` (NULL: there are none). */
struct error *expr_eval(const char **text, struct cpu *cpu, uint64_t *value) NODISCARD;

#endif
