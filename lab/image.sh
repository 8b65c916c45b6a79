#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# image.sh BUILD: makes BUILD/lab/system.erofs, the one disk that the emulated machine boots from and
# that host and VMs have as their read-only root, from BUILD/lab/root (lab/image-root.sh) and the
# lab's programs in BUILD/lab/bin. The same input gives the same bytes: their hash keys snapshots.
#
# Layout: sector 0 is GRUB's boot sector (erofs leaves its first KiB free), then erofs with all
# files, then, outside the file system, GRUB, the host's kernel and the host's initrd, which GRUB
# finds by sector numbers, so that no boot file system has to be read under emulation.
set -euo pipefail
export LC_ALL=C
umask 022
die() { echo "lab/image.sh: $*" >&2; exit 1; }

here=$(cd "$(dirname "$0")" && pwd)
build=$(readlink -f "$1")
lab=$build/lab
root=$lab/root
tools=$build/tools
release=$(cat "$build/debs/kernel")
SOURCE_DATE_EPOCH=$(cat "$lab/epoch")
export SOURCE_DATE_EPOCH
export LD_LIBRARY_PATH=$tools/usr/lib/x86_64-linux-gnu:$tools/lib/x86_64-linux-gnu

host_modules=(ata_piix sd_mod erofs overlay)
vm_modules=(virtio_mmio virtio_blk erofs overlay)
# nokaslr: addresses agree from run to run.  mitigations=off: the host's cost nothing here (VMs keep
# theirs).  tsc=reliable, no_timer_check, cryptomgr.notests: no self-tests that take seconds under
# emulation.  loglevel=5: warnings reach the console until the agent takes over.
host_command_line="console=ttyS0 loglevel=5 nokaslr mitigations=off tsc=reliable no_timer_check"
host_command_line+=" random.trust_cpu=on cryptomgr.notests panic=-1 lpj=200000 edd=off"
host_command_line+=" initcall_blacklist=ftrace_check_for_weak_functions"

# Module files for the named modules and what they need, in the order of loading.
module_order() # MODULE...
{
	local module
	for module in "$@"; do
		awk -F': *' -v name="$module" '
			{ base = $1; sub(/.*\//, "", base); sub(/\.ko$/, "", base); gsub(/-/, "_", base) }
			base == name { n = split($2, deps, / +/)
				for (i = n; i > 0; i--) if (deps[i] != "") print deps[i]
				print $1; found = 1 }
			END { exit !found }' "$root/lib/modules/$release/modules.dep" ||
			die "the kernel $release has no module $module"
	done | awk '!seen[$0]++'
}

make_initrd() # OUTPUT INIT MODULE...
{
	local output=$1 init=$2 tree=$lab/initrd.tree module name
	shift 2
	rm -rf "$tree"
	mkdir -p "$tree"/{bin,dev,modules,system,layer,root}
	cp "$root/usr/bin/busybox" "$tree/bin/"
	for name in sh mount insmod usleep mkdir switch_root; do
		ln -s busybox "$tree/bin/$name"
	done
	install -m 755 "$here/$init" "$tree/init"
	install -m 644 "$here/initrd-common" "$tree/boot-common"
	module_order "$@" > "$lab/initrd.order"
	while read -r module; do
		cp "$root/lib/modules/$release/$module" "$tree/modules/"
		echo "${module##*/}"
	done < "$lab/initrd.order" > "$tree/modules/order"
	find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	(cd "$tree" && find . | sort | "$tools/bin/cpio" --quiet -o -H newc -R 0:0 --reproducible) > "$output"
	rm -rf "$tree" "$lab/initrd.order"
}

install_programs()
{
	local into=$root/usr/lib/crossover program
	mkdir -p "$into"
	for program in lab-agent vm-agent xo-vm; do
		install -m 755 "$lab/bin/$program" "$into/"
	done
	install -m 755 "$here/init-host" "$here/init-vm" "$into/"
	install -m 644 "$here/init-common" "$into/"
	install -m 644 "$build/ko/lab_console.ko" "$into/"
	make_initrd "$root/boot/initrd-vm" initrd-vm "${vm_modules[@]}"
	unpack_kernel "$root/boot/vmlinuz-$release" "$root/boot/vmlinux-vm"
	install -D -m 644 "$here/vm.conf" "$root/etc/crossover/vm.conf"
	find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}

# Debian's kernel as it is inside vmlinuz, without the part that would unpack it: QEMU starts it by
# its PVH entry. Only what is all zeros is left out.
unpack_kernel() # VMLINUZ OUTPUT
{
	local setup offset length
	setup=$(od -An -tu1 -j 497 -N 1 "$1" | tr -d ' ')
	offset=$(od -An -tu4 -j 584 -N 4 "$1" | tr -d ' ')
	length=$(od -An -tu4 -j 588 -N 4 "$1" | tr -d ' ')
	# The last four bytes of the payload are its unpacked size.
	dd if="$1" of="$2.lz4" bs=1M iflag=skip_bytes,count_bytes status=none \
		skip=$(((setup + 1) * 512 + offset)) count=$((length - 4))
	"$tools/usr/bin/lz4" -q -d -f "$2.lz4" "$2.full" || die "$1 is not compressed by LZ4"
	objcopy -R .init.scratch -R .brk "$2.full" "$2"
	rm "$2.lz4" "$2.full"
}

sectors() { echo $((($(stat -c %s "$1") + 511) / 512)); }

# Appends FILE to the image at a sector boundary; prints "START+COUNT", GRUB's way of naming it.
append() # IMAGE FILE
{
	local start
	start=$(sectors "$1")
	dd if="$2" of="$1" bs=512 seek="$start" conv=notrunc,fsync status=none
	truncate -s $((($(sectors "$1")) * 512)) "$1"
	echo "$start+$(sectors "$2")"
}

little_endian() # NUMBER: eight bytes
{
	local i
	for i in 0 8 16 24 32 40 48 56; do
		# shellcheck disable=SC2059 # the byte is the format
		printf "\\x$(printf %02x $(($1 >> i & 255)))"
	done
}

patch() # FILE OFFSET: from standard input
{
	dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

make_bootable() # IMAGE
{
	local image=$1 grub=$tools/usr/lib/grub/i386-pc work=$lab/boot kernel initrd core
	mkdir -p "$work"
	make_initrd "$work/initrd" initrd-host "${host_modules[@]}"
	kernel=$(append "$image" "$root/boot/vmlinuz-$release")
	initrd=$(append "$image" "$work/initrd")
	printf 'linux (hd0)%s %s\ninitrd (hd0)%s\nboot\n' "$kernel" "$host_command_line" "$initrd" \
		> "$work/grub.cfg"
	"$tools/usr/bin/grub-mkimage" -d "$grub" -O i386-pc -p '(hd0)' -c "$work/grub.cfg" \
		-o "$work/core.img" biosdisk linux
	core=$(sectors "$image")
	# GRUB's first sector holds, 12 bytes before its end, where the rest of it lies; the boot
	# sector holds at 0x5c where that first sector lies.
	little_endian $((core + 1)) | patch "$work/core.img" 500
	append "$image" "$work/core.img" > /dev/null
	cp "$grub/boot.img" "$work/boot.img"
	little_endian "$core" | patch "$work/boot.img" 92
	dd if="$work/boot.img" of="$image" bs=512 count=1 conv=notrunc status=none
}

install_programs
image=$lab/system.erofs.new
rm -f "$image"
"$tools/usr/bin/mkfs.erofs" --quiet --all-root -x-1 -U 00000000-0000-4000-8000-000000000000 \
	"$image" "$root" || die "mkfs.erofs failed on $root"
make_bootable "$image"
# Whole cylinders, as the emulated disk has no other size.
truncate -s %516096 "$image"
mv "$image" "$lab/system.erofs"
