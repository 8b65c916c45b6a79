#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Checks what the tree promises: README's table is the tree, links in docs lead somewhere, every lab
# test is configured and every configured one exists, documented tests exist, headers compile alone,
# files carry an SPDX line, code keeps the style, shell passes shellcheck. Prints what is wrong.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
bad=0
wrong() { echo "tree: $*"; bad=1; }

# README's table of folders equals the tree
want=$(git ls-files | grep / | cut -d/ -f1 | grep -v '^\.' | sort -u)
have=$(sed -n '/^| folder/,/^$/p' README.md | grep -oE '^\| `[a-zA-Z]+/`' | tr -d '|` /' | sort -u)
[ "$want" = "$have" ] || wrong "README's table of folders differs from the tree:
$(diff <(echo "$want") <(echo "$have"))"

# relative links
while IFS=: read -r file link; do
	[ -e "$(dirname "$file")/${link%%#*}" ] || wrong "$file: broken link $link"
done < <(git ls-files '*.md' | while read -r f; do
	grep -oE '\]\([^)#: ]+(#[^)]*)?\)' "$f" | sed "s|^](|$f:|; s|)\$||"; done)

# tests and their configuration
for f in test/lab/*.sh; do
	n=$(basename "$f" .sh); [ "$n" = lib ] && continue
	grep -qE "^${n}[[:space:]]" test/tests.conf || wrong "$f is in no line of test/tests.conf"
done
while read -r n shape _; do
	[ -e "test/lab/$n.sh" ] || wrong "test/tests.conf names $n, which does not exist"
	[ "$shape" = outside ] || grep -qE "^${shape}[[:space:]]" test/shapes.conf || wrong "$n: no shape $shape"
done < <(sed 's/#.*//' test/tests.conf | grep .)
while read -r n; do
	[ -e "test/lab/$n.sh" ] || wrong "docs/invariants.md names test $n, which does not exist"
done < <(sed -n '/^| id/,/^$/p' docs/invariants.md | awk -F'|' '{ print $5 }' | grep -oE '`[a-z0-9_]+`' | tr -d '`')

# public headers compile alone, as C and C++
for h in include/crossover/*.h; do
	gcc -std=gnu17 -Wall -Wextra -Werror -Iinclude -fsyntax-only -x c "$h" || wrong "$h does not compile alone as C"
	g++ -std=c++17 -Wall -Wextra -Werror -Iinclude -fsyntax-only -x c++ "$h" || wrong "$h does not compile alone as C++"
done

# a .Nm of several words without quotes becomes its first word wherever the page says it again
for f in man/*; do
	! grep -qE '^\.Nm [^"]+ [^"]' "$f" || wrong "$f: quote the name in $(grep -m1 '^\.Nm ' "$f")"
done

# licence, style
git ls-files '*.c' '*.h' '*.S' '*.sh' '*.mk' '*.def' | while read -r f; do
	head -n 2 "$f" | grep -q 'SPDX-License-Identifier' || echo "$f"
done >/tmp/xo-no-spdx.$$
[ ! -s /tmp/xo-no-spdx.$$ ] || wrong "no SPDX line in: $(cat /tmp/xo-no-spdx.$$)"
rm -f /tmp/xo-no-spdx.$$
if command -v clang-format >/dev/null; then
	unformatted=$(git ls-files '*.c' '*.h' ':!*/trace.h' | while read -r f; do
		clang-format --dry-run -Werror "$f" >/dev/null 2>&1 || echo "$f"; done)
	[ -z "$unformatted" ] || wrong "not in the tree's style (clang-format -i): $unformatted"
fi
if command -v shellcheck >/dev/null; then
	git ls-files | xargs grep -lE '^#!.*(ba)?sh' 2>/dev/null | grep -v '\.md$' | xargs shellcheck -x -S warning || wrong "shellcheck finds the above"
fi
git ls-files '*.c' '*.h' '*.S' '*.sh' | xargs wc -l | awk '$2 != "total" && $1 > 800 { print "tree: over 800 lines: " $2; b = 1 } END { exit b }' || bad=1
[ $bad = 0 ] && echo "tree: in order"
exit $bad
