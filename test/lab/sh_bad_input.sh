# SPDX-License-Identifier: GPL-2.0
# Bad input must never half-create anything, and always end in a sentence that says what to do.
. /opt/crossover/test/lab/lib.sh
up
expect_status "unknown VM, enrol" 1 xo enrol nosuch;		expect_says sentence 'nosuch'
expect_status "unknown VM, link" 1 xo link mgr nosuch;		expect_says sentence "no VM named 'nosuch'"
expect_status "link to itself" 1 xo link mgr mgr;		expect_says sentence 'itself'
expect_status "link twice" 0 xo link mgr web;			expect_says sentence 'exists already, as it was asked for'
expect_status "other slots" 1 xo link mgr web --slots 7;	expect_says sentence 'another number of slots'
expect_status "unlink what is not" 1 xo unlink web mgr;		expect_says sentence 'no link'
expect_status "enrol twice" 1 xo enrol mgr;			expect_says sentence 'already enrolled'
expect_status "bad name" 2 xo enrol 'A/../B';			expect_says sentence 'name'
expect_status "unknown engine" 2 xo link mgr web --engine warp
expect_status "unknown subcommand" 2 xo frobnicate
expect_status "no permission" 125 mgr setpriv --reuid 1000 --clear-groups /opt/crossover/bin/xo sh web -- true
expect_says sentence 'ermission'
expect_status "no link from here" 125 mgr xo sh plain -- true;	expect_says sentence 'plain'
expect_status "the wrong way round" 125 web xo sh mgr -- true;	expect_says sentence 'mgr'
expect_status "unenrolled VM" 125 vm plain sh -c "insmod $KO/crossover_guest.ko; xo sh web -- true"
expect_says sentence 'not enrolled: .*xo enrol'
expect_status "its module goes again" 0 vm plain rmmod crossover_guest
expect_eq "still one link" "$(xo ls | awk '$2 == "mgr" && $3 == "web"' | wc -l)" 1
expect_eq "and two VMs" "$(xo ls | awk '$4 == "up"' | wc -l)" 2
