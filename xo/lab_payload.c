// SPDX-License-Identifier: GPL-2.0
/*
 * The payload: a second disk, made for each run, with all that changes from run to run: the
 * programs and modules in build/payload, the script, the files to put. It is an erofs image of
 * fixed size, because the size of a disk is part of the saved machine.
 *
 * The agent finds below .lab: script and args (each argument ended by a NUL), put/N (the files),
 * host and vm-NAME (shell scripts that copy them to their places).
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab.h"

static int copy(const char *how, const char *from, const char *to, struct lab_error *err)
{
	char *argv[] = { "cp", (char *)how, "-T", "--", (char *)from, (char *)to, NULL };

	return lab_execute(argv, NULL, NULL, err);
}

/* Hard links: nothing is copied, and a file being replaced by make stays whole. */
static int stage_tree(const struct lab_folders *f, const char *stage, struct lab_error *err)
{
	char tree[PATH_MAX];

	lab_path(tree, "%s/payload", f->build);
	if (access(tree, F_OK))
		return lab_make_folders(stage, err);
	return copy("-al", tree, stage, err);
}

/* Modules for the host's own kernel, in place of those of the same name for the VMs'. */
static int stage_modules(const struct lab_folders *f, const struct lab_options *o,
			 const char *stage, struct lab_error *err)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct dirent *entry;
	DIR *folder;
	int result;

	if (!o->kernel[0])
		return 0;
	lab_path(to, "%s/ko", stage);
	lab_path(from, "%s/%s/ko", f->build, o->kernel);
	folder = opendir(from);
	if (!folder)
		return lab_error(err,
				 "there are no modules for the host kernel %s in %s: run make "
				 "lab-kernel-%s",
				 o->kernel, from, o->kernel);
	result = lab_make_folders(to, err);
	while (!result && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		lab_path(from, "%s/%s/ko/%s", f->build, o->kernel, entry->d_name);
		lab_path(to, "%s/ko/%s", stage, entry->d_name);
		/* A hard link of the payload's: not its contents are replaced, but the name. */
		unlink(to);
		result = copy("-a", from, to, err);
	}
	closedir(folder);
	return result;
}

static int stage_script(const struct lab_options *o, const char *job, struct lab_error *err)
{
	char path[PATH_MAX], *text;
	size_t size;
	FILE *args;
	int result;

	if (!o->script)
		return 0;
	text = lab_read_file(o->script, &size, err);
	if (!text)
		return -1;
	lab_path(path, "%s/script", job);
	result = lab_write_file(path, text, size, 0755, err);
	free(text);
	if (result)
		return -1;
	lab_path(path, "%s/args", job);
	args = fopen(path, "wbe");
	for (char **a = o->args; args && *a; a++)
		fwrite(*a, 1, strlen(*a) + 1, args);
	if (!args || ferror(args) || fclose(args))
		return lab_error(err, "%s cannot be written: %s", path, strerror(errno));
	return 0;
}

/* 'text' as one word for a shell. */
static void quote(FILE *to, const char *text)
{
	fputc('\'', to);
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", to);
		else
			fputc(*text, to);
	}
	fputc('\'', to);
}

static int stage_put(const char *job, const struct lab_put *put, unsigned int number,
		     struct lab_error *err)
{
	char path[PATH_MAX];
	FILE *to;

	lab_path(path, "%s/put", job);
	if (lab_make_folders(path, err))
		return -1;
	lab_path(path, "%s/put/%u", job, number);
	if (copy("-aL", put->local, path, err))
		return -1;
	lab_path(path, "%s/%s%s", job, put->vm[0] ? "vm-" : "host", put->vm);
	to = fopen(path, "ae");
	if (!to)
		return lab_error(err, "%s cannot be written: %s", path, strerror(errno));
	fputs("p=", to);
	quote(to, put->path);
	fprintf(to,
		"; mkdir -p -- \"$(dirname -- \"$p\")\" && "
		"cp -aT -- /opt/crossover/.lab/put/%u \"$p\" || exit\n",
		number);
	return fclose(to) ? lab_error(err, "%s: %s", path, strerror(errno)) : 0;
}

static int make_image(const struct lab_folders *f, const char *stage, struct lab_error *err)
{
	char image[PATH_MAX], program[PATH_MAX], tools[PATH_MAX];
	char *argv[] = { program, "--quiet", "--all-root", "-x-1", image, (char *)stage, NULL };
	struct stat st;

	lab_path(tools, "%s/tools", f->build);
	lab_path(program, "%s/usr/bin/mkfs.erofs", tools);
	if (access(program, X_OK))
		lab_path(program, "mkfs.erofs");
	lab_path(image, "%s/payload.img", f->run);
	if (lab_execute(argv, tools, NULL, err))
		return -1;
	if (stat(image, &st))
		return lab_error(err, "%s: %s", image, strerror(errno));
	if (st.st_size > LAB_PAYLOAD_BYTES)
		return lab_error(err,
				 "the payload has %lld MiB, more than the %lld of its disk: put "
				 "less, or remove what is not needed from %s/payload",
				 (long long)st.st_size >> 20, LAB_PAYLOAD_BYTES >> 20, f->build);
	if (truncate(image, LAB_PAYLOAD_BYTES))
		return lab_error(err, "%s: %s", image, strerror(errno));
	return 0;
}

int lab_payload_make(const struct lab_folders *f, const struct lab_options *o,
		     struct lab_error *err)
{
	char stage[PATH_MAX], job[PATH_MAX];
	int result;

	lab_path(stage, "%s/stage", f->run);
	lab_path(job, "%s/.lab", stage);
	if (stage_tree(f, stage, err) || stage_modules(f, o, stage, err) ||
	    lab_make_folders(job, err) || stage_script(o, job, err))
		return -1;
	for (unsigned int i = 0; i < o->put_count; i++) {
		if (stage_put(job, &o->puts[i], i, err))
			return -1;
	}
	result = make_image(f, stage, err);
	lab_remove_tree(stage);
	return result;
}
