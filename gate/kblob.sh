#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# usage: gate/kblob.sh KGATE_ELF: writes kgate_blob.h to standard output: the kernel-world gate text as
# bytes, the places of its labels, and by which checksum host and guest know the same text.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
objcopy -O binary -j .kgate "$1" "$tmp/text"
cat <<'H'
/* SPDX-License-Identifier: GPL-2.0 */
/* Made by gate/kblob.sh from gate/kgate.S. Plain C, kernel and user space. */
#ifndef XO_KGATE_BLOB_H
#define XO_KGATE_BLOB_H

H
printf '/* The first 64 bits of the SHA-256 of xo_kgate_text. */\n#define XO_KGATE_BUILD 0x%sULL\n\n' \
	"$(sha256sum "$tmp/text" | cut -c1-16)"
echo '/* Labels, offsets in the page. */'
nm -n --defined-only "$1" | awk '$2 == "T" && $3 ~ "^kgate_" {
	print "#define XO_L_" $3, "0x" substr($1, length($1) - 2) }'
printf '\n#ifndef __ASSEMBLER__\nstatic const unsigned char xo_kgate_text[4096] __attribute__((unused)) = {\n'
od -An -v -tx1 -w16 "$tmp/text" | sed -E 's/ ([0-9a-f]{2})/0x\1, /g; s/ $//; s/^/\t/'
printf '};\n#endif\n\n#endif\n'
