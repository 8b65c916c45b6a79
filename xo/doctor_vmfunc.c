// SPDX-License-Identifier: GPL-2.0
/*
 * xo doctor: what the engine `vmfunc` needs. The processor is asked by its MSRs; where those cannot
 * be read, by what the kernel lists in /proc/cpuinfo.
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

/* Does the kernel list that feature of VMX? */
static bool vmx_has(const char *word)
{
	char line[4096], padded[64];
	FILE *f = fopen("/proc/cpuinfo", "re");
	bool has = false, seen = false;

	if (!f)
		return false;
	snprintf(padded, sizeof(padded), " %s ", word);
	while (!seen && fgets(line, sizeof(line), f)) {
		seen = !strncmp(line, "vmx flags", 9);
		line[strcspn(line, "\n")] = ' ';
		has = seen && strstr(line, padded);
	}
	fclose(f);
	return has;
}

bool xo_has_vmfunc(struct finding *f)
{
	unsigned long long controls, functions = 0;

	if (!read_msr(MSR_PROCBASED_CTLS2, &controls))
		return xo_found(f, vmx_has("eptp_switching"), "by /proc/cpuinfo: %s",
				vmx_has("eptp_switching") ? "eptp_switching" : "no eptp_switching");
	if (!(controls & CTLS2_VMFUNC))
		return xo_found(f, false, "no VMFUNC (MSR 0x48b is %#llx)", controls);
	read_msr(MSR_VMFUNC, &functions);
	return xo_found(f, functions & VMFUNC_EPTP_SWITCH, "MSR 0x491 is %#llx", functions);
}

bool xo_has_execute_only(struct finding *f)
{
	unsigned long long cap;

	if (!read_msr(MSR_EPT_VPID_CAP, &cap))
		return xo_found(f, vmx_has("ept_x_only"), "by /proc/cpuinfo: %s",
				vmx_has("ept_x_only") ? "ept_x_only" : "no ept_x_only");
	return xo_found(f, cap & CAP_EXECUTE_ONLY, "MSR 0x48c is %#llx", cap);
}

bool xo_has_invept(struct finding *f)
{
	const unsigned long long both = CAP_INVEPT | CAP_INVEPT_GLOBAL;
	unsigned long long cap;

	if (!read_msr(MSR_EPT_VPID_CAP, &cap))
		return xo_found(f, true, "not told without /dev/cpu/0/msr; the module looks");
	return xo_found(f, (cap & both) == both, "MSR 0x48c is %#llx", cap);
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
	}
	xo_free(x);
	xo_free(list);
}
