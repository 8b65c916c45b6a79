#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Downloads the Debian 12 packages named in lab/packages.{tools,headers,system} into BUILD/debs and
# unpacks the first two below BUILD. Nothing is installed: apt runs on a root of its own, with the
# package sources and keys of this machine (or with $XO_DEBIAN_MIRROR), and needs no root rights.
#
#   BUILD/debs/*.deb                   the packages, each downloaded once
#   BUILD/debs/{tools,headers,system}.list   which of them belong to what, one file name a line
#   BUILD/debs/MANIFEST                package, version, SHA-256, file name
#   BUILD/debs/kernel                  release of the kernel that host and VMs run
#   BUILD/tools, BUILD/kheaders        unpacked
set -euo pipefail
export LC_ALL=C
die() { echo "lab/fetch.sh: $*" >&2; exit 1; }
say() { echo "lab: $*" >&2; }

here=$(cd "$(dirname "$0")" && pwd)
build=${1:?usage: lab/fetch.sh BUILD-FOLDER}
mkdir -p "$build/debs"
build=$(cd "$build" && pwd)
debs=$build/debs
apt=$build/apt
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# Options that keep apt inside $apt: no lock, list, status or cache of this machine is touched.
apt_options=(
	-q -o "Dir::State=$apt/state" -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt/cache"
	-o "Dir::Etc::preferences=$apt/preferences" -o Dir::Etc::preferencesparts=/dev/null
	-o APT::Sandbox::User= -o Debug::NoLocking=1 -o Dpkg::Use-Pty=0 -o APT::Architecture=amd64
	-o APT::Architectures=amd64 -o APT::Install-Recommends=0 -o Acquire::Retries=3
	-o Acquire::Languages=none)

# Only packages made by Debian for release 12 count, whatever else this machine's sources offer.
private_root()
{
	mkdir -p "$apt/state/lists" "$apt/cache/archives/partial"
	: > "$apt/status"
	cat > "$apt/preferences" <<-'P'
	Package: *
	Pin: release o=Debian,n=bookworm*
	Pin-Priority: 990

	Package: *
	Pin: release o=*
	Pin-Priority: -1
	P
	[ -n "${XO_DEBIAN_MIRROR:-}" ] || return 0
	[ -e "$keyring" ] || die "there is no $keyring: install debian-archive-keyring"
	{
		echo "deb [signed-by=$keyring] $XO_DEBIAN_MIRROR bookworm main"
		echo "deb [signed-by=$keyring] $XO_DEBIAN_MIRROR bookworm-updates main"
		echo "deb [signed-by=$keyring] ${XO_DEBIAN_SECURITY:-$XO_DEBIAN_MIRROR-security} bookworm-security main"
	} > "$apt/sources.list"
	apt_options+=(-o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null)
}

# The newest cloud kernel's ABI name (6.1.0-NN), by way of Debian's meta package.
kernel_abi()
{
	apt-cache "${apt_options[@]}" depends linux-image-cloud-amd64 2>/dev/null |
		sed -n 's/.*Depends: linux-image-\(6\.1\.0-[0-9]*\)-cloud-amd64$/\1/p' | head -1
}

names() # LIST: the package names in lab/packages.LIST
{
	sed -e 's/#.*//' -e '/^-/d' -e "s/@ABI@/$abi/" "$here/packages.$1" | xargs
}

# Prints "url file size hash" for LIST and all it depends on.
uris()
{
	local -a packages
	read -ra packages <<< "$(names "$1")"
	if [ "$1" = headers ]; then
		apt-get "${apt_options[@]}" --print-uris download "${packages[@]}"
	else
		apt-get "${apt_options[@]}" --print-uris -y install "${packages[@]}"
	fi | sed -n "s/^'\([^']*\)' \([^ ]*\.deb\) .*/\1 \2/p"
}

download() # LIST
{
	local file
	local -a packages
	read -ra packages <<< "$(names "$1")"
	uris "$1" > "$apt/uris" || die "apt cannot resolve lab/packages.$1; its words are above"
	[ -s "$apt/uris" ] || die "apt names no package for lab/packages.$1"
	cut -d' ' -f2 "$apt/uris" | sort > "$debs/$1.list.new"
	if [ "$1" = headers ]; then
		(cd "$debs" && apt-get "${apt_options[@]}" download "${packages[@]}") >&2
	else
		apt-get "${apt_options[@]}" -o "Dir::Cache::archives=$debs" -y --download-only install \
			"${packages[@]}" > "$apt/log" 2>&1 || { cat "$apt/log" >&2; die "downloading failed"; }
	fi
	while read -r file; do
		[ -e "$debs/$file" ] || die "apt did not leave $file in $debs"
	done < "$debs/$1.list.new"
	mv "$debs/$1.list.new" "$debs/$1.list"
	say "$1: $(wc -l < "$debs/$1.list") packages"
}

manifest()
{
	local file
	# shellcheck disable=SC2016 # the variables are dpkg-deb's
	cat "$debs"/*.list | sort -u | while read -r file; do
		printf '%s\t%s\t%s\n' \
			"$(dpkg-deb -W --showformat='${Package}\t${Version}' "$debs/$file")" \
			"$(sha256sum < "$debs/$file" | cut -d' ' -f1)" "$file"
	done > "$debs/MANIFEST.new"
	mv "$debs/MANIFEST.new" "$debs/MANIFEST"
}

unpack() # LIST FOLDER
{
	local file
	rm -rf "$2" "$2.new"
	mkdir "$2.new"
	while read -r file; do
		# The C library is this machine's own: it must match the machine's dynamic linker.
		case $file in libc6_*) continue ;; esac
		dpkg-deb -x "$debs/$file" "$2.new"
	done < "$debs/$1.list"
	mv "$2.new" "$2"
}

# The headers package points at /usr/lib and /usr/src by absolute names: make them relative to the
# unpacked copy, so that nothing of this machine's own kernel is ever used.
relocate_headers()
{
	local root=$build/kheaders src link target
	src=$root/usr/src
	find "$root" -type l | while read -r link; do
		target=$(readlink "$link")
		case $target in
		/*) ln -sfnr "$root$target" "$link" ;;
		esac
	done
	# shellcheck disable=SC2016 # the variables are make's
	sed -i -E 's#^include /usr/src/(linux-headers-[^ ]*-common)/Makefile#include $(dir $(lastword $(MAKEFILE_LIST)))../\1/Makefile#' \
		"$src/linux-headers-$release/Makefile"
	! grep -rIl --include=Makefile '^[^#]*[ =]/usr/src/linux' "$src" ||
		die "the unpacked kernel headers still name /usr/src (above); lab/fetch.sh must learn that form"
	ln -sfn "usr/src/linux-headers-$release" "$root/build"
}

command -v apt-get > /dev/null || die "apt-get is missing: the lab is made of Debian 12 packages and needs Debian's apt"
mkdir -p "$apt"
private_root
say "reading Debian's package lists"
apt-get "${apt_options[@]}" update > "$apt/log" 2>&1 || { cat "$apt/log" >&2; die "apt-get update failed"; }
abi=$(kernel_abi)
[ -n "$abi" ] || die "no Debian 12 kernel (linux-image-6.1*-cloud-amd64) in this machine's package" \
	"sources: set XO_DEBIAN_MIRROR to a Debian mirror and run again"
release=$abi-cloud-amd64
for list in headers tools system; do
	say "downloading $list"
	download "$list"
done
manifest
say "unpacking tools and kernel headers"
unpack tools "$build/tools"
unpack headers "$build/kheaders"
relocate_headers
echo "$release" > "$debs/kernel"
touch "$debs/.fetched"
