#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# usage: gate/kblob.sh KGATE_ELF KGATE_IBPB_ELF: writes kgate_blob.h to standard output: the kernel worlds'
# gate text, runtimes (without and with IBPB) and home text as bytes, the places of their labels, which are
# the same with either runtime, and by which checksum host and guest know the same.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
for s in kgate krt khome; do
	objcopy -O binary -j .$s "$1" "$tmp/$s"
done
objcopy -O binary -j .krt "$2" "$tmp/krt_ibpb"
labels() {
	nm -n --defined-only "$1" | awk '$2 == "T" && $3 ~ "^k(gate|rt|home)_" {
		print "#define XO_L_" $3, "0x" substr($1, length($1) - 2) }'
}
labels "$2" | diff <(labels "$1") - >&2 || { echo "gate/kblob.sh: the two runtimes' labels differ" >&2; exit 1; }

bytes() {
	printf 'static const unsigned char %s[4096] __attribute__((unused)) = {\n' "$1"
	od -An -v -tx1 -w16 "$2" | sed -E 's/ ([0-9a-f]{2})/0x\1, /g; s/ $//; s/^/\t/'
	printf '};\n'
}

cat <<'H'
/* SPDX-License-Identifier: GPL-2.0 */
/* Made by gate/kblob.sh from gate/kgate.S and gate/kruntime.S. Plain C, kernel and user space. */
#ifndef XO_KGATE_BLOB_H
#define XO_KGATE_BLOB_H

H
printf '/* The first 64 bits of the SHA-256 of all four. */\n#define XO_KGATE_BUILD 0x%sULL\n\n' \
	"$(cat "$tmp"/kgate "$tmp"/krt "$tmp"/krt_ibpb "$tmp"/khome | sha256sum | cut -c1-16)"
echo '/* Labels, offsets in their pages. */'
labels "$1"
printf '\n#ifndef __ASSEMBLER__\n'
bytes xo_kgate_text "$tmp/kgate"
bytes xo_kgate_rt "$tmp/krt"
bytes xo_kgate_rt_ibpb "$tmp/krt_ibpb"
bytes xo_kgate_home "$tmp/khome"
printf '#endif\n\n#endif\n'
