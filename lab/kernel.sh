# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154
# Sourced by the scripts that make images: Debian's kernels and modules as the lab wants them.
# Needs die(), and $root for image_program; unpack_kernel needs $tools and, for Zstandard, $kernel.

# Runs a program of the image on this machine, with the image's own libraries.
image_program() # NAME ARG...
{
	local name=$1 file
	shift
	# An absolute link (depmod is one, to /bin/kmod) would lead out of the image.
	file=$(readlink "$root$name" || true)
	case $file in /*) ;; *) file=$name ;; esac
	"$root/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" --argv0 "$name" \
		--library-path "$root/usr/lib/x86_64-linux-gnu" "$root$file" "$@"
}

# Debian's kernel as it is inside vmlinuz, without the part that would unpack it: it is started by
# its PVH entry. Only what is all zeros is left out.
unpack_kernel() # VMLINUZ OUTPUT
{
	local setup offset length magic
	setup=$(od -An -tu1 -j 497 -N 1 "$1" | tr -d ' ')
	offset=$(od -An -tu4 -j 584 -N 4 "$1" | tr -d ' ')
	length=$(od -An -tu4 -j 588 -N 4 "$1" | tr -d ' ')
	rm -f "$2"
	# The last four bytes of the payload are its unpacked size.
	dd if="$1" of="$2.packed" bs=1M iflag=skip_bytes,count_bytes status=none \
		skip=$(((setup + 1) * 512 + offset)) count=$((length - 4))
	magic=$(od -An -tx4 -N 4 "$2.packed" | tr -d ' ')
	case $magic in
	184c2102) "$tools/usr/bin/lz4" -q -d -f "$2.packed" "$2.full" ;;
	fd2fb528) "${kernel:?}/usr/bin/zstd" -q -d -f "$2.packed" -o "$2.full" ;;
	*) die "$1 is compressed neither by LZ4 nor by Zstandard (it begins with $magic)" ;;
	esac || die "$1 does not unpack"
	objcopy -R .init.scratch -R .brk "$2.full" "$2"
	rm "$2.packed" "$2.full"
}

# Cuts off what costs emulated seconds at each load of a module and serves nobody here: the signature
# and, but for KVM's modules (crossover.ko looks up theirs), type information.
trim_modules() # FOLDER
{
	local magic='~Module signature appended~' module size length
	find "$1" -name '*.ko' | while read -r module; do
		case $module in
		*/kvm*) ;;
		*) objcopy -R .BTF "$module" ;;
		esac
		[ "$(tail -c 28 "$module" | tr -d '\0')" = "$magic" ] || continue
		size=$(stat -c %s "$module")
		# The last field of struct module_signature, big-endian, before the magic string.
		length=$((0x$(tail -c 32 "$module" | head -c 4 | od -An -tx1 | tr -d ' \n')))
		truncate -s $((size - 28 - 12 - length)) "$module"
	done
}
