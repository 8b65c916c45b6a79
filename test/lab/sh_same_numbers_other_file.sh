# SPDX-License-Identifier: GPL-2.0
# A remote file must never pass for a local one that happens to have its device and inode number:
# cat(1) would refuse to copy one into the other.
. /opt/crossover/test/lab/lib.sh
up
# two files of equal numbers: inode numbers of a tmpfs grow, so the smaller side catches up
numbers() { vm "$1" stat -c '%d %i' /tmp/twin; }
catch_up() { vm "$1" sh -c "i=0; while [ \$(stat -c %i /tmp/twin) -lt $2 ] && [ \$i -lt 3000 ]; do
	: >/tmp/twin.new; mv /tmp/twin.new /tmp/twin; i=\$((i + 1)); done"; }
web sh -c 'echo "from web" >/tmp/twin'; mgr sh -c ': >/tmp/twin'
for _ in 1 2 3 4 5 6; do
	a=$(mgr stat -c %i /tmp/twin); b=$(web stat -c %i /tmp/twin)
	[ "$a" = "$b" ] && break
	if [ "$a" -lt "$b" ]; then catch_up mgr "$b"; else catch_up web "$a"; fi
done
web sh -c 'echo "from web" >/tmp/twin'
[ "$(numbers mgr)" = "$(numbers web)" ] || skip "no two files of equal numbers: mgr $(numbers mgr), web $(numbers web)"
mgr sh -c 'xo sh web -- cat /tmp/twin >/tmp/twin' || fail "cat takes the two for one file"
expect_eq "copied" "$(mgr cat /tmp/twin)" "from web"
expect_eq "the callee's numbers are its own" "$(mgr xo sh web -- stat -c '%d %i' /tmp/twin)" "$(numbers web)"
