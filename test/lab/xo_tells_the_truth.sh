# SPDX-License-Identifier: GPL-2.0
# xo must never count a call that was not made, list what is gone, call a broken thing well, or talk
# to a module of another revision.
. /opt/crossover/test/lab/lib.sh
up

# doctor: all is well on both sides, and what is missing is named
expect_status "doctor on the host" 0 xo doctor;			expect_says "signatures" 'KVM signatures +ok'
expect_status "doctor in web" 0 web xo doctor;			expect_says "name" 'enrolled +ok +as web'
web mv /etc/crossover/policy /tmp/policy
expect_status "doctor: xo serve, and no policy" 1 web xo doctor;	expect_says "policy" 'policy +MISSING'
serve_stop; sleep 0.5
expect_status "doctor: services need no policy" 0 web xo doctor;	expect_says "none" 'policy +ok +none: so nobody may'
web sh -c 'echo nonsense >/etc/crossover/policy'
expect_status "doctor: a wrong policy" 1 web xo doctor;		expect_says "policy" 'policy +MISSING'
policy "$open_policy"
expect_status "doctor in an ordinary VM" 1 vm plain xo doctor;	expect_says "remedy" 'modprobe crossover_guest'

# ls: names, worlds, both roles
xo ls; mgr xo ls; web xo ls
expect_eq "VMs, both modules up, worlds told apart" "$(xo ls --json |
	jq -c '([.vms[].name] | sort), ([.vms[].up] | all), ([.worlds[].wid] | length == (unique | length))')" '["mgr","web"]
true
true'
expect_eq "mgr's name and role" "$(mgr xo ls --json | jq -r '.name + " " + .links[0].role + " " + .links[0].peer')" "mgr caller web"
expect_eq "web's role" "$(web xo ls --json | jq -r '.links[0].role + " " + .links[0].peer')" "callee mgr"

# stat: n null calls are n calls more (and the session's OPEN and CLOSE), on both sides
web_stat() { cell "web xo stat" PEER:"$1" mgr; }
h0=$(link_stat calls); w0=$(web xo stat --json | jq '.links[0].calls')
expect_eq "the same as a table" "$(web_stat CALLS)" "$w0"
expect_status "1000 null calls" 0 mgr xo ping --count 1000 web;	expect_says "stub" '1000 calls answered by stub [0-9]+ \(user 0'
settle() { for _ in 1 2 3 4 5; do [ "$(web_stat SESSIONS)" = 0 ] && return; sleep 0.3; done; }
settle
expect_eq "the host's count" $(($(link_stat calls) - h0)) 1002
expect_eq "web's count" $(($(web_stat CALLS) - w0)) 1002
expect_eq "all ended well" $(($(link_stat calls) - $(link_stat ok) - $(link_stat errors) - $(link_stat hostdown))) 0
xo stat

# the library's example, through the stub, to the kernel of web
web sh -c 'setsid hello >/tmp/hello 2>&1 </dev/null & echo $! >/tmp/hello.pid'; sleep 1
expect_status "hello" 0 mgr hello web 20 22;		expect_says "both" 'Hello, mgr: 42'
web sh -c 'kill $(cat /tmp/hello.pid)'

# another revision is refused with both numbers, on both sides, and nothing happens
expect_status "old xo on the host" 1 $T/xo_old unlink mgr web;	expect_says "numbers" 'revision 0 and the module crossover.ko revision [1-9]'
expect_status "old xo in web" 1 web $T/xo_old ls;		expect_says "numbers" 'revision 0 and the module crossover_guest.ko revision [1-9]'
expect_eq "the link is still there" "$(rows "xo ls" LINK)" 1

# a bad policy is refused whole, the old one goes on; a master that cannot start says why
web sh -c 'cp /etc/crossover/policy /tmp/good; printf "caller mgr {\n user root\n alow calls all\n}\n" >/etc/crossover/policy
	kill -HUP $(cat /run/crossover-serve.pid); sleep 0.5'
expect_status "old policy goes on" 0 mgr xo ping web
expect_status "a line in the log" 0 web grep 'policy:3: .alow. is not known' /var/log/crossover.log
expect_status "check" 1 web xo serve --check;			expect_says "line" 'policy:3:'
web sh -c 'cp /tmp/good /etc/crossover/policy; kill -HUP $(cat /run/crossover-serve.pid)'
expect_status "no policy" 1 web xo serve --policy /nonexistent;	expect_says "file" '/nonexistent: No such file'

# as many stubs as the policy says, and a line for the one too many
policy 'caller mgr {
	user root
	stubs 2
	allow calls all
	allow all /**
}'
mgr sh -c 'for i in 1 2; do xo ping --count 200000000 web >/dev/null 2>&1 & done; sleep 2; xo ping web 2>/tmp/err; echo $? >/tmp/rc; kill $(pidof xo); wait'
expect_eq "a third session" "$(mgr cat /tmp/rc)" 1
expect_status "sentence" 0 mgr grep 'no slot or stub free' /tmp/err
expect_status "a line in the log" 0 web grep 'caller=mgr: it has 2 stubs already' /var/log/crossover.log
settle
policy "$open_policy"

# serve ends in an orderly way, a caller is told, and it starts again
serve_stop; sleep 1
expect_status "nobody serves" 1 mgr xo ping web;		expect_says "remedy" 'xo serve'
policy "$open_policy"
expect_status "serves again" 0 mgr xo ping web
