/* Back ends whose library was not there when the program was built. */
#include "net/net-internal.h"

#ifndef HAVE_SLIRP
struct error *net_user_create(struct optstr *o, const char *name, struct net_port **port)
{
	return error_new("this program was built without the user network (package libslirp-dev)");
}

void net_print_user(FILE *out)
{
}

struct error *net_hostfwd(const char *netdev, const char *text, bool add)
{
	return error_new("there is no user network");
}
#endif

#ifndef HAVE_VDEPLUG
struct error *net_vde_create(struct optstr *o, const char *name, struct net_port **port)
{
	return error_new("this program was built without VDE (package libvdeplug-dev)");
}
#endif
