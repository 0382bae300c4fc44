#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>
#include <utime.h>

int main(void)
{
	char dir[] = "/tmp/files-XXXXXX", text[32] = {0};
	struct stat st;

	mkdtemp(dir);
	chdir(dir);
	int fd = open("a", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	printf("flags %d %d\n", (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR,
	       fcntl(fd, F_GETFD) == FD_CLOEXEC);
	printf("again: %s\n", open("a", O_CREAT | O_EXCL, 0) < 0 ? strerrorname_np(errno) : "?");
	off_t far = (off_t)5 << 32;
	printf("pwrite %d\n", (int)pwrite(fd, "far", 3, far));
	fstat(fd, &st);
	printf("size %lld mode %o links %d\n", (long long)st.st_size, st.st_mode, (int)st.st_nlink);
	int got = (int)pread(fd, text, 3, far);
	printf("pread %d %s\n", got, text);
	printf("lseek %lld", (long long)lseek(fd, far, SEEK_SET));
	printf(" %lld\n", (long long)lseek(fd, 1, SEEK_END));
	printf("truncate %d", ftruncate(fd, far + 100));
	stat("a", &st);
	printf(" %lld\n", (long long)st.st_size);
	ftruncate(fd, 0);
	struct iovec iov[2] = {{"vec", 3}, {"tor", 3}};
	lseek(fd, 0, SEEK_SET);
	printf("writev %d preadv", (int)writev(fd, iov, 2));
	struct iovec in[2] = {{text, 2}, {text + 10, 4}};
	got = (int)preadv(fd, in, 2, 0);
	printf(" %d %.2s %.4s\n", got, text, text + 10);

	struct utimbuf times = {1000000000, 1100000000};
	utime("a", &times);
	stat("a", &st);
	printf("utime %lld %lld\n", (long long)st.st_atime, (long long)st.st_mtime);
	struct timespec ts[2] = {{5, 123456789}, {0, UTIME_OMIT}};
	utimensat(AT_FDCWD, "a", ts, 0);
	stat("a", &st);
	printf("utimensat %lld.%ld %lld\n", (long long)st.st_atime, st.st_atim.tv_nsec,
	       (long long)st.st_mtime);

	symlink("a", "link");
	lstat("link", &st);
	printf("link %d %d\n", S_ISLNK(st.st_mode), (int)readlink("link", text, sizeof(text)));
	printf("nofollow: %s\n", open("link", O_NOFOLLOW) < 0 ? strerrorname_np(errno) : "?");
	printf("directory: %s %d\n", open("a", O_DIRECTORY) < 0 ? strerrorname_np(errno) : "?",
	       open(".", O_DIRECTORY) >= 0);
	mkdir("sub", 0755);
	for (int i = 0; i < 300; i++) {
		snprintf(text, sizeof(text), "sub/file-%03d", i);
		close(open(text, O_CREAT, 0600));
	}
	DIR *d = opendir("sub");
	int count = 0, types = 0;
	struct dirent *e;
	while ((e = readdir(d))) {
		count++;
		types += e->d_type == DT_REG;
	}
	printf("readdir %d %d\n", count, types);
	closedir(d);

	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = far, .l_len = 10};
	printf("lock %d", fcntl(fd, F_SETLK, &l));
	l.l_type = F_RDLCK;
	printf(" %d %d\n", fcntl(fd, F_OFD_GETLK, &(struct flock){.l_type = F_WRLCK}), l.l_type);
	struct statfs fs;
	int r = statfs(".", &fs);
	printf("statfs %d %d\n", r, fs.f_bsize > 0 && fs.f_namelen == 255);
	printf("access %d %s\n", access("a", R_OK), access("nix", F_OK) ? strerrorname_np(errno) : "?");
	printf("renameat2 %d\n", renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE));
	struct statx sx;
	r = statx(AT_FDCWD, "b", 0, STATX_ALL, &sx);
	printf("statx %d %o\n", r, sx.stx_mode);
	printf("fallocate %d\n", fallocate(fd, 0, far, 4096) == 0 || errno == EOPNOTSUPP);

	int pty = posix_openpt(O_RDWR | O_NOCTTY);
	grantpt(pty);
	unlockpt(pty);
	int tty = open(ptsname(pty), O_RDWR | O_NOCTTY);
	struct winsize ws = {.ws_row = 33, .ws_col = 77}, back = {0};
	ioctl(pty, TIOCSWINSZ, &ws);
	ioctl(tty, TIOCGWINSZ, &back);
	struct termios tio;
	printf("tty %d %d %d isatty %d\n", back.ws_row, back.ws_col, tcgetattr(tty, &tio), isatty(tty));
	cfmakeraw(&tio);
	printf("raw %d", tcsetattr(tty, TCSANOW, &tio));
	write(tty, "x\n", 2);
	printf(" %d\n", (int)read(pty, text, sizeof(text)));
	snprintf(text, sizeof(text), "rm -r %s", dir);
	chdir("/");
	system(text);
	return 0;
}
