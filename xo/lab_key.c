// SPDX-License-Identifier: GPL-2.0
/*
 * A snapshot's key: the SHA-256 of a text that names every input of the saved machine with its own
 * hash. Hashing a system image takes a second, so hashes are remembered by device, inode, size and
 * change time; a change time cannot be set back, so a changed file is never taken for the old one.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab.h"

#define BOCHS_SHA256 "5b8b1bbe782917bbe08c3511c0e74adb969b1ac86698ce823f396327689f3ebc"
#define MARK	     "crossover-machine: "
#define MAX_PLUGINS  256

/* What identifies a file's content without reading it. */
static int file_mark(const char *path, char *mark, size_t size, struct lab_error *err)
{
	struct stat st;

	if (stat(path, &st))
		return lab_error(err, "%s is missing (%s): run make", path, strerror(errno));
	snprintf(mark, size, "%llx.%llx.%llx.%llx.%lx.%llx.%lx", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino, (unsigned long long)st.st_size,
		 (unsigned long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
		 (unsigned long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	return 0;
}

static int sha256(const char *path, char hex[LAB_HEX + 1], struct lab_error *err)
{
	char *argv[] = { "sha256sum", "--", (char *)path, NULL };
	char *output = NULL;

	if (lab_execute(argv, NULL, &output, err))
		return -1;
	/* A name with a backslash in it is marked by one at the start of the line. */
	snprintf(hex, LAB_HEX + 1, "%s", output + (output[0] == '\\'));
	free(output);
	if (strspn(hex, "0123456789abcdef") != LAB_HEX)
		return lab_error(err, "sha256sum printed no hash for %s", path);
	return 0;
}

/* build/lab/hash/MARK holds the hash of the file with that mark. */
static int cached_sha256(const struct lab_folders *f, const char *path, char hex[LAB_HEX + 1],
			 struct lab_error *err)
{
	char mark[160], again[160], cache[PATH_MAX], temporary[PATH_MAX], *text;
	struct lab_error ignored;
	size_t size = 0;

	if (file_mark(path, mark, sizeof(mark), err))
		return -1;
	lab_path(cache, "%s/hash/%s", f->lab, mark);
	text = lab_read_file(cache, &size, &ignored);
	if (text && size == LAB_HEX) {
		memcpy(hex, text, LAB_HEX + 1);
		free(text);
		return 0;
	}
	free(text);
	if (sha256(path, hex, err) || file_mark(path, again, sizeof(again), err))
		return -1;
	if (strcmp(mark, again))
		return lab_error(err, "%s changes while it is read: wait until make is done", path);
	lab_path(temporary, "%s/hash/.new-%d", f->lab, getpid());
	if (lab_write_file(temporary, hex, LAB_HEX, 0644, err))
		return -1;
	return rename(temporary, cache) ? lab_error(err, "%s: %s", cache, strerror(errno)) : 0;
}

static int make_cache(const struct lab_folders *f, struct lab_error *err)
{
	char path[PATH_MAX];

	lab_path(path, "%s/hash", f->lab);
	return lab_make_folders(path, err);
}

static int add_hash(const struct lab_folders *f, FILE *to, const char *label, const char *path,
		    struct lab_error *err)
{
	char hex[LAB_HEX + 1];

	if (cached_sha256(f, path, hex, err))
		return -1;
	fprintf(to, "%s %s\n", label, hex);
	return 0;
}

static int is_plugin(const struct dirent *entry)
{
	return !strncmp(entry->d_name, "libbx_", 6);
}

static int add_plugins(const struct lab_folders *f, FILE *to, struct lab_error *err)
{
	char folder[PATH_MAX], path[PATH_MAX];
	struct dirent **entries;
	int count, result = 0;

	lab_path(folder, "%s/tools/usr/lib/x86_64-linux-gnu/bochs/plugins", f->build);
	count = scandir(folder, &entries, is_plugin, alphasort);
	if (count <= 0)
		return lab_error(err, "%s has no plugins of Bochs: run make", folder);
	for (int i = 0; i < count; i++) {
		/* The links to a plugin add nothing to its content. */
		if (!result && entries[i]->d_type == DT_REG) {
			lab_path(path, "%s/%s", folder, entries[i]->d_name);
			result = add_hash(f, to, entries[i]->d_name, path, err);
		}
		free(entries[i]);
	}
	free(entries);
	return result;
}

/* The text in the preloaded object that says what a snapshot depends on there (ucode/main.c). */
static int add_ucode(const struct lab_folders *f, FILE *to, struct lab_error *err)
{
	char path[PATH_MAX], *object, *mark;
	size_t size;

	lab_path(path, "%s/lib/crossover-ucode.so", f->build);
	object = lab_read_file(path, &size, err);
	if (!object)
		return -1;
	mark = memmem(object, size, MARK, strlen(MARK));
	if (mark)
		fprintf(to, "ucode %s\n", mark + strlen(MARK));
	free(object);
	return mark ? 0 : lab_error(err, "%s does not say '%s': run make", path, MARK);
}

int lab_check_bochs(const struct lab_folders *f, struct lab_error *err)
{
	char path[PATH_MAX], hex[LAB_HEX + 1];

	lab_path(path, "%s/tools/usr/bin/bochs-bin", f->build);
	if (make_cache(f, err) || cached_sha256(f, path, hex, err))
		return -1;
	if (strcmp(hex, BOCHS_SHA256))
		return lab_error(err,
				 "%s is not the file of Debian's package bochs 2.7+dfsg-4+deb12u1: "
				 "its SHA-256 is %s, not " BOCHS_SHA256,
				 path, hex);
	return 0;
}

static int write_inputs(const struct lab_folders *f, const struct lab_options *o, FILE *to,
			struct lab_error *err)
{
	static const char *const files[][2] = {
		{ "bochs", "/tools/usr/bin/bochs-bin" },
		{ "bios", "/tools/usr/share/bochs/BIOS-bochs-latest" },
		{ "vgabios", "/tools/usr/share/bochs/VGABIOS-lgpl-latest" },
	};
	char path[PATH_MAX], text[4096];

	lab_system_path(f, o, path);
	if (add_hash(f, to, "system", path, err))
		return -1;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		lab_path(path, "%s%s", f->build, files[i][1]);
		if (add_hash(f, to, files[i][0], path, err))
			return -1;
	}
	if (add_plugins(f, to, err) || add_ucode(f, to, err))
		return -1;
	if (o->kernel[0])
		fprintf(to, "host-kernel %s\n", o->kernel);
	if (o->host_memory != LAB_HOST_MEMORY)
		fprintf(to, "host-memory %u\n", o->host_memory);
	lab_shape_text(o, text, sizeof(text));
	fprintf(to, "vms:\n%s", text);
	lab_bochs_config(o, text, sizeof(text));
	fprintf(to, "machine:\n%s", text);
	return 0;
}

int lab_key_make(const struct lab_folders *f, const struct lab_options *o, struct lab_key *key,
		 struct lab_error *err)
{
	char path[PATH_MAX];
	size_t size;
	FILE *to;
	int result;

	if (make_cache(f, err))
		return -1;
	to = open_memstream(&key->inputs, &size);
	if (!to)
		return lab_error(err, "no memory");
	result = write_inputs(f, o, to, err);
	if (fclose(to) || result)
		return -1;
	lab_path(path, "%s/inputs", f->run);
	if (lab_write_file(path, key->inputs, size, 0644, err))
		return -1;
	return sha256(path, key->name, err);
}
