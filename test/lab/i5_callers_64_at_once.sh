# SPDX-License-Identifier: GPL-2.0
# I5: of 64 callers at once none may lose its call, get another's answer, or wait for ever.
. /opt/crossover/test/lab/lib.sh
up
web sh -c 'mkdir -p /tmp/many; for i in $(seq 64); do echo "answer $i" >/tmp/many/$i; done'
mgr bash -c 'mkdir -p /tmp/many.out; rm -f /tmp/many.out/*
	for i in $(seq 64); do xo sh web -- cat /tmp/many/$i >/tmp/many.out/$i 2>&1 & done; wait'
bad=$(mgr bash -c 'for i in $(seq 64); do [ "$(cat /tmp/many.out/$i)" = "answer $i" ] || { echo -n "$i: "; cat /tmp/many.out/$i; }; done')
[ -z "$bad" ] || fail "wrong or missing answers: $bad"
sleep 1
expect_eq "no slot stays taken" "$(link_stat busy)" 0
