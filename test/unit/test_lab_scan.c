// SPDX-License-Identifier: GPL-2.0
// No trouble in a kernel log may be missed, however its bytes arrive, and a user's fault is none.
// link: xo/lab_scan.c
#include "xo/lab.h"

#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char *const trouble[] = {
	"[   33.6] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100",
	"BUG: kernel NULL pointer dereference, address: 0000000000000000",
	"BUG: sleeping function called from invalid context at mm/slab.h:1",
	"kernel BUG at mm/slub.c:381!",
	"Oops: 0002 [#1] PREEMPT SMP NOPTI",
	"WARNING: CPU: 0 PID: 1 at kernel/workqueue.c:1438 __queue_work+0x3a1/0x4d0",
	"WARNING: possible circular locking dependency detected",
	"general protection fault, probably for non-canonical address 0xdead: 0000 [#1]",
	"rcu: INFO: rcu_preempt self-detected stall on CPU",
	"rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
	"watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [cat:1]",
	"INFO: task cat:12 blocked for more than 120 seconds.",
	"unchecked MSR access error: WRMSR to 0x48 (tried to write 0x0)",
	"INFO: trying to register non-static key.",
	"ODEBUG: free active (active state 0) object type: timer_list hint: 0x0",
	"BUG: KASAN: use-after-free in xo_link_find+0x42/0x80",
};

static const char *const harmless[] = {
	"traps: cat[120] general protection fault ip:401136 sp:7ffd error:0 in cat[401000+1000]",
	"cat[12]: segfault at 0 ip 0000 sp 0000 error 4 in cat",
	"lab_console: loading out-of-tree module taints kernel.",
	"[Firmware Bug]: TSC_DEADLINE disabled due to Errata; please update microcode",
	"Linux version 6.1.0-52-cloud-amd64 (debian-kernel@lists.debian.org)",
	"DEBUG: nothing",
	"kasan: KernelAddressSanitizer initialized",
	"Lock dependency validator: Copyright (c) 2006 Red Hat, Inc., Ingo Molnar",
};

static void every_kind_is_found(void **state)
{
	for (size_t i = 0; i < sizeof(trouble) / sizeof(*trouble); i++)
		assert_non_null(lab_scan_line(trouble[i]));
	for (size_t i = 0; i < sizeof(harmless) / sizeof(*harmless); i++)
		assert_null(lab_scan_line(harmless[i]));
}

static void bytes_may_come_one_by_one(void **state)
{
	const char *text = "one\ntwo\nthree\nfour\nfive\nOops: 0002 [#1]\nafter\n";
	char *report = NULL;
	size_t size;
	struct lab_scan s = { .whose = "web", .report = open_memstream(&report, &size) };

	for (const char *p = text; *p; p++)
		lab_scan_bytes(&s, p, 1);
	lab_scan_end(&s);
	fclose(s.report);
	assert_int_equal(s.found, 1);
	assert_non_null(strstr(report, "kernel of web: oops"));
	assert_non_null(strstr(report, "web| two\n"));
	assert_null(strstr(report, "web| one\n"));
	assert_non_null(strstr(report, "web| after\n"));
	free(report);
}

static void a_last_line_needs_no_end(void **state)
{
	struct lab_scan s = { .whose = "host" };

	lab_scan_bytes(&s, "Kernel panic", 12);
	assert_int_equal(s.found, 0);
	lab_scan_end(&s);
	assert_int_equal(s.found, 1);
}

static void any_bytes_are_survived(void **state)
{
	struct lab_scan s = { .whose = "host" };
	unsigned char noise[5000];

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (unsigned char)(i * 7919 >> 3);
	for (int i = 0; i < 100; i++)
		lab_scan_bytes(&s, noise, sizeof(noise));
	lab_scan_end(&s);
	assert_int_equal(s.found, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_found),
		cmocka_unit_test(bytes_may_come_one_by_one),
		cmocka_unit_test(a_last_line_needs_no_end),
		cmocka_unit_test(any_bytes_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
