/* The network options, handed to the network layer. */
#include "net/net.h"
#include "tools/system.h"

#include <string.h>

static struct error *add_net(struct machine *m, const char *value)
{
	return net_option_net(m, value);
}

static struct error *add_netdev(struct machine *m, const char *value)
{
	return net_option_netdev(value);
}

static struct error *add_nic(struct machine *m, const char *value)
{
	return net_option_nic(m, value);
}

static struct error *add_uses(struct machine *m, GPtrArray *uses,
			      struct error *(*add)(struct machine *m, const char *value))
{
	struct error *err = NULL;

	for (unsigned int i = 0; i < uses->len && !err; i++) {
		const struct option_use *use = uses->pdata[i];
		err = option_use_error(add(m, use->value), use);
	}
	return err;
}

/* -tftp, -bootp, -smb, -redir */
static struct error *add_user_net_options(GPtrArray *uses)
{
	struct error *err = NULL;

	for (unsigned int i = 0; i < uses->len && !err; i++) {
		const struct option_use *use = uses->pdata[i];
		if (strcmp(use->option, "tftp") == 0)
			net_option_tftp(use->value);
		else if (strcmp(use->option, "bootp") == 0)
			net_option_bootp(use->value);
		else if (strcmp(use->option, "smb") == 0)
			net_option_smb(use->value);
		else
			err = option_use_error(net_option_redir(use->value), use);
	}
	return err;
}

/* -object filter-dump is the one object there is. */
static struct error *add_objects(GPtrArray *uses)
{
	struct error *err = NULL;

	for (unsigned int i = 0; i < uses->len && !err; i++) {
		const struct option_use *use = uses->pdata[i];
		if (g_str_has_prefix(use->value, "filter-dump,"))
			err = net_option_filter_dump(strchr(use->value, ',') + 1);
		else
			err = error_new("unknown type of object (known: filter-dump)");
		err = option_use_error(err, use);
	}
	return err;
}

bool system_list_net(const struct system_config *c)
{
	const GPtrArray *uses[] = {c->nets, c->netdevs, c->nics};

	for (unsigned int i = 0; i < G_N_ELEMENTS(uses); i++) {
		for (unsigned int k = 0; k < uses[i]->len; k++) {
			const struct option_use *use = uses[i]->pdata[k];
			if (net_help(use->value, c->m->target, stdout))
				return true;
		}
	}
	return false;
}

struct error *system_open_net(struct system_config *c)
{
	bool given = c->nets->len || c->netdevs->len || c->nics->len;
	struct error *err = add_uses(c->m, c->netdevs, add_netdev);

	if (!err)
		err = add_uses(c->m, c->nets, add_net);
	if (!err)
		err = add_uses(c->m, c->nics, add_nic);
	if (!err)
		err = add_user_net_options(c->slirp);
	if (!err)
		err = add_objects(c->objects);
	if (!err && c->nodefaults && !given)
		err = net_option_net(c->m, "none");
	return err ? err : net_finish(c->m);
}

struct error *system_check_nics(struct system_config *c)
{
	for (unsigned int i = 0; i < c->m->nics->len; i++) {
		const struct nic_config *nic = c->m->nics->pdata[i];
		if (!nic->used)
			return error_new(
				"-net nic,model=%s: machine \"%s\" has no place for this card",
				nic->model ? nic->model : "?", c->m->class->name);
	}
	net_check();
	return NULL;
}
