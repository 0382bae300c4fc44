/* -soundhw: the manual's names of sound cards, which become -device texts. */
#include "base/optstr.h"
#include "tools/system.h"
#include "vm/device.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name, *device, *help;
} cards[] = {
	{"sb16", "sb16", "Creative Sound Blaster 16"},
	{"adlib", "adlib", "Yamaha YM3812 (OPL2)"},
	{"gus", "gus", "Gravis Ultrasound GF1"},
	{"cs4231a", "cs4231a", "CS4231A"},
	{"es1370", "ES1370", "ENSONIQ AudioPCI ES1370"},
	{"ac97", "AC97", "Intel 82801AA AC97 Audio"},
	{"pcspk", "pcspk", "PC speaker"},
};

static const char *card_name_at(unsigned int i, void *opaque)
{
	return cards[i].name;
}

bool system_list_sound_cards(const struct system_config *c)
{
	for (unsigned int i = 0; i < c->m->soundhw->len; i++) {
		if (!optstr_is_help(c->m->soundhw->pdata[i]))
			continue;
		printf("Sound cards (comma separated):\n");
		for (unsigned int j = 0; j < G_N_ELEMENTS(cards); j++)
			printf("%-12s %s%s\n", cards[j].name, cards[j].help,
			       device_class_find(cards[j].device) ? "" : " (not built yet)");
		printf("%-12s every card that is built\n", "all");
		return true;
	}
	return false;
}

static void add_card(struct system_config *c, unsigned int i)
{
	option_use_add(c->devices, "soundhw", g_strdup(cards[i].device));
}

static void add_all(struct system_config *c)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(cards); i++)
		if (device_class_find(cards[i].device))
			add_card(c, i);
}

static struct error *add_named(struct system_config *c, const char *name)
{
	for (unsigned int i = 0; i < G_N_ELEMENTS(cards); i++) {
		if (strcmp(cards[i].name, name) != 0)
			continue;
		if (!device_class_find(cards[i].device))
			return error_new("-soundhw %s: not built yet", name);
		add_card(c, i);
		return NULL;
	}
	const char *best = closest_name(name, G_N_ELEMENTS(cards), card_name_at, NULL);
	if (best)
		return error_new("-soundhw %s: unknown card; did you mean \"%s\"?", name, best);
	return error_new("-soundhw %s: unknown card (-soundhw ? lists them)", name);
}

struct error *system_add_sound_cards(struct system_config *c)
{
	struct error *err = NULL;

	for (unsigned int i = 0; i < c->m->soundhw->len && !err; i++) {
		char **names = g_strsplit(c->m->soundhw->pdata[i], ",", -1);
		for (char **name = names; *name && !err; name++) {
			if (strcmp(*name, "all") == 0)
				add_all(c);
			else
				err = add_named(c, *name);
		}
		g_strfreev(names);
	}
	return err;
}
