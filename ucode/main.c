// SPDX-License-Identifier: GPL-2.0
/* Start of the preloaded object: check the whole of Bochs first, then put every part in place. */
#include "cpu.h"
#include "ucode.h"
#include "../lab/channel.h"

/*
 * What a snapshot depends on in this object. `xo lab` makes this text (and not the object's bytes)
 * part of a snapshot's key, so that a counter added here needs no new snapshot. Whoever changes
 * what software in the emulated machine can see before the save (an MSR, CPUID, an instruction),
 * the channel, or the files of a snapshot, must change this text.
 */
__attribute__((used)) static const char ucode_machine[] =
	"crossover-machine: channel 1; memory file sparse; disks not saved; CPU stock";

__attribute__((constructor)) static void ucode_start(void)
{
	static const char ready[] = "stock bochs-bin 2.7+dfsg-4+deb12u1, build-id checked";

	ucode_check_bochs();
	machine_init();
	channel_init();
	snapshot_init();
	disk_init();
	cpu_init();
	count_init();
	mark_init();
	tlb_init();
	channel_send(LAB_READY, 0, ready, sizeof(ready) - 1);
}
