#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# image-root.sh BUILD: makes BUILD/lab/root, the root file system that the emulated host and every
# VM share: Debian packages unpacked, and by hand the little that their installation scripts would
# have done. Needs no root rights; owners are set when the image is made (lab/image.sh).
set -euo pipefail
export LC_ALL=C
umask 022
die() { echo "lab/image-root.sh: $*" >&2; exit 1; }

here=$(cd "$(dirname "$0")" && pwd)
build=$(readlink -f "$1")
debs=$build/debs
release=$(cat "$debs/kernel")
final=$build/lab/root
root=$final.new
# shellcheck source=lab/kernel.sh
. "$here/kernel.sh"

left_out() # FILE: is this package one that packages.system leaves out?
{
	sed -n 's/^-//p' "$here/packages.system" | grep -qxF "${1%%_*}"
}

unpack()
{
	local file dir
	for dir in bin sbin lib lib64; do
		mkdir -p "$root/usr/$dir"
		ln -s "usr/$dir" "$root/$dir"
	done
	while read -r file; do
		left_out "$file" || dpkg-deb --fsys-tarfile "$debs/$file" |
			tar -x -p -C "$root" --keep-directory-symlink
	done < "$debs/system.list"
	for dir in bin sbin lib lib64; do
		[ -L "$root/$dir" ] || die "unpacking replaced the link /$dir in the image by a folder"
	done
}

drop_useless()
{
	local share=$root/usr/share lib=$root/usr/lib
	rm -rf "$share"/{doc,man,locale,info,lintian,bug,menu,icons,applications,perl,initramfs-tools} \
		"$lib"/{udev,systemd,initcpio} "$root"/etc/{init.d,rc?.d,apt,cron.daily,sv,ufw} \
		"$lib/x86_64-linux-gnu/qemu"/{ui,audio,chardev,hw-s390x,hw-usb}-*.so
	find "$share/qemu" -type f ! -name '*microvm*' ! -name 'qboot*' ! -name 'linuxboot*' \
		! -name 'pvh.bin' ! -name 'kvmvapic*' ! -name 'bios-256k.bin' -delete
	find "$lib/x86_64-linux-gnu/gconv" -type f ! -name 'UTF*' ! -name 'ISO8859-1.so' \
		! -name 'gconv-modules*' -delete
}

accounts()
{
	local etc=$root/etc
	cp "$root/usr/share/base-passwd/passwd.master" "$etc/passwd"
	cp "$root/usr/share/base-passwd/group.master" "$etc/group"
	echo 'sshd:x:100:65534::/run/sshd:/usr/sbin/nologin' >> "$etc/passwd"
	echo 'kvm:x:101:' >> "$etc/group"
	echo 'render:x:102:' >> "$etc/group"
	sed -i -E 's/^([^:]*):\*:/\1:x:/' "$etc/passwd" "$etc/group"
	sed -E 's/^([^:]*):.*/\1:*:19000:0:99999:7:::/' "$etc/passwd" > "$etc/shadow"
	sed -E 's/^([^:]*):.*/\1:*::/' "$etc/group" > "$etc/gshadow"
	chmod 640 "$etc/shadow" "$etc/gshadow"
	printf '%s\n' /bin/sh /bin/bash /usr/bin/bash /bin/dash /usr/bin/dash > "$etc/shells"
}

pam()
{
	local kind module
	for kind in account auth password session session-noninteractive; do
		module=${kind%-*}
		printf '%s\trequired\tpam_unix.so\n' "$module" > "$root/etc/pam.d/common-$kind"
	done
}

configuration()
{
	local etc=$root/etc base=$root/usr/share/base-files
	cp "$base/profile" "$etc/profile"
	cp "$base/dot.bashrc" "$root/root/.bashrc"
	cp "$base/dot.profile" "$root/root/.profile"
	cp "$root/usr/share/libc-bin/nsswitch.conf" "$etc/nsswitch.conf"
	cp "$root/usr/share/openssh/sshd_config" "$etc/ssh/sshd_config"
	printf '127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost\n' > "$etc/hosts"
	echo localhost > "$etc/hostname"
	echo '# the root file system is mounted by the initrd' > "$etc/fstab"
	echo 'LANG=C.UTF-8' > "$etc/environment"
	: > "$etc/resolv.conf"
	: > "$etc/motd"
	ln -sfn ../proc/self/mounts "$etc/mtab"
	rm -rf "$root/var/lock" "$root/var/run"
	ln -s /run/lock "$root/var/lock"
	ln -s /run "$root/var/run"
	mkdir -p "$root/var/log" "$root/var/mail" "$root/var/spool" "$root/srv" "$root/mnt" "$root/opt"
}

alternative() # LINK TARGET
{
	mkdir -p "$root/etc/alternatives"
	ln -sfn "$2" "$root/etc/alternatives/${1##*/}"
	ln -sfn "/etc/alternatives/${1##*/}" "$root$1"
}

programs()
{
	ln -sfn dash "$root/usr/bin/sh"
	alternative /usr/bin/awk /usr/bin/gawk
	alternative /usr/bin/pager /usr/bin/less
	alternative /usr/bin/which /usr/bin/which.debianutils
	"$root/usr/sbin/ldconfig" -r "$root"
	rm -rf "$root/var/cache/ldconfig"
	# Python compiles what it imports; done here, it need not be done under emulation. Hashes in
	# place of file times keep the result the same each time.
	image_program /usr/bin/python3.11 -E -S -m compileall -q -d /usr/lib/python3.11 \
		--invalidation-mode unchecked-hash "$root/usr/lib/python3.11" ||
		die "compiling the image's Python library failed"
	image_program /usr/sbin/depmod -b "$root" "$release"
	ln -sfn "vmlinuz-$release" "$root/boot/vmlinuz"
}

# Everything made here gets one date, that of the newest file of any package.
set_dates()
{
	local newest
	newest=$(cat "$build/lab/epoch")
	find "$root" -newermt "@$newest" -exec touch -h -d "@$newest" {} +
}

find_epoch()
{
	find "$root" -type f -printf '%T@\n' | sort -n | tail -1 | cut -d. -f1 > "$build/lab/epoch"
}

mkdir -p "$build/lab"
chmod -R u+w "$root" 2>/dev/null || true
rm -rf "$root"
mkdir "$root"
unpack
find_epoch
drop_useless
trim_modules "$root/lib/modules/$release"
accounts
pam
configuration
programs
set_dates
rm -rf "$final"
mv "$root" "$final"
