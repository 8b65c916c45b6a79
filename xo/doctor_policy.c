// SPDX-License-Identifier: GPL-2.0
/* xo doctor, in a VM: the policy that decides who may make system calls here. */
#include <ctype.h>
#include <dirent.h>
#include <string.h>
#include <unistd.h>
#include "doctor.h"
#include "policy.h"

/* Does this word of a command line name the policy? Then where it stands, or "" if it is next. */
static const char *policy_word(const char *word)
{
	if (!strcmp(word, "--policy") || !strcmp(word, "-p"))
		return "";
	if (!strncmp(word, "--policy=", 9))
		return word + 9;
	return !strncmp(word, "-p", 2) ? word + 2 : NULL;
}

/* Is that process `xo serve`? Then the policy that it was told. */
static bool serves(const char *pid, char *policy, size_t size)
{
	char path[64], words[4096] = "", *end, *word = words;
	const char *name;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.20s/cmdline", pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	n = fread(words, 1, sizeof(words) - 1, f);
	fclose(f);
	end = words + n;
	name = strrchr(word, '/') ? strrchr(word, '/') + 1 : word;
	word += strlen(word) + 1;
	if (strcmp(name, "xo") || word >= end || strcmp(word, "serve"))
		return false;
	while ((word += strlen(word) + 1) < end) {
		name = policy_word(word);
		if (name && !*name && (word += strlen(word) + 1) < end)
			name = word;
		if (name && *name == '/')
			snprintf(policy, size, "%s", name);
		else if (name && *name)
			snprintf(policy, size, "/proc/%.20s/cwd/%s", pid, name);
	}
	return true;
}

/* Does any process serve? */
static bool is_served(char *policy, size_t size)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	bool found = false;

	while (!found && proc && (e = readdir(proc)))
		found = isdigit((unsigned char)e->d_name[0]) && serves(e->d_name, policy, size);
	if (proc)
		closedir(proc);
	return found;
}

/* Services have lists of their own; so without a file, and nobody to read it, all is well. */
bool xo_has_policy(struct finding *f)
{
	char file[1024] = XO_POLICY_FILE;
	bool served = is_served(file, sizeof(file));
	struct xo_policy *p;

	if (!served && access(file, F_OK))
		return xo_found(f, true,
				"none: so nobody may make system calls here (xo sh); services "
				"need none");
	p = xo_policy_load(file, f->found, sizeof(f->found));
	if (!p)
		return false;
	xo_policy_free(p);
	return xo_found(f, true, "%s%s", file, served ? "" : ", but no xo serve runs");
}
