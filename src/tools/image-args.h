/*
 * What the programs that open disk images share: qemu-img, qemu-io and qemu-nbd. Their structs of
 * arguments begin with a struct image_args, and their option tables take the rows below.
 */
#ifndef TOOLS_IMAGE_ARGS_H
#define TOOLS_IMAGE_ARGS_H

#include "base/options.h"
#include "storage/image.h"

#include <stddef.h>

struct image_args {
	char *format, *cache, *discard;
	bool image_opts, force_share, readonly, snapshot, nocache;
};

/* Handlers of options: `tag` is where in the struct of arguments the value goes. */
struct error *arg_set_text(void *opaque, const struct option_spec *option, const char *value);
struct error *arg_set_flag(void *opaque, const struct option_spec *option, const char *value);
struct error *arg_ignore(void *opaque, const struct option_spec *option, const char *value);
/* --object: see image_add_object(). */
struct error *arg_add_object(void *opaque, const struct option_spec *option, const char *value);
/* --aio: one of those of the host, which are all the same to us. */
struct error *arg_check_aio(void *opaque, const struct option_spec *option, const char *value);

#define ARG_TEXT(letter_, name_, type, member, arg_, help_) \
	{.name = (name_),                                   \
	 .letter = (letter_),                               \
	 .arg = (arg_),                                     \
	 .help = (help_),                                   \
	 .apply = arg_set_text,                             \
	 .tag = (int)offsetof(type, member)}
#define ARG_FLAG(letter_, name_, type, member, help_) \
	{.name = (name_),                             \
	 .letter = (letter_),                         \
	 .help = (help_),                             \
	 .apply = arg_set_flag,                       \
	 .tag = (int)offsetof(type, member)}
#define ARG_IGNORED(letter_, name_, arg_) \
	{.name = (name_),                 \
	 .letter = (letter_),             \
	 .arg = (arg_),                   \
	 .apply = arg_ignore,             \
	 .help = "Accepted, and ignored"}

#define IMAGE_ARG_FORMAT ARG_TEXT('f', "format", struct image_args, format, "fmt", "Image format")
#define IMAGE_ARG_CACHE(letter)                                     \
	ARG_TEXT(letter, "cache", struct image_args, cache, "mode", \
		 "Cache mode: none, writeback, writethrough, directsync, unsafe")
#define IMAGE_ARG_NOCACHE \
	ARG_FLAG('n', "nocache", struct image_args, nocache, "Past the host's cache: --cache=none")
#define IMAGE_ARG_DISCARD(letter)                                       \
	ARG_TEXT(letter, "discard", struct image_args, discard, "mode", \
		 "What becomes of discards: ignore or unmap")
#define IMAGE_ARG_READONLY ARG_FLAG('r', "read-only", struct image_args, readonly, "Never writes")
#define IMAGE_ARG_SNAPSHOT \
	ARG_FLAG('s', "snapshot", struct image_args, snapshot, "Writes go to a temporary file")
#define IMAGE_ARG_SHARE                                              \
	ARG_FLAG('U', "force-share", struct image_args, force_share, \
		 "Reads an image that others write")
#define IMAGE_ARG_OPTS \
	ARG_FLAG(0, "image-opts", struct image_args, image_opts, "Image names are lists of options")
#define IMAGE_ARG_OBJECT                                                                         \
	{.name = "object",                                                                       \
	 .arg = "objectdef",                                                                     \
	 .help = "A secret: secret,id=ID,data=TEXT; or "                                         \
		 "tls-creds-x509|tls-creds-psk|tls-creds-anon,id=ID,dir=FOLDER,endpoint=client|" \
		 "server",                                                                       \
	 .apply = arg_add_object}
#define IMAGE_ARG_AIO                     \
	{.name = "aio",                   \
	 .letter = 'i',                   \
	 .arg = "mode",                   \
	 .help = "Accepted, and ignored", \
	 .apply = arg_check_aio}

/* Prints an error and returns 1. */
int tool_fail(struct error *err);
int tool_fail_text(const char *format, ...) PRINTF(1, 2);

/* Flags for a cache mode (NULL: writeback). *through: each write is flushed. */
struct error *image_cache_flags(const char *cache, unsigned int *flags, bool *through) NODISCARD;
/* Opens an image whose format may be NULL, asking for the key of an encrypted one. Of `a` only
 * image_opts and force_share count. */
struct error *image_args_open_as(const struct image_args *a, const char *name, const char *format,
				 unsigned int flags, struct image **img) NODISCARD;
/* Opens an image as all of `a` says, for writing unless that is ruled out there. Errors do not
 * name the image. */
struct error *image_args_open(const struct image_args *a, const char *name, bool *through,
			      struct image **img) NODISCARD;

/* Adds a secret or TLS credentials. */
struct error *image_add_object(const char *text) NODISCARD;

/* "1.5 MiB", three digits. */
char *size_text(uint64_t bytes);
/* What a format says about an image, one indented line each, with a heading; or nothing. */
void print_image_facts(struct image *img);
GArray *image_facts(struct image *img); /* struct image_fact; see image_facts_free() */
void image_facts_free(GArray *facts);

#endif
