#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# image-kernel.sh BUILD VERSION: makes BUILD/VERSION/root, the root file system for an emulated
# host with the other kernel that lab/fetch-kernel.sh unpacked: all of BUILD/lab/root, by hard links,
# and that kernel with its modules beside. VMs keep the kernel that they have.
set -euo pipefail
export LC_ALL=C
umask 022
die() { echo "lab/image-kernel.sh: $*" >&2; exit 1; }

here=$(cd "$(dirname "$0")" && pwd)
build=$(readlink -f "$1")
version=$2
# shellcheck disable=SC2034 # for unpack_kernel
tools=$build/tools
kernel=$build/$version/kheaders
release=$(cat "$build/$version/release")
final=$build/$version/root
root=$final.new
export LD_LIBRARY_PATH=$build/tools/usr/lib/x86_64-linux-gnu:$build/tools/lib/x86_64-linux-gnu
# shellcheck source=lab/kernel.sh
. "$here/kernel.sh"

# What the host loads, and a little around it: its disk, file systems, KVM, vsock, swap. The rest
# would only make the image bigger.
wanted=(arch/x86/kvm crypto drivers/ata drivers/scsi drivers/vhost drivers/block/loop.ko
	drivers/block/zram fs/erofs fs/overlayfs fs/netfs lib mm net/vmw_vsock virt)

install_modules()
{
	local from=$kernel/lib/modules/$release to=$root/lib/modules/$release part
	mkdir -p "$to/kernel"
	cp "$from"/modules.builtin* "$from/modules.order" "$to/"
	for part in "${wanted[@]}"; do
		[ -e "$from/kernel/$part" ] || [ -e "$from/kernel/$part.xz" ] || continue
		mkdir -p "$(dirname "$to/kernel/$part")"
		cp -r "$from/kernel/$part"* "$(dirname "$to/kernel/$part")/"
	done
	find "$to" -name '*.ko.xz' -exec "$kernel/usr/bin/xz" -d {} +
	trim_modules "$to"
	# depmod warns of what modules.order names and is not here.
	image_program /usr/sbin/depmod -b "$root" "$release" 2> "$build/$version/depmod.log" ||
		{ cat "$build/$version/depmod.log" >&2; die "depmod failed"; }
	rm "$build/$version/depmod.log"
}

rm -rf "$root"
cp -al "$build/lab/root" "$root"
install_modules
unpack_kernel "$kernel/boot/vmlinuz-$release" "$root/boot/vmlinux-host"
find "$root" -newermt "@$(cat "$build/lab/epoch")" -exec touch -h -d "@$(cat "$build/lab/epoch")" {} +
rm -rf "$final"
mv "$root" "$final"
