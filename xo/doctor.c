// SPDX-License-Identifier: GPL-2.0
/* xo doctor: one list of conditions for each side, each with what was found and what to do. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "btf.h"
#include "common.h"
#include "doctor.h"
#include "json.h"

static const char help[] =
	"usage: xo doctor [--host | --guest] [--json]\n\n"
	"Checks what CrossOver needs on this machine, and says what to do where something is\n"
	"missing. Without an option it finds out whether this is a host or a VM. What only the\n"
	"engines ring and vmfunc need is told with 'no'. Exit status 0: all is well, 1: something "
	"is "
	"missing.\n";

bool xo_found(struct finding *f, bool ok, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->found, sizeof(f->found), fmt, ap);
	va_end(ap);
	return ok;
}

bool xo_first_line(const char *path, char *text, int size)
{
	FILE *f = fopen(path, "re");
	bool ok;

	if (!f)
		return false;
	ok = fgets(text, size, f) != NULL;
	fclose(f);
	if (ok)
		text[strcspn(text, "\n")] = '\0';
	return ok;
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* Does the first processor have the flag? */
static bool cpu_has(const char *word)
{
	char line[4096], padded[64];
	FILE *f = fopen("/proc/cpuinfo", "re");
	bool has = false;

	if (!f)
		return false;
	snprintf(padded, sizeof(padded), " %s ", word);
	while (!has && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "flags", 5))
			continue;
		line[strcspn(line, "\n")] = ' ';
		has = strstr(line, padded) != NULL;
		break;
	}
	fclose(f);
	return has;
}

/* ------------------------------------------------------------------ both sides */

static bool is_root(struct finding *f)
{
	return xo_found(f, geteuid() == 0, "user %d", (int)geteuid());
}

static bool has_device(struct finding *f)
{
	struct stat st;

	if (stat(XO_DEVICE, &st) < 0)
		return xo_found(f, false, "%s", strerror(errno));
	if (!S_ISCHR(st.st_mode))
		return xo_found(f, false, "it is no device");
	return xo_found(f, (st.st_mode & 077) == 0, "mode %03o", st.st_mode & 0777);
}

static bool revision_of(struct finding *f, enum xo_side side)
{
	struct xo *x = xo_new();
	bool ok;

	if (!x)
		return xo_found(f, false, "no memory");
	ok = xo_open(x, side, NULL) == 0;
	if (ok)
		xo_found(f, true, "%u", xo_revision());
	else
		xo_found(f, false, "%s", xo_error(x));
	xo_free(x);
	return ok;
}

/* ------------------------------------------------------------------ the host */

static bool has_cpu_to_burn(struct finding *f)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return xo_found(f, cpus > 1, "%ld CPU%s", cpus, cpus == 1 ? "" : "s");
}

static bool has_vmx(struct finding *f)
{
	bool vmx = cpu_has("vmx");

	return xo_found(f, vmx, vmx ? "vmx" : cpu_has("svm") ? "an AMD processor" : "no vmx");
}

static bool has_kvm(struct finding *f)
{
	if (!exists("/sys/module/kvm_intel"))
		return xo_found(f, false, "kvm_intel is not loaded");
	return xo_found(f, exists("/dev/kvm"), "%s", exists("/dev/kvm") ? "loaded" : "no /dev/kvm");
}

static bool kernel_is_known(struct finding *f)
{
	struct utsname u;

	if (uname(&u))
		return xo_found(f, false, "%s", strerror(errno));
	return xo_found(f, !strncmp(u.release, "6.1.", 4) || !strncmp(u.release, "6.12.", 5), "%s",
			u.release);
}

static bool has_ftrace(struct finding *f)
{
	char text[16];

	if (!xo_first_line("/proc/sys/kernel/ftrace_enabled", text, sizeof(text)))
		return xo_found(f, false, "this kernel has none");
	return xo_found(f, !strcmp(text, "1"), "ftrace_enabled=%s", text);
}

/* The functions of KVM that crossover.ko hooks or calls by name (host/compat.h). */
static const struct {
	const char *name, *signature;
} used[] = {
	{ "kvm_load_host_xsave_state", "void (struct kvm_vcpu *)" },
	{ "kvm_load_guest_xsave_state", "void (struct kvm_vcpu *)" },
	{ "kvm_apic_send_ipi", "void (struct kvm_lapic *, u32, u32)" },
};

static bool signatures_hold(struct finding *f)
{
	struct xo_btf *b = xo_btf_open("kvm");
	char text[256];
	bool ok = true;
	int err;

	if (!b)
		return xo_found(f, false, "/sys/kernel/btf/kvm: %s", strerror(errno));
	for (size_t i = 0; ok && i < sizeof(used) / sizeof(*used); i++) {
		err = xo_btf_signature(b, used[i].name, text, sizeof(text));
		ok = !err && !strcmp(text, used[i].signature);
		xo_found(f, ok, "%s: %s", used[i].name, err ? strerror(-err) : text);
	}
	if (ok)
		xo_found(f, true, "%zu functions as expected", sizeof(used) / sizeof(*used));
	xo_btf_close(b);
	return ok;
}

static bool has_host_module(struct finding *f)
{
	bool ok = exists("/sys/module/crossover");

	return xo_found(f, ok, ok ? "loaded" : "not loaded");
}

static bool host_revision(struct finding *f)
{
	return revision_of(f, XO_SIDE_HOST);
}

static bool built_for_this(struct finding *f)
{
	struct xo *x = xo_new();
	struct xo_h_version v;
	struct utsname u;
	bool ok = false;

	if (!x || uname(&u) || xo_open(x, XO_SIDE_HOST, NULL) || xo_host_version(x, &v))
		xo_found(f, false, "%s", x ? xo_error(x) : "no memory");
	else
		ok = xo_found(f, !strcmp(v.build, u.release), "%s", v.build);
	xo_free(x);
	return ok;
}

static const struct condition host_list[] = {
	{ "root", is_root, "run xo as root", NEEDED },
	{ "Intel VMX", has_vmx, "use an Intel processor, with VMX switched on in its firmware",
	  NEEDED },
	{ "KVM", has_kvm, "run: modprobe kvm_intel", NEEDED },
	{ "kernel", kernel_is_known,
	  "boot a 6.1 or 6.12 kernel: others are not known to crossover.ko", NEEDED },
	{ "ftrace", has_ftrace, "run: sysctl kernel.ftrace_enabled=1", NEEDED },
	{ "KVM signatures", signatures_hold,
	  "load kvm (its BTF must be readable), and use the kernel that crossover.ko is for",
	  NEEDED },
	{ "host module", has_host_module,
	  "run: insmod /opt/crossover/ko/crossover.ko (in the lab), modprobe crossover (elsewhere, "
	  "once installed)",
	  GATE },
	{ "/dev/crossover", has_device, "reload crossover.ko; the mode must be 600", NEEDED },
	{ "revision", host_revision, "install xo and crossover.ko of one build, reload", GATE },
	{ "module's kernel", built_for_this, "build crossover.ko for the running kernel", NEEDED },
	{ "a CPU to burn", has_cpu_to_burn,
	  "engine ring needs two: calls of links with it go by exit meanwhile", OPTIONAL },
	{ "VMFUNC", xo_has_vmfunc, "engine vmfunc needs Haswell or later; use --engine exit",
	  OPTIONAL },
	{ "execute-only pages, INVEPT", xo_has_execute_only,
	  "engine vmfunc needs them; use --engine exit", OPTIONAL },
	{ "no leaks by speculation", xo_keeps_secrets,
	  "over vmfunc a caller could read what a service left in the processor's caches and "
	  "buffers: link only VMs that trust each other that far with --engine vmfunc",
	  OPTIONAL },
};

/* ------------------------------------------------------------------ a VM */

static bool has_guest_module(struct finding *f)
{
	bool ok = exists("/sys/module/crossover_guest");

	return xo_found(f, ok, ok ? "loaded" : "not loaded");
}

static bool guest_revision(struct finding *f)
{
	return revision_of(f, XO_SIDE_GUEST);
}

/* Open the device and ask; false after telling why not. */
static struct xo *ask_guest(struct finding *f, struct xo_g_version *v)
{
	struct xo *x = xo_new();

	if (x && !xo_open(x, XO_SIDE_GUEST, NULL) && !xo_guest_version(x, v))
		return x;
	xo_found(f, false, "%s", x ? xo_error(x) : "no memory");
	xo_free(x);
	return NULL;
}

static bool host_agrees(struct finding *f)
{
	struct xo_g_version v;
	struct xo *x = ask_guest(f, &v);

	xo_free(x);
	if (!x)
		return false;
	if (!v.host_revision)
		return xo_found(f, false, "the host does not answer");
	return xo_found(f, v.host_revision == xo_revision(), "%u", v.host_revision);
}

static bool is_enrolled(struct finding *f)
{
	struct xo_g_version v;
	struct xo *x = ask_guest(f, &v);

	xo_free(x);
	if (!x)
		return false;
	if (!v.wid)
		return xo_found(f, false, "no");
	return xo_found(f, true, "as %s, world %llu", v.name, (unsigned long long)v.wid);
}

static bool has_links(struct finding *f)
{
	struct xo_g_link_info l = { 0 };
	unsigned int all = 0, up = 0;
	struct xo_g_version v;
	struct xo *x = ask_guest(f, &v);

	if (!x)
		return false;
	while (xo_next_guest_link(x, &l) > 0) {
		all++;
		up += l.peer_wid != 0;
	}
	xo_free(x);
	return xo_found(f, all && up == all, "%u, %u with the peer's module up", all, up);
}

/* Only a callee needs one, and only for system calls. */
static bool has_policy(struct finding *f)
{
	struct xo_g_link_info l = { 0 };
	struct xo_g_version v;
	struct xo *x = ask_guest(f, &v);
	bool callee = false;

	if (!x)
		return false;
	while (!callee && xo_next_guest_link(x, &l) > 0)
		callee = l.role == XO_ROLE_CALLEE;
	xo_free(x);
	if (!callee)
		return xo_found(f, true, "not needed, nobody may call into this VM");
	return xo_has_policy(f);
}

static const struct condition guest_list[] = {
	{ "root", is_root, "run xo as root", NEEDED },
	{ "guest module", has_guest_module,
	  "run: insmod /opt/crossover/ko/crossover_guest.ko (in the lab), modprobe crossover_guest "
	  "(elsewhere, once installed)",
	  GATE },
	{ "/dev/crossover", has_device, "reload crossover_guest.ko; the mode must be 600", NEEDED },
	{ "revision", guest_revision, "install xo and crossover_guest.ko of one build, reload",
	  GATE },
	{ "host's revision", host_agrees,
	  "load crossover.ko in the host, of the same build, and enrol this VM there", NEEDED },
	{ "enrolled", is_enrolled,
	  "on the host, run: xo enrol NAME (NAME: of this VM, as `xo vm ls` shows it there)",
	  NEEDED },
	{ "links", has_links,
	  "on the host, run: xo link CALLER CALLEE; load crossover_guest.ko in both VMs", NEEDED },
	{ "policy", has_policy, "write it anew (crossover-policy(5)), then run: xo serve --check",
	  NEEDED },
};

/* ------------------------------------------------------------------ the command */

/* Where the lines of the report go. */
struct report {
	struct xo_table table;
	json_object *out;
};

static void line(struct report *r, const char *name, bool ok, const char *word, const char *found,
		 const char *remedy)
{
	json_object *o = xo_json_add(r->out);

	xo_cell(&r->table, "%s", name);
	xo_cell(&r->table, "%s", word);
	if (remedy)
		xo_cell(&r->table, "%s; %s", found, remedy);
	else
		xo_cell(&r->table, "%s", found);
	xo_json_string(o, "name", name);
	xo_json_bool(o, "ok", ok);
	xo_json_string(o, "found", found);
	if (remedy)
		xo_json_string(o, "remedy", remedy);
}

/* `after` names the missing gate before it, if there is one. */
static bool examine_one(const struct condition *c, const char *after, struct report *r)
{
	struct finding f = { "" };
	bool ok = !after && c->holds(&f);

	if (after)
		xo_found(&f, false, "not checked: needs '%s'", after);
	line(r, c->name, ok,
	     ok			     ? "ok"
	     : after		     ? "-"
	     : c->weight == OPTIONAL ? "no"
				     : "MISSING",
	     f.found, ok || after ? NULL : c->remedy);
	return ok;
}

static void vm_line(void *to, const char *name, bool ok, const char *found, const char *remedy)
{
	line(to, name, ok, ok ? "ok" : "no", found, remedy);
}

static int examine(const struct condition *list, size_t count, json_object *root)
{
	struct report r = { .table = { .align = "lll", .columns = 3 },
			    .out = xo_json_array(root, "conditions") };
	const char *after = NULL;
	int status = XO_OK;

	xo_row(&r.table, "CONDITION", "RESULT", "FOUND");
	for (size_t i = 0; i < count; i++) {
		if (examine_one(&list[i], after, &r) || list[i].weight == OPTIONAL)
			continue;
		status = XO_REFUSED;
		if (list[i].weight == GATE && !after)
			after = list[i].name;
	}
	if (list == host_list && !after)
		xo_judge_vms(vm_line, &r);
	xo_table_finish(&r.table, !root, "");
	xo_json_print(root);
	return status;
}

/* With neither module loaded: a machine that is no VM, or a VM that runs VMs, is a host. */
static bool looks_like_host(void)
{
	if (exists("/sys/module/crossover_guest"))
		return false;
	return exists("/sys/module/crossover") || !cpu_has("hypervisor") || exists("/dev/kvm");
}

int xo_cmd_doctor(int argc, char **argv)
{
	static const struct option options[] = { { "host", no_argument, NULL, 'H' },
						 { "guest", no_argument, NULL, 'G' },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	json_object *root = NULL;
	bool as_json = false;
	int side = 0, status, c;

	while ((c = xo_option(argc, argv, ":HGjh", options, help, &status)) >= 0) {
		if (c == 'j')
			as_json = true;
		else if (side && side != c)
			return xo_bad_usage(argv[0], "it is --host or --guest, not both");
		else
			side = c;
	}
	if (c == -2 || !xo_words(argc, argv, 0, "no words", &status))
		return status;
	if (!side)
		side = looks_like_host() ? 'H' : 'G';
	if (as_json)
		root = xo_json_new();
	xo_json_string(root, "side", side == 'H' ? "host" : "guest");
	if (!root)
		printf("%s\n\n",
		       side == 'H' ? "this is checked as a host" : "this is checked as a VM");
	return side == 'H' ? examine(host_list, sizeof(host_list) / sizeof(*host_list), root)
			   : examine(guest_list, sizeof(guest_list) / sizeof(*guest_list), root);
}
