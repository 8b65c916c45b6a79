#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# usage: gate/blob.sh GPR_ELF VECTOR_ELF: writes gate_blob.h to standard output: the texts as bytes,
# the places of their labels, and by which checksum host and guest know the same gate text.
set -euo pipefail
declare -A elf=([gpr]=$1 [vector]=$2)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
for v in gpr vector; do
	for s in gate rt; do
		objcopy -O binary -j .$s "${elf[$v]}" "$tmp/$v.$s"
	done
done
if ! cmp -s "$tmp/gpr.gate" "$tmp/vector.gate"; then
	echo "gate/blob.sh: gate text differs between the runtimes; it must not depend on them" >&2
	exit 1
fi

bytes() {
	printf 'static const unsigned char %s[4096] __attribute__((unused)) = {\n' "$1"
	od -An -v -tx1 -w16 "$2" | sed -E 's/ ([0-9a-f]{2})/0x\1, /g; s/ $//; s/^/\t/'
	printf '};\n\n'
}

# labels ELF PREFIX: "name offset" of each global label of that section, relative to its page
labels() {
	nm -n --defined-only "$1" | awk -v p="$2" '$2 == "T" && $3 ~ "^" p "_" {
		print $3, "0x" substr($1, length($1) - 2) }'
}

cat <<'H'
/* SPDX-License-Identifier: GPL-2.0 */
/* Made by gate/blob.sh from gate/gate.S and gate/runtime.S. Plain C, kernel and user space. */
#ifndef XO_GATE_BLOB_H
#define XO_GATE_BLOB_H

H
printf '/* The first 64 bits of the SHA-256 of xo_gate_text. */\n#define XO_GATE_BUILD 0x%sULL\n\n' \
	"$(sha256sum "$tmp/gpr.gate" | cut -c1-16)"
echo '/* Labels of gate text, offsets in its page: what the host compares RIP with. */'
labels "${elf[gpr]}" gate | while read -r name offset; do
	printf '#define XO_L_%s %s\n' "$name" "$offset"
done
printf '\n/* Labels of the runtimes, offsets in page XO_GATE_RT. [0]: general registers, [1]: vector. */\n'
echo 'struct xo_rt_labels {'
labels "${elf[gpr]}" rt | while read -r name _; do
	printf '\tunsigned short %s;\n' "${name#rt_}"
done
printf '};\n\nstatic const struct xo_rt_labels xo_rt_labels[2] __attribute__((unused)) = {\n'
for v in gpr vector; do
	printf '\t{'
	labels "${elf[$v]}" rt | while read -r name offset; do
		printf ' .%s = %s,' "${name#rt_}" "$offset"
	done
	printf ' },\n'
done
printf '};\n\n'
bytes xo_gate_text "$tmp/gpr.gate"
bytes xo_rt_gpr "$tmp/gpr.rt"
bytes xo_rt_vector "$tmp/vector.rt"
echo '#endif'
