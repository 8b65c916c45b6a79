# SPDX-License-Identifier: GPL-2.0
# A call over vmfunc must never lose or change what goes in or comes out: arguments, result, buffer,
# control words, whoever calls; must never leave the processor for it; and really runs on the owner's
# pages, of which home sees nothing.
. /opt/crossover/test/lab/vmfunc.inc
vmfunc_up
secret=$(owner_log | awk '$1 == "secret" { print $2 }')
caller null 1000 , arguments , buffer , visit , vector , state , refused , connections
caller secret , no-exit
expect_eq "the owner's secret" "$(awk '$1 == "secret" { print $2 }' /tmp/caller)" "$secret"
left=$(awk '$1 == "left" { print $2 }' /tmp/caller)
tells=$(owner_tells); echo "$tells"
expect_eq "what calls wrote is in the owner's page" "$(echo "$tells" | awk '$1 == "secret" { print $2 }')" "$left"
expect_eq "no thread of the owner served a call" "$(echo "$tells" | awk '$1 == "service" { s += $6 } END { print s }')" 0

caller threads 8 400 , one-slot 300
caller processes 5 200 , fork , short-lives 12
# the same program over exit: the same results
link_engine exit
ENGINE="exit" caller null 50 , arguments , buffer , visit , vector , state
link_engine vmfunc
caller null 100
# the example, as README.md says it
web sh -c 'setsid hello >/tmp/hello 2>&1 </dev/null & echo $! >/tmp/hello.pid'; sleep 1
expect_status "hello" 0 mgr hello web 20 22
expect_says "the example's answer" '^Hello, mgr: 42$'
away=$(service_stat hello calls-claimed)
[ "${away:-0}" -ge 1 ] || fail "the example's call was not away: '$away'"
web sh -c 'kill $(cat /tmp/hello.pid)'
vmfunc_down
