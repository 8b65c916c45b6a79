// SPDX-License-Identifier: GPL-2.0
/* What VM exits are called. */
#include "count.h"

/* Basic exit reasons (SDM vol. 3, appendix C), and who causes those that come by themselves. */
static const char *const names[] = {
	[0] = "exception or NMI",
	[1] = "external interrupt (the host's ticks and devices)",
	[2] = "triple fault",
	[7] = "interrupt window",
	[8] = "NMI window",
	[9] = "task switch",
	[10] = "CPUID",
	[12] = "HLT",
	[13] = "INVD",
	[14] = "INVLPG",
	[15] = "RDPMC",
	[16] = "RDTSC",
	[18] = "VMCALL",
	[27] = "VMXON",
	[28] = "control register",
	[29] = "debug register",
	[30] = "I/O",
	[31] = "RDMSR",
	[32] = "WRMSR (the guest sets its timer)",
	[33] = "entry failed: guest state",
	[34] = "entry failed: MSRs",
	[36] = "MWAIT",
	[37] = "monitor trap flag",
	[39] = "MONITOR",
	[40] = "PAUSE",
	[43] = "TPR below threshold",
	[44] = "APIC access",
	[45] = "virtualized EOI",
	[46] = "GDTR or IDTR",
	[47] = "LDTR or TR",
	[48] = "EPT violation",
	[49] = "EPT misconfiguration",
	[50] = "INVEPT",
	[51] = "RDTSCP",
	[52] = "preemption timer (guest timers)",
	[53] = "INVVPID",
	[54] = "WBINVD",
	[55] = "XSETBV",
	[56] = "APIC write",
	[57] = "RDRAND",
	[58] = "INVPCID",
	[59] = "VMFUNC",
	[61] = "RDSEED",
	[62] = "page modification log full",
	[63] = "XSAVES",
	[64] = "XRSTORS",
	[79] = "79 or above",
};

const char *xo_exit_name(unsigned int reason)
{
	return reason < sizeof(names) / sizeof(names[0]) && names[reason] ? names[reason] : "";
}
