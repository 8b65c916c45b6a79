#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# kmod.sh BUILD NAME FOLDER [CFLAG]...: builds BUILD/ko/NAME.ko from the sources in FOLDER; used by
# lab/kbuild.mk. kbuild writes beside the sources it is given, so it is given links to them.
# With SPARSE=1 they are looked at by sparse too, and built elsewhere; its warnings are errors, but for
# those of lock contexts, which it cannot follow through a function that takes a lock or fails.
set -euo pipefail
build=$(readlink -f "$1") name=$2 folder=$3
shift 3
objects=$build/obj/ko/$name sparse=() flags="-Werror -I$PWD/include -I$build/gate $*"
[ ! -e "$build/kheaders/build/.xo-source" ] || flags+=" -DXO_OWN_KERNEL"
if [ -n "${SPARSE:-}" ]; then
	objects=$build/obj/sparse/$name
	sparse=(C=2 "CF=-Wno-context -Wsparse-error")
fi
mkdir -p "$objects" "$build/ko"
find "$objects" -maxdepth 1 -type l -delete
find "$folder" -maxdepth 1 \( -name '*.[chS]' -o -name Kbuild \) -exec ln -sfr -t "$objects" {} +

# Two notes of kbuild say nothing about the module: that vmlinux is not there to make BTF from, and
# that the compiler is not the very one that built the kernel.
"${MAKE:-make}" --no-print-directory -s -C "$build/kheaders/build" M="$objects" W=1 \
	KCFLAGS="$flags" KAFLAGS="${flags#-Werror }" "${sparse[@]}" modules 2>&1 |
	{ grep -v -e 'Skipping BTF generation' -e '^warning: the compiler differs' \
		-e '^  The kernel was built by:' -e '^  You are using:' || true; }
[ -n "${SPARSE:-}" ] || cp "$objects/$name.ko" "$build/ko/$name.ko"
