/*
 * -smb: an smbd of Samba for one folder, started by slirp for each connection of the guest. Its
 * configuration and state live in a private folder that is removed at the end.
 */
#include "net/user.h"

#include <errno.h>
#include <ftw.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const smbd_places[] = {"/usr/sbin/smbd", "/usr/local/sbin/smbd", NULL};

static const char *find_smbd(void)
{
	for (unsigned int i = 0; smbd_places[i]; i++) {
		if (access(smbd_places[i], X_OK) == 0)
			return smbd_places[i];
	}
	return NULL;
}

static struct error *write_configuration(const char *dir, const char *folder, const char *user)
{
	char *path = g_build_filename(dir, "smb.conf", NULL);
	FILE *f = fopen(path, "we");
	struct error *err = NULL;

	if (!f)
		err = error_errno(errno, "cannot write \"%s\"", path);
	else
		fprintf(f,
			"[global]\n"
			"private dir=%1$s\ninterfaces=127.0.0.1\nbind interfaces only=yes\n"
			"pid directory=%1$s\nlock directory=%1$s\nstate directory=%1$s\n"
			"cache directory=%1$s\nncalrpc dir=%1$s/ncalrpc\nlog file=%1$s/log.smbd\n"
			"smb passwd file=%1$s/smbpasswd\nsecurity = user\n"
			"server min protocol = NT1\nmap to guest = Bad User\n"
			"load printers = no\nprinting = bsd\ndisable spoolss = yes\n"
			"usershare max shares = 0\n"
			"[qemu]\npath=%2$s\nread only=no\nguest ok=yes\nforce user=%3$s\n",
			dir, folder, user);
	if (f && fclose(f) != 0)
		err = error_errno(errno, "cannot write \"%s\"", path);
	g_free(path);
	return err;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void user_smb_free(struct user_net *u)
{
	if (u->smb_folder)
		nftw(u->smb_folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	g_free(u->smb_folder);
	u->smb_folder = NULL;
}

struct error *user_smb_add(struct user_net *u, const char *folder, struct in_addr server)
{
	const struct passwd *pw = getpwuid(geteuid());
	const char *smbd = find_smbd();
	char *real = realpath(folder, NULL);
	struct error *err = NULL;

	if (!real || !g_file_test(real, G_FILE_TEST_IS_DIR))
		err = error_new("-smb %s: no such folder", folder);
	else if (strpbrk(real, "\n%"))
		err = error_new("-smb %s: the name cannot stand in smb.conf", folder);
	else if (!smbd)
		err = error_new("-smb %s: /usr/sbin/smbd is not installed (package samba)", folder);
	else if (!pw)
		err = error_new("-smb %s: this user has no name", folder);
	else if (!(u->smb_folder = g_dir_make_tmp("ratite-smb-XXXXXX", NULL)))
		err = error_errno(errno, "-smb %s: no temporary folder", folder);
	else
		err = write_configuration(u->smb_folder, real, pw->pw_name);
	if (!err) {
		/* Slirp connects smbd's standard input to the guest, as inetd would. */
		char *command = g_strdup_printf("%s -l %s -s %s/smb.conf", smbd, u->smb_folder,
						u->smb_folder);
		if (slirp_add_exec(u->slirp, command, &server, 139) < 0 ||
		    slirp_add_exec(u->slirp, command, &server, 445) < 0)
			err = error_new("-smb %s: the server's address is not in the network",
					folder);
		g_free(command);
	}
	free(real);
	return err;
}
