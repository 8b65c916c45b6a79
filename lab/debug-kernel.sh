#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# debug-kernel.sh BUILD: makes BUILD/debug, a build folder in which host and VMs run a kernel that looks for errors
# (lab/debug.config), after lab/fetch.sh. It is built from Debian's source of the very kernel that the lab runs, with
# that one's configuration but for what nobody here needs. Half an hour on two processors; made anew only when one of
# its inputs changes.
#
#   BUILD/debug/linux             source, objects; modules are built against it
#   BUILD/debug/debs              as lab/fetch.sh makes it, with that kernel in place of Debian's
#   BUILD/debug/tools, kheaders   of BUILD; as lab/fetch.sh's
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:?usage: lab/debug-kernel.sh BUILD-FOLDER}" && pwd)
into=$build/debug
linux=$into/linux
log=$into/linux.log
# What the outer make was told is none of the kernel's.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES
# shellcheck source=lab/apt.sh
. "$here/apt.sh"

for program in flex bison bc xz; do
	command -v $program > /dev/null ||
		die "$program is missing: install the packages of lab/packages.host (./run test-debug does)"
done

headers=$(grep -m1 '^linux-headers-.*-cloud-amd64_' "$debs/headers.list") ||
	die "$debs/headers.list names no kernel headers: run make lab-fetch"
version=$(dpkg-deb -f "$debs/$headers" Version)

# With what was built of it before, if it is the same source.
unpack_source()
{
	local source
	abi=$version
	if ! grep -qsF "_${version}_" "$debs/debug.list"; then
		read_lists
		download_only debug
	fi
	source=$(cat "$debs/debug.list")
	[ "$(cat "$linux/.xo-source" 2>/dev/null)" != "$source" ] || return 0
	say "unpacking $source"
	rm -rf "$linux" "$linux.new"
	mkdir -p "$linux.new"
	dpkg-deb --fsys-tarfile "$debs/$source" | tar -xO ./usr/src/linux-source-6.1.tar.xz |
		tar -xJ -C "$linux.new" --strip-components=1
	echo "$source" > "$linux.new/.xo-source"
	mv "$linux.new" "$linux"
}

run_make() # ARG...
{
	# The same input gives the same kernel. The PVH entry, by which the lab starts kernels, is before there is anything
	# of KASAN's, which 6.1 does not know.
	KBUILD_BUILD_TIMESTAMP="$(stat -c @%Y "$linux/Makefile")" KBUILD_BUILD_USER=crossover KBUILD_BUILD_HOST=lab \
		LD_LIBRARY_PATH=$build/tools/usr/lib/x86_64-linux-gnu:$build/tools/lib/x86_64-linux-gnu \
		"${MAKE:-make}" --no-print-directory -C "$linux" LZ4="$build/tools/usr/bin/lz4" KASAN_SANITIZE_enlighten.o=n KASAN_SANITIZE_string.o=n "$@" >> "$log" 2>&1 ||
		{ tail -n 20 "$log" >&2; die "the kernel's make $* failed; all that it said is in $log"; }
}

# Debian's, without the modules that nobody loads, with ours. An option that depends on what is not
# there is dropped without a word: what looks for errors must be in, and what is switched off be off.
configure()
{
	local line modules=$into/modules
	{ echo "Module Size Used"; sed -e '/^#/d' -e 's/$/ 1 0/' "$here/debug.modules"; } > "$modules"
	cp "$build/kheaders/build/.config" "$linux/.config"
	# It asks of options that Debian's does not have: as they are by default.
	run_make LSMOD="$modules" localmodconfig < <(yes '' 2> /dev/null)
	cat "$here/debug.config" >> "$linux/.config"
	run_make olddefconfig
	while read -r line; do
		case $line in
		CONFIG_*=*) grep -qxF "$line" "$linux/.config" ;;
		'# CONFIG_'*' is not set') line=${line#\# } && ! grep -q "^${line% is not set}=" "$linux/.config" ;;
		esac || die "the kernel's configuration does not take what lab/debug.config says: $line"
	done < "$here/debug.config"
}

build_kernel()
{
	: > "$log"
	configure
	say "building the debug kernel (half an hour, the first time; $log)"
	run_make "-j$(nproc)" bzImage modules
}

# As Debian's package of a kernel, so that the image is made of it as of that.
pack()
{
	local tree=$into/package package="linux-image-${release}_${version}_amd64.deb" file
	rm -rf "$tree"
	mkdir -p "$tree/DEBIAN" "$tree/boot"
	run_make INSTALL_MOD_PATH="$tree" DEPMOD=true modules_install
	rm -f "$tree/lib/modules/$release/build" "$tree/lib/modules/$release/source"
	cp "$linux/arch/x86/boot/bzImage" "$tree/boot/vmlinuz-$release"
	cat > "$tree/DEBIAN/control" <<-C
	Package: linux-image-$release
	Version: $version
	Architecture: amd64
	Maintainer: CrossOver
	Description: Debian's kernel, as lab/debug.config has it
	C
	mkdir -p "$into/debs"
	dpkg-deb --root-owner-group -Znone -b "$tree" "$into/debs/$package" >> "$log"
	rm -r "$tree"
	sed "s/^linux-image-.*/$package/" "$debs/system.list" > "$into/debs/system.list"
	while read -r file; do
		[ "$file" = "$package" ] || ln -sfr "$debs/$file" "$into/debs/$file"
	done < "$into/debs/system.list"
}

mkdir -p "$into"
unpack_source
build_kernel
release=$(cat "$linux/include/config/kernel.release")
pack
ln -sfnr "$build/tools" "$into/tools"
mkdir -p "$into/kheaders"
ln -sfnr "$linux" "$into/kheaders/build"
echo "$release" > "$into/debs/kernel"
touch "$into/debs/.fetched"
