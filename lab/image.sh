#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# image.sh BUILD: makes BUILD/lab/system.erofs, the one disk that the emulated machine boots from and
# that host and VMs have as their read-only root, from BUILD/lab/root (lab/image-root.sh) and the
# lab's programs in BUILD/lab/bin. The same input gives the same bytes: their hash keys snapshots.
# image.sh BUILD VERSION: makes BUILD/VERSION/system.erofs, the same with another kernel in the host,
# from BUILD/VERSION/root (lab/image-kernel.sh).
#
# Layout: the first KiB is boot code (lab/boot.S; erofs leaves it free), then erofs with all files,
# then, outside the file system, the host's kernel and initrd, which the boot code finds by sector.
set -euo pipefail
export LC_ALL=C
umask 022
die() { echo "lab/image.sh: $*" >&2; exit 1; }

here=$(cd "$(dirname "$0")" && pwd)
build=$(readlink -f "$1")
version=${2:-}
lab=$build/lab
tools=$build/tools
vm_release=$(cat "$build/debs/kernel")
if [ -z "$version" ]; then
	root=$lab/root image=$lab/system.erofs modules=$build/ko host_release=$vm_release
else
	root=$build/$version/root image=$build/$version/system.erofs modules=$build/$version/ko
	host_release=$(cat "$build/$version/release")
fi
work=$(dirname "$image")/boot
SOURCE_DATE_EPOCH=$(cat "$lab/epoch")
export SOURCE_DATE_EPOCH
export LD_LIBRARY_PATH=$tools/usr/lib/x86_64-linux-gnu:$tools/lib/x86_64-linux-gnu
# shellcheck source=lab/kernel.sh
. "$here/kernel.sh"

host_modules=(ata_piix sd_mod erofs overlay)
vm_modules=(virtio_mmio virtio_blk erofs overlay)
# nokaslr: addresses agree from run to run.  mitigations=off: the host's cost nothing here (VMs keep
# theirs).  tsc=reliable, no_timer_check, cryptomgr.notests: no self-tests that take seconds under
# emulation.  loglevel=5: warnings reach the console until the agent takes over.
host_command_line="console=ttyS0 loglevel=5 nokaslr mitigations=off tsc=reliable no_timer_check"
host_command_line+=" random.trust_cpu=on cryptomgr.notests panic=-1 lpj=200000 edd=off"
host_command_line+=" initcall_blacklist=ftrace_check_for_weak_functions"
# From 6.9 on the kernel warns that CPUID leaf 1 counts fewer threads than leaf 4 counts cores, as the
# emulated processor says; it compares them only if told of hyperthreads.
[ -z "$version" ] || host_command_line+=" clearcpuid=ht"

# Addresses shared with lab/boot.S. The kernel's place is fixed, 16 MiB.
info_at=0xfff000
memory_map_at=0x9000
loads_offset=400

# Module files for the named modules and what they need, in the order of loading.
module_order() # RELEASE MODULE...
{
	local module release=$1
	shift
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

make_initrd() # OUTPUT INIT RELEASE MODULE...
{
	local output=$1 init=$2 release=$3 tree=$work/initrd.tree module name
	shift 3
	rm -rf "$tree"
	mkdir -p "$tree"/{bin,dev,sys,modules,system,layer,root}
	cp "$root/usr/bin/busybox" "$tree/bin/"
	for name in sh mount umount insmod usleep mkdir mv switch_root; do
		ln -s busybox "$tree/bin/$name"
	done
	install -m 755 "$here/$init" "$tree/init"
	install -m 644 "$here/initrd-common" "$tree/boot-common"
	module_order "$release" "$@" > "$work/initrd.order"
	while read -r module; do
		cp "$root/lib/modules/$release/$module" "$tree/modules/"
		echo "${module##*/}"
	done < "$work/initrd.order" > "$tree/modules/order"
	find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	(cd "$tree" && find . | sort | "$tools/bin/cpio" --quiet -o -H newc -R 0:0 --reproducible) > "$output"
	rm -rf "$tree" "$work/initrd.order"
}

# A file of the root has other names, in the roots with other kernels: a new one, not new contents.
install_programs()
{
	local into=$root/usr/lib/crossover program
	mkdir -p "$into"
	for program in lab-agent vm-agent xo-vm; do
		install -m 755 "$lab/bin/$program" "$into/"
	done
	install -m 755 "$here/init-host" "$here/init-vm" "$into/"
	install -m 644 "$here/init-common" "$into/"
	install -m 644 "$modules/lab_console.ko" "$into/"
	rm -f "$root/boot/initrd-vm"
	make_initrd "$root/boot/initrd-vm" initrd-vm "$vm_release" "${vm_modules[@]}"
	unpack_kernel "$root/boot/vmlinuz-$vm_release" "$root/boot/vmlinux-vm"
	install -D -m 644 "$here/vm.conf" "$root/etc/crossover/vm.conf"
	find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}

sectors() { echo $((($(stat -c %s "$1") + 511) / 512)); }

# Appends FILE to the image at a sector boundary; prints the number of its first sector.
append() # IMAGE FILE
{
	local start
	start=$(sectors "$1")
	dd if="$2" of="$1" bs=512 seek="$start" conv=notrunc status=none
	truncate -s $(($(sectors "$1") * 512)) "$1"
	echo "$start"
}

little_endian() # BYTES NUMBER...: each number in that many bytes
{
	local bytes=$1 number i
	shift
	for number in "$@"; do
		for ((i = 0; i < bytes; i++)); do
			# shellcheck disable=SC2059 # the byte is the format
			printf "\\x$(printf %02x $((number >> (8 * i) & 255)))"
		done
	done
}

patch() # FILE OFFSET: from standard input
{
	dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# Behind all that the kernel uses before it looks for one: its own memory, and a little that is in no
# section of the file.
place_of_initrd() # KERNEL-ELF
{
	local end
	end=$(readelf -lW "$1" | awk '$1 == "LOAD" { print $4, $6 }' | while read -r at size; do
		echo $((at + size))
	done | sort -n | tail -1)
	[ -n "$end" ] || die "$1 is no kernel"
	echo $(((end + 0x8fffff) & ~0xfffff))
}

# The page before the kernel, with what a kernel entered by PVH is told (include/xen/interface/hvm/
# start_info.h in Linux): start information, at 64 the kernel's entry for our own boot code, at 128
# the one module, at 256 the command line. The boot code adds the number of memory map entries.
info_page() # OUTPUT KERNEL-ELF INITRD-SIZE
{
	local entry
	entry=$(readelf -nW "$2" | sed -n '/(0x00000012)/{s/.*description data: //;p;q}' |
		awk '{ print "0x" $4 $3 $2 $1 }')
	[ -n "$entry" ] || die "the kernel $host_release has no PVH entry"
	truncate -s 0 "$1"
	truncate -s 4096 "$1"
	{
		little_endian 4 0x336ec578 1 0 1
		little_endian 8 $((info_at + 128)) $((info_at + 256)) 0 $memory_map_at
	} | patch "$1" 0
	little_endian 4 "$entry" | patch "$1" 64
	little_endian 8 $initrd_at "$3" 0 0 | patch "$1" 128
	printf '%s' "$host_command_line" | patch "$1" 256
}

make_bootable() # IMAGE
{
	local image=$1 initrd_size initrd_at vmlinux=$root/boot/vmlinux-vm kernel initrd
	[ -z "$version" ] || vmlinux=$root/boot/vmlinux-host
	make_initrd "$work/initrd" initrd-host "$host_release" "${host_modules[@]}"
	initrd_size=$(stat -c %s "$work/initrd")
	initrd_at=$(place_of_initrd "$vmlinux")
	objcopy -O binary -R .bss "$vmlinux" "$work/kernel"
	info_page "$work/info" "$vmlinux" "$initrd_size"
	cat "$work/info" "$work/kernel" > "$work/info+kernel"
	kernel=$(append "$image" "$work/info+kernel")
	initrd=$(append "$image" "$work/initrd")

	gcc -m32 -c -o "$work/boot.o" "$here/boot.S"
	ld -m elf_i386 -Ttext 0x7c00 -e start --oformat binary -o "$work/boot.bin" "$work/boot.o"
	little_endian 4 "$kernel" "$(sectors "$work/info+kernel")" $info_at \
		"$initrd" "$(sectors "$work/initrd")" $initrd_at | patch "$work/boot.bin" $loads_offset
	dd if="$work/boot.bin" of="$image" bs=1024 count=1 conv=notrunc status=none
}

rm -rf "$work"
mkdir "$work"
install_programs
rm -f "$image.new"
"$tools/usr/bin/mkfs.erofs" --quiet --all-root -x-1 -U 00000000-0000-4000-8000-000000000000 \
	"$image.new" "$root" || die "mkfs.erofs failed on $root"
make_bootable "$image.new"
# Whole cylinders, as the emulated disk has no other size.
truncate -s %516096 "$image.new"
mv "$image.new" "$image"
rm -r "$work"
