// SPDX-License-Identifier: GPL-2.0
/* Starting Bochs, cold or from a snapshot, and keeping a snapshot that a cold start made. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lab/channel.h"
#include "lab.h"

#define KEPT_SNAPSHOTS 6

/* RUN/state: the snapshot's files by name, and this run's configuration in place of the saved one.
 */
static int make_state(const struct lab_folders *f, const char *snapshot, const char *config,
		      struct lab_error *err)
{
	char path[PATH_MAX], target[PATH_MAX];
	struct dirent *entry;
	DIR *folder = opendir(snapshot);
	int result = 0;

	if (!folder)
		return lab_error(err, "the snapshot %s cannot be read: %s", snapshot,
				 strerror(errno));
	lab_path(path, "%s/state", f->run);
	if (mkdir(path, 0755))
		result = lab_error(err, "%s: %s", path, strerror(errno));
	while (!result && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "config"))
			continue;
		lab_path(target, "%s/%s", snapshot, entry->d_name);
		lab_path(path, "%s/state/%s", f->run, entry->d_name);
		if (symlink(target, path))
			result = lab_error(err, "%s: %s", path, strerror(errno));
	}
	closedir(folder);
	lab_path(path, "%s/state/config", f->run);
	return result ? result : lab_write_file(path, config, strlen(config), 0644, err);
}

static int make_files(const struct lab_folders *f, const struct lab_options *o,
		      const struct lab_machine *m, struct lab_error *err)
{
	char path[PATH_MAX], target[PATH_MAX], config[4096];

	lab_bochs_config(o, config, sizeof(config));
	lab_path(path, "%s/bochsrc", f->run);
	if (lab_write_file(path, config, strlen(config), 0644, err))
		return -1;
	lab_path(path, "%s/go.rc", f->run); /* Debian's Bochs waits for its debugger's "c" */
	if (lab_write_file(path, "c\n", 2, 0644, err))
		return -1;
	/* Bochs puts a lock file beside a disk image: beside this link, not beside the image. */
	lab_system_path(f, o, target);
	lab_path(path, "%s/system.img", f->run);
	if (symlink(target, path))
		return lab_error(err, "%s: %s", path, strerror(errno));
	return m->resumed ? make_state(f, m->snapshot, config, err) : 0;
}

static void bochs_child(const struct lab_folders *f, const struct lab_options *o,
			const struct lab_machine *m, int sock, pid_t parent)
{
	char program[PATH_MAX], text[PATH_MAX], shape[4096];
	char *cold[] = { program, "-q", "-f", "bochsrc", "-rc", "go.rc", NULL };
	char *resume[] = { program, "-q", "-r", "state", "-rc", "go.rc", NULL };
	int in = open("/dev/null", O_RDONLY), out;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || chdir(f->run))
		_exit(126);
	out = open("bochs.out", O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(126);
	setpgid(0, 0); /* Ctrl-C is for xo alone */
	lab_path(text, "%s/tools", f->build);
	lab_path(program, "%s/usr/bin/bochs-bin", text);
	lab_tools_environment(text);
	lab_path(text, "%s/lib/crossover-ucode.so", f->build);
	setenv("LD_PRELOAD", text, 1);
	snprintf(text, sizeof(text), "%d", dup(sock));
	setenv(LAB_ENV_SOCKET, text, 1);
	lab_shape_text(o, shape, sizeof(shape));
	setenv(LAB_ENV_SHAPE, shape, 1);
	if (o->tlb_model)
		setenv(LAB_ENV_TLB, "1", 1);
	else
		unsetenv(LAB_ENV_TLB);
	if (m->snapshot_new[0])
		setenv(LAB_ENV_SAVE, m->snapshot_new, 1);
	execv(program, m->resumed ? resume : cold);
	dprintf(2, "%s: %s\n", program, strerror(errno));
	_exit(127);
}

/* The lock on the file decides who comes first; this one says that it is in use. */
static int use_snapshot(struct lab_machine *m, struct lab_error *err)
{
	m->snapshot_used = open(m->snapshot, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->snapshot_used < 0 || flock(m->snapshot_used, LOCK_SH))
		return lab_error(err, "the snapshot %s cannot be used: %s", m->snapshot,
				 strerror(errno));
	return 0;
}

/*
 * One run makes a snapshot while the others that want the same wait for it. Whoever resumes holds
 * the lock shared until the machine runs, and the folder of the snapshot until the machine ends, so
 * that neither xo lab clean nor prune() pulls it away.
 */
static int choose_snapshot(const struct lab_folders *f, const struct lab_key *key,
			   struct lab_machine *m, struct lab_error *err)
{
	char folder[PATH_MAX], path[PATH_MAX];

	lab_path(folder, "%s/snap", f->lab);
	lab_path(m->snapshot, "%s/%s", folder, key->name);
	lab_path(path, "%s/.lock-%s", folder, key->name);
	if (lab_make_folders(folder, err))
		return -1;
	m->snapshot_lock = lab_lock(path, LOCK_SH | LOCK_NB, err);
	if (m->snapshot_lock < 0) {
		lab_say("another run is making the snapshot of this machine; waiting for it");
		m->snapshot_lock = lab_lock(path, LOCK_SH, err);
	}
	if (m->snapshot_lock < 0)
		return -1;
	/* The time of last use, by which prune() chooses. */
	m->resumed = !utimensat(AT_FDCWD, m->snapshot, NULL, 0);
	if (m->resumed)
		return use_snapshot(m, err);
	/* Of several that come here only one makes it; for the others it is there afterwards. */
	while (flock(m->snapshot_lock, LOCK_EX) && errno == EINTR)
		;
	m->resumed = !access(m->snapshot, F_OK);
	if (m->resumed)
		return flock(m->snapshot_lock, LOCK_SH) || use_snapshot(m, err) ? -1 : 0;
	lab_path(m->snapshot_new, "%s/%s.new", folder, key->name);
	lab_remove_tree(m->snapshot_new);
	return lab_make_folders(m->snapshot_new, err);
}

int lab_machine_start(const struct lab_folders *f, const struct lab_options *o,
		      const struct lab_key *key, struct lab_machine *m, struct lab_error *err)
{
	pid_t parent = getpid();
	int pair[2];

	memset(m, 0, sizeof(*m));
	m->sock = m->snapshot_lock = m->snapshot_used = -1;
	if (!o->cold && choose_snapshot(f, key, m, err))
		return -1;
	if (make_files(f, o, m, err))
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return lab_error(err, "no socket for Bochs: %s", strerror(errno));
	m->pid = fork();
	if (m->pid < 0)
		return lab_error(err, "Bochs cannot be started: %s", strerror(errno));
	if (!m->pid)
		bochs_child(f, o, m, pair[1], parent);
	close(pair[1]);
	m->sock = pair[0];
	return 0;
}

static int is_snapshot(const struct dirent *entry)
{
	return strlen(entry->d_name) == LAB_HEX;
}

/* Remove the snapshot that was unused for longest, when there are too many. */
static void prune(const struct lab_machine *m)
{
	char folder[PATH_MAX], path[PATH_MAX], oldest[PATH_MAX] = "";
	struct timespec oldest_time = { 0 };
	struct dirent **entries;
	struct stat st;
	int count;

	lab_path(folder, "%s", m->snapshot);
	*strrchr(folder, '/') = 0;
	count = scandir(folder, &entries, is_snapshot, alphasort);
	for (int i = 0; i < count; i++) {
		lab_path(path, "%s/%s", folder, entries[i]->d_name);
		if (!stat(path, &st) && strcmp(path, m->snapshot) &&
		    (!oldest[0] || st.st_mtim.tv_sec < oldest_time.tv_sec)) {
			oldest_time = st.st_mtim;
			lab_path(oldest, "%s", path);
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	if (count > KEPT_SNAPSHOTS && oldest[0])
		lab_snapshot_remove(folder, strrchr(oldest, '/') + 1);
}

int lab_snapshot_keep(struct lab_machine *m, const struct lab_key *key, struct lab_error *err)
{
	char path[PATH_MAX];

	lab_path(path, "%s/inputs", m->snapshot_new);
	if (lab_write_file(path, key->inputs, strlen(key->inputs), 0644, err))
		return -1;
	if (rename(m->snapshot_new, m->snapshot))
		return lab_error(err, "the snapshot %s cannot be kept: %s", m->snapshot,
				 strerror(errno));
	m->snapshot_new[0] = 0;
	if (use_snapshot(m, err))
		return -1;
	close(m->snapshot_lock);
	m->snapshot_lock = -1;
	prune(m);
	return 0;
}

void lab_machine_stop(struct lab_machine *m)
{
	if (m->pid > 0) {
		struct rusage used = { 0 };

		kill(m->pid, SIGKILL);
		while (wait4(m->pid, NULL, 0, &used) < 0 && errno == EINTR)
			;
		lab_say("lab ended; Bochs used %.1f s of CPU time",
			(double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
				(double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
	}
	m->pid = 0;
	if (m->snapshot_new[0])
		lab_remove_tree(m->snapshot_new);
	if (m->sock >= 0)
		close(m->sock);
	if (m->snapshot_lock >= 0)
		close(m->snapshot_lock);
	if (m->snapshot_used >= 0)
		close(m->snapshot_used);
	m->sock = m->snapshot_lock = m->snapshot_used = -1;
}
