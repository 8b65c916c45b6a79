// SPDX-License-Identifier: GPL-2.0
/*
 * xo doctor: what the engine `vmfunc` needs. The processor is asked by its MSRs; where those cannot
 * be read, the module is. (The kernel's list in /proc/cpuinfo has no EPTP switching on any of them:
 * it reads the wrong half of that MSR.)
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "doctor.h"

#define MSR_PROCBASED_CTLS2 0x48b /* high half: controls that may be 1 */
#define MSR_EPT_VPID_CAP    0x48c
#define MSR_VMFUNC	    0x491

#define CTLS2_VMFUNC	    (1ULL << (32 + 13))
#define VMFUNC_EPTP_SWITCH  (1ULL << 0)
#define CAP_EXECUTE_ONLY    (1ULL << 0)
#define CAP_INVEPT	    (1ULL << 20)
#define CAP_INVEPT_GLOBAL   (1ULL << 26)

static bool read_msr(off_t number, unsigned long long *value)
{
	int fd = open("/dev/cpu/0/msr", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = pread(fd, value, sizeof(*value), number);
	close(fd);
	return n == (ssize_t)sizeof(*value);
}

/* What the module finds that the processor lacks; XO_REASON_VERSION: it cannot be asked. */
static unsigned int module_says(void)
{
	struct xo *x = xo_new();
	unsigned int reason = XO_REASON_VERSION;

	if (x && !xo_open(x, XO_SIDE_HOST, NULL))
		reason = xo_qualify(x, XO_HOST_NAME) < 0 ? xo_error_reason(x) : 0;
	xo_free(x);
	return reason;
}

/* The verdict without MSRs. The module names the first thing that is missing only. */
static bool by_module(struct finding *f, unsigned int lacks)
{
	unsigned int reason = module_says();

	if (reason == XO_REASON_VERSION)
		return xo_found(f, false,
				"not told: no /dev/cpu/0/msr, and the module does not say");
	return xo_found(f, reason != lacks, "%s",
			reason == lacks ? "the module does not find it"
			: reason	? "the module finds something else missing"
					: "the module finds it");
}

bool xo_has_vmfunc(struct finding *f)
{
	unsigned long long controls, functions = 0;

	if (!read_msr(MSR_PROCBASED_CTLS2, &controls))
		return by_module(f, XO_REASON_NO_VMFUNC);
	if (!(controls & CTLS2_VMFUNC))
		return xo_found(f, false, "no VMFUNC (MSR 0x48b is %#llx)", controls);
	read_msr(MSR_VMFUNC, &functions);
	return xo_found(f, functions & VMFUNC_EPTP_SWITCH, "MSR 0x491 is %#llx", functions);
}

bool xo_has_execute_only(struct finding *f)
{
	const unsigned long long all = CAP_EXECUTE_ONLY | CAP_INVEPT | CAP_INVEPT_GLOBAL;
	unsigned long long cap;

	if (!read_msr(MSR_EPT_VPID_CAP, &cap))
		return by_module(f, XO_REASON_NO_EXECUTE_ONLY);
	return xo_found(f, (cap & all) == all, "MSR 0x48c is %#llx", cap);
}

/*
 * An exit clears what the kernel's mitigations clear; VMFUNC does not. So a caller can try to read,
 * by speculation, what a service left in the processor.
 */
bool xo_keeps_secrets(struct finding *f)
{
	static const char *const flaws[] = { "l1tf", "mds" };
	char path[100], text[200] = "";
	size_t used = 0;
	bool ok = true;

	f->found[0] = '\0';
	for (size_t i = 0; i < sizeof(flaws) / sizeof(*flaws); i++) {
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/vulnerabilities/%s",
			 flaws[i]);
		if (!xo_first_line(path, text, sizeof(text)))
			snprintf(text, sizeof(text), "unknown");
		ok &= !strcmp(text, "Not affected");
		used += (size_t)snprintf(f->found + used, sizeof(f->found) - used, "%s%s: %s",
					 i ? ", " : "", flaws[i], text);
	}
	return ok;
}

/* Links with --kernel: the module knows what kept the last call from being a visit. */
static void judge_links(struct xo *x,
			void (*tell)(void *to, const char *name, bool ok, const char *found,
				     const char *remedy),
			void *to)
{
	char name[2 * XO_NAME_MAX + 20], text[512];
	struct xo_h_link_info l = { 0 };

	while (xo_next_link(x, &l) > 0) {
		if (!l.kernel)
			continue;
		snprintf(name, sizeof(name), "%s -> %s", l.caller, l.callee);
		xo_reason_text(l.by_exit, name, text, sizeof(text));
		strcat(name, " by visits");
		tell(to, name, !l.by_exit, l.by_exit ? text : "nothing is known to be in the way",
		     NULL);
	}
}

void xo_judge_vms(void (*tell)(void *to, const char *name, bool ok, const char *found,
			       const char *remedy),
		  void *to)
{
	struct xo *list = xo_new(), *x = xo_new();
	struct xo_h_vm_info vm = { 0 };
	char name[XO_NAME_MAX + 20];

	if (list && x && !xo_open(list, XO_SIDE_HOST, NULL) && !xo_open(x, XO_SIDE_HOST, NULL)) {
		while (xo_next_vm(list, &vm) > 0) {
			bool ok = xo_qualify(x, vm.name) == 0;

			snprintf(name, sizeof(name), "%s over vmfunc", vm.name);
			tell(to, name, ok, ok ? "may call" : xo_error(x), NULL);
		}
		judge_links(list, tell, to);
	}
	xo_free(x);
	xo_free(list);
}
