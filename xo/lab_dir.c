// SPDX-License-Identifier: GPL-2.0
/* Folders of the lab: one per run below build/lab/run, one per snapshot below build/lab/snap. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lab.h"

#define KEPT_RUNS 10 /* failed runs whose logs are still there */

void lab_path(char *path, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(path, PATH_MAX, format, ap);
	va_end(ap);
	if (n >= 0 && n < PATH_MAX)
		return;
	fprintf(stderr, "xo lab: a path is longer than %d bytes: move the tree\n", PATH_MAX);
	exit(LAB_EXIT_FAILED);
}

int lab_find_folders(struct lab_folders *f, struct lab_error *err)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	memset(f, 0, sizeof(*f));
	f->lock = -1;
	if (n < 0)
		return lab_error(err, "/proc/self/exe cannot be read: %s", strerror(errno));
	self[n] = 0;
	for (int i = 0; i < 2; i++) { /* build/bin/xo */
		char *slash = strrchr(self, '/');

		if (slash)
			*slash = 0;
	}
	lab_path(f->build, "%s", self);
	lab_path(f->lab, "%s/lab", self);
	if (access(f->lab, F_OK))
		return lab_error(err, "%s is missing: the lab runs from a built tree; run make",
				 f->lab);
	return 0;
}

void lab_system_path(const struct lab_folders *f, const struct lab_options *o, char *path)
{
	if (o->kernel[0])
		lab_path(path, "%s/%s/system.erofs", f->build, o->kernel);
	else
		lab_path(path, "%s/system.erofs", f->lab);
}

int lab_make_folders(const char *path, struct lab_error *err)
{
	char part[PATH_MAX];

	lab_path(part, "%s", path);
	for (char *p = part + 1;; p++) {
		char c = *p;

		if (c && c != '/')
			continue;
		*p = 0;
		if (mkdir(part, 0755) && errno != EEXIST)
			return lab_error(err, "the folder %s cannot be made: %s", part,
					 strerror(errno));
		if (!c)
			return 0;
		*p = c;
	}
}

int lab_write_file(const char *path, const void *data, size_t size, mode_t mode,
		   struct lab_error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	const char *bytes = data;

	while (fd >= 0 && size) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno != EINTR)
			break;
		if (n > 0) {
			bytes += n;
			size -= (size_t)n;
		}
	}
	if (fd < 0 || close(fd) || size)
		return lab_error(err, "the file %s cannot be written: %s", path, strerror(errno));
	return 0;
}

char *lab_read_file(const char *path, size_t *size, struct lab_error *err)
{
	FILE *in = strcmp(path, "-") ? fopen(path, "rbe") : stdin;
	size_t room = 65536, fill = 0, n;
	char *text = malloc(room);

	while (in && text && (n = fread(text + fill, 1, room - fill - 1, in)) > 0) {
		fill += n;
		if (fill < room - 1)
			continue;
		room *= 2;
		char *more = realloc(text, room);

		if (!more)
			free(text);
		text = more;
	}
	if (!in || !text || ferror(in)) {
		lab_error(err, "the file %s cannot be read: %s", path, strerror(errno));
		free(text);
		text = NULL;
	}
	if (in && in != stdin)
		fclose(in);
	if (!text)
		return NULL;
	text[fill] = 0;
	if (size)
		*size = fill;
	return text;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	remove(path);
	return 0; /* what cannot be removed now is found by the next xo lab clean */
}

void lab_remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int lab_lock(const char *path, int how, struct lab_error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	while (fd >= 0 && flock(fd, how)) {
		if (errno == EINTR)
			continue;
		lab_error(err, "%s is locked by another run: %s", path, strerror(errno));
		close(fd);
		return -1;
	}
	if (fd < 0)
		lab_error(err, "the lock %s cannot be opened: %s", path, strerror(errno));
	return fd;
}

int lab_run_begin(struct lab_folders *f, struct lab_error *err)
{
	char path[PATH_MAX], stamp[32], pid[32];
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%m%d-%H%M%S", &tm);
	lab_path(f->run, "%s/run/%s-%d", f->lab, stamp, getpid());
	if (lab_make_folders(f->run, err))
		return -1;
	lab_path(path, "%s/lock", f->run);
	f->lock = lab_lock(path, LOCK_EX, err);
	if (f->lock < 0)
		return -1;
	lab_path(path, "%s/pid", f->run);
	snprintf(pid, sizeof(pid), "%d\n", getpid());
	return lab_write_file(path, pid, strlen(pid), 0644, err);
}

/* Calls `visit` for every run, newest last, with its folder and, if it is alive, its pid. */
static void each_run(const struct lab_folders *f,
		     void (*visit)(const char *folder, const char *id, pid_t pid, void *data),
		     void *data)
{
	struct dirent **entries;
	char folder[PATH_MAX], path[PATH_MAX];
	struct lab_error ignored;
	int count;

	lab_path(folder, "%s/run", f->lab);
	count = scandir(folder, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		const char *id = entries[i]->d_name;
		char *text = NULL;
		pid_t pid = 0;

		if (id[0] != '.') {
			lab_path(path, "%s/%s/lock", folder, id);
			int fd = open(path, O_RDWR | O_CLOEXEC);

			if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
				lab_path(path, "%s/%s/pid", folder, id);
				text = lab_read_file(path, NULL, &ignored);
				pid = text ? (pid_t)atoi(text) : 0;
				free(text);
			}
			lab_path(path, "%s/%s", folder, id);
			visit(path, id, pid, data);
			if (fd >= 0)
				close(fd);
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

struct count {
	int dead;
	int to_remove;
};

static void count_dead(const char *folder, const char *id, pid_t pid, void *data)
{
	((struct count *)data)->dead += pid == 0;
}

static void remove_oldest(const char *folder, const char *id, pid_t pid, void *data)
{
	struct count *c = data;

	if (pid || c->to_remove <= 0)
		return;
	c->to_remove--;
	lab_remove_tree(folder);
}

static const char *const big[] = { "payload.img", "stage", "state", "system.img", "lock" };

void lab_run_end(struct lab_folders *f, bool keep)
{
	struct count c = { 0, 0 };
	char path[PATH_MAX];

	if (!f->run[0])
		return;
	for (size_t i = 0; i < sizeof(big) / sizeof(big[0]); i++) {
		lab_path(path, "%s/%s", f->run, big[i]);
		lab_remove_tree(path);
	}
	if (!keep)
		lab_remove_tree(f->run);
	if (f->lock >= 0)
		close(f->lock);
	f->lock = -1;
	each_run(f, count_dead, &c);
	c.to_remove = c.dead - KEPT_RUNS;
	each_run(f, remove_oldest, &c);
}

static void list_run(const char *folder, const char *id, pid_t pid, void *data)
{
	char path[PATH_MAX], *what;
	struct lab_error ignored;

	lab_path(path, "%s/what", folder);
	what = lab_read_file(path, NULL, &ignored);
	if (pid)
		printf("%-20s  running, pid %d: %s", id, pid, what ? what : "\n");
	else
		printf("%-20s  failed, logs in %s: %s", id, folder, what ? what : "\n");
	free(what);
}

/* The options it is for; none if what it was made of cannot be read. */
static void list_snapshot(const char *folder, const char *name, long long mib)
{
	char path[PATH_MAX], options[4096] = "", *inputs;
	struct lab_error ignored;

	lab_path(path, "%s/%s/inputs", folder, name);
	inputs = lab_read_file(path, NULL, &ignored);
	if (inputs)
		lab_shape_options(inputs, options, sizeof(options));
	free(inputs);
	printf("%.20s  snapshot, %lld MiB on disk:%s\n", name, mib,
	       options[0] ? options : " no VMs");
}

static void list_snapshots(const struct lab_folders *f)
{
	char folder[PATH_MAX], path[PATH_MAX];
	struct dirent **entries;
	struct stat st;
	int count;

	lab_path(folder, "%s/snap", f->lab);
	count = scandir(folder, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		lab_path(path, "%s/%s/memory.ram", folder, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' && !stat(path, &st))
			list_snapshot(folder, entries[i]->d_name, (long long)st.st_blocks / 2048);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

int lab_cmd_ls(const struct lab_folders *f)
{
	each_run(f, list_run, NULL);
	list_snapshots(f);
	return 0;
}

struct search {
	const char *id; /* NULL: any */
	char folder[PATH_MAX];
	pid_t pid;
	int count;
};

static void find_run(const char *folder, const char *id, pid_t pid, void *data)
{
	struct search *s = data;

	if (!pid || (s->id && strcmp(s->id, id)))
		return;
	lab_path(s->folder, "%s", folder);
	s->pid = pid;
	s->count++;
}

int lab_cmd_down(const struct lab_folders *f, const char *id)
{
	struct search s = { .id = id };
	char path[PATH_MAX];
	struct lab_error err;

	each_run(f, find_run, &s);
	if (s.count != 1) {
		if (s.count)
			fprintf(stderr, "xo lab down: %d labs are running: name one of xo lab ls\n",
				s.count);
		else
			fprintf(stderr, "xo lab down: %s%s\n",
				id ? "no running lab is called " : "no lab is running",
				id ? id : "");
		return 1;
	}
	/* To be ended so is no failure of the run. */
	lab_path(path, "%s/" LAB_DOWN, s.folder);
	if (lab_write_file(path, "", 0, 0644, &err)) {
		fprintf(stderr, "xo lab down: %s\n", err.text);
		return 1;
	}
	if (kill(s.pid, SIGTERM)) {
		fprintf(stderr, "xo lab down: process %d: %s\n", s.pid, strerror(errno));
		return 1;
	}
	for (int i = 0; i < 100 && !kill(s.pid, 0); i++)
		usleep(100000);
	return 0;
}

static void remove_run(const char *folder, const char *id, pid_t pid, void *data)
{
	if (pid)
		return;
	lab_remove_tree(folder);
	printf("removed run %s\n", id);
}

bool lab_snapshot_remove(const char *folder, const char *name)
{
	char path[PATH_MAX];
	struct lab_error ignored;
	int lock, used = -1;
	bool idle = false;

	lab_path(path, "%s/.lock-%.*s", folder, LAB_HEX, name);
	lock = lab_lock(path, LOCK_EX | LOCK_NB, &ignored);
	lab_path(path, "%s/%s", folder, name);
	if (lock >= 0)
		used = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (used >= 0)
		idle = !flock(used, LOCK_EX | LOCK_NB);
	if (idle)
		lab_remove_tree(path);
	if (used >= 0)
		close(used);
	if (lock >= 0)
		close(lock);
	return idle;
}

int lab_cmd_clean(const struct lab_folders *f)
{
	struct dirent **entries;
	char folder[PATH_MAX];
	int count;

	each_run(f, remove_run, NULL);
	lab_path(folder, "%s/snap", f->lab);
	count = scandir(folder, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;

		if (name[0] != '.' && strlen(name) >= LAB_HEX) {
			if (lab_snapshot_remove(folder, name))
				printf("removed snapshot %.20s\n", name);
			else
				printf("a run uses snapshot %.20s: it stays\n", name);
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return 0;
}
