/*
 * The monitor (manual 3.5): commands from a person or a script on a character device.
 *
 * A prompt "(qemu) " with line editing; each command runs on the main thread with the machine lock
 * held and the machine quiesced. Source of commands and their arguments: the manual, 3.5.1.
 */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include <stdio.h>

struct chardev;

/* A character device is to get a monitor, for as long as it lives. */
void monitor_new(struct chardev *chr);
/* The machine is built: monitors join their character devices, greet and take commands. They come
 * after the serial ports, as the first to join a shared terminal gets its keys. */
void monitors_start(void);
/* Runs one command line and prints what it says to `out`. */
void monitor_execute(const char *line, FILE *out);
/* What "commit all" does, for the Ctrl-a s key. */
void monitor_commit_all(void);

#endif
