/*
 * Images that are named by options: "driver=qcow2,file.filename=a.img,backing.driver=raw", or the
 * same as JSON behind "json:". Options of the nodes of a tree stand in one flat list; a node's are
 * those with its prefix ("file.", "backing.file."). As in QEMU 7.2.
 *
 * Every node takes driver, filename, node-name, read-only, auto-read-only, force-share, discard,
 * detect-zeroes (off), cache.direct and cache.no-flush; formats take file.* and backing.*, "file"
 * takes locking and aio, "nbd" host, port, path, server.*, export, tls-creds and tls-hostname, and
 * what else a driver takes its configure function knows.
 */
#ifndef STORAGE_IMAGE_OPTIONS_H
#define STORAGE_IMAGE_OPTIONS_H

#include "storage/image.h"

struct image_options;

struct image_options *image_options_new(void);
void image_options_free(struct image_options *o);
/* Adds "key=value,..."; what is there already is replaced. */
void image_options_parse(struct image_options *o, const char *text);
/* Adds the members of a JSON object below `prefix`; what is there already stays. */
struct error *image_options_parse_json(struct image_options *o, const char *prefix,
				       const char *text) NODISCARD;
void image_options_set(struct image_options *o, const char *key, const char *value);
/* Whether it is there; not marked as used. */
bool image_options_has(struct image_options *o, const char *key);
/* The value of an option, marked as used; NULL: not there. */
const char *image_options_get(struct image_options *o, const char *prefix, const char *key);
/* Opens the tree. Errors do not name the image. */
struct error *image_options_open(struct image_options *o, unsigned int flags,
				 struct image **img) NODISCARD;
/* Whether a file name is "json:...". */
bool image_options_is_json(const char *filename);

#endif
