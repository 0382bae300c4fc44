/*
 * -drive, -hda, -cdrom ...: from option texts to the list of drives. Source: the manual's section
 * on standard options.
 *
 *	err = drive_option_add(m, "file=disk.img,if=ide,index=0");
 *	...
 *	err = drives_open(m);	after all options, before the board's init
 */
#ifndef STORAGE_DRIVE_OPTIONS_H
#define STORAGE_DRIVE_OPTIONS_H

#include "base/error.h"

#include <stdbool.h>

struct machine;

/* Notes one -drive; syntax and values are checked, files are not yet opened. */
struct error *drive_option_add(struct machine *m, const char *text) NODISCARD;
/* -hda FILE and the like: `file` needs no doubled commas; `options` ("index=0,media=disk") may be
 * NULL. */
struct error *drive_option_add_file(struct machine *m, const char *file,
				    const char *options) NODISCARD;
/* -hdachs C,H,S[,T]: geometry of IDE disk 0. */
struct error *drive_option_hdachs(struct machine *m, const char *text) NODISCARD;
/* -snapshot */
void drive_option_snapshot(bool on);
/* -nodefaults: no empty floppy and CD-ROM drives. */
void drive_option_no_defaults(void);
/* Gives every drive its place (index, bus, unit), adds the board's default drives, opens files. */
struct error *drives_open(struct machine *m) NODISCARD;

#endif
