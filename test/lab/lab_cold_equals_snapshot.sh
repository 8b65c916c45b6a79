# SPDX-License-Identifier: GPL-2.0
# A resumed machine must never answer other than one booted afresh, nor serve yesterday's files:
# the payload is of this run, and two labs side by side do not meet. On the building machine.
set -u
xo=build/bin/xo
shape='--vm mgr --vm web'
fail() { echo "FAIL: $*"; exit 1; }
script='uname -r; nproc; for v in mgr web; do xo vm exec $v -- uname -rn; xo vm exec $v -- sh -c "id; ls /srv /etc; cat /etc/passwd"; done
md5sum /opt/crossover/bin/xo; xo vm exec web -- md5sum /opt/crossover/bin/xo; cat /tmp/stamp'
a=$(mktemp) b=$(mktemp)
echo one >"$a"; echo two >"$b"
# shellcheck disable=SC2086
$xo lab run $shape --cold --put "$a:/tmp/stamp" - <<<"$script" >"$a.cold" 2>"$a.err" &
cold=$!
# shellcheck disable=SC2086
$xo lab run $shape --put "$b:/tmp/stamp" - <<<"$script" >"$b.warm" 2>"$b.err" || { cat "$b.err"; fail "from the snapshot"; }
wait $cold || { cat "$a.err"; fail "cold"; }
[ "$(tail -n 1 "$a.cold")" = one ] || fail "the cold run has another run's file"
[ "$(tail -n 1 "$b.warm")" = two ] || fail "the resumed run has another run's file"
diff <(head -n -1 "$a.cold") <(head -n -1 "$b.warm") || fail "cold and resumed answers differ"
md5=$(md5sum <build/payload/bin/xo | cut -d' ' -f1)
[ "$(grep -c "$md5" "$b.warm")" = 2 ] || fail "the resumed machine runs another xo than was built"
grep -h 'first line\|resume\|boot' "$a.err" "$b.err" | head -n 20
rm -f "$a"* "$b"*
