# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154
# Sourced by lab/fetch.sh, lab/fetch-kernel.sh and lab/debug-kernel.sh: Debian 12's packages without touching this
# machine. apt runs on a root of its own, with the package sources and keys of this machine (or with
# $XO_DEBIAN_MIRROR), and needs no root rights. Sets $debs, $apt and apt_options from $build. Needs
# $here.
die() { echo "lab/${0##*/}: $*" >&2; exit 1; }
say() { echo "lab: $*" >&2; }

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
	mkdir -p "$debs" "$apt/state/lists" "$apt/cache/archives/partial"
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

read_lists()
{
	command -v apt-get > /dev/null ||
		die "apt-get is missing: the lab is made of Debian 12 packages and needs Debian's apt"
	private_root
	say "reading Debian's package lists"
	apt-get "${apt_options[@]}" update > "$apt/log" 2>&1 || { cat "$apt/log" >&2; die "apt-get update failed"; }
}

# The package names in lab/packages.LIST; @ABI@ in them is $abi.
names() # LIST
{
	sed -e 's/#.*//' -e '/^-/d' -e "s/@ABI@/$abi/" "$here/packages.$1" | xargs
}

# What apt said it would fetch (in $apt/uris) is LIST's, from when all of it is there.
expect_list() # LIST
{
	sed -n "s/^'[^']*' \([^ ]*\.deb\) .*/\1/p" "$apt/uris" | sort > "$debs/$1.list.new"
	[ -s "$debs/$1.list.new" ] || die "apt names no package for lab/packages.$1"
}

keep_list() # LIST
{
	local file
	while read -r file; do
		[ -e "$debs/$file" ] || die "apt did not leave $file in $debs"
	done < "$debs/$1.list.new"
	mv "$debs/$1.list.new" "$debs/$1.list"
	say "$1: $(wc -l < "$debs/$1.list") packages"
}

# Downloads just the named packages of LIST, not what they depend on.
download_only() # LIST
{
	local -a packages
	read -ra packages <<< "$(names "$1")"
	apt-get "${apt_options[@]}" --print-uris download "${packages[@]}" > "$apt/uris" ||
		die "apt does not find the packages of lab/packages.$1; its words are above"
	expect_list "$1"
	(cd "$debs" && apt-get "${apt_options[@]}" download "${packages[@]}") >&2
	keep_list "$1"
}

# Downloads the packages of LIST and all that they depend on.
download_all() # LIST
{
	local -a packages
	read -ra packages <<< "$(names "$1")"
	apt-get "${apt_options[@]}" --print-uris -y install "${packages[@]}" > "$apt/uris" ||
		die "apt cannot resolve lab/packages.$1; its words are above"
	expect_list "$1"
	apt-get "${apt_options[@]}" -o "Dir::Cache::archives=$debs" -y --download-only install \
		"${packages[@]}" > "$apt/log" 2>&1 || { cat "$apt/log" >&2; die "downloading failed"; }
	keep_list "$1"
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
relocate_headers() # FOLDER RELEASE
{
	local root=$1 src=$1/usr/src link target
	find "$root" -type l | while read -r link; do
		target=$(readlink "$link")
		case $target in
		/*) ln -sfnr "$root$target" "$link" ;;
		esac
	done
	# shellcheck disable=SC2016 # the variables are make's
	sed -i -E 's#^include /usr/src/(linux-headers-[^ ]*-common)/Makefile#include $(dir $(lastword $(MAKEFILE_LIST)))../\1/Makefile#' \
		"$src/linux-headers-$2/Makefile"
	! grep -rIl --include=Makefile '^[^#]*[ =]/usr/src/linux' "$src" ||
		die "the unpacked kernel headers still name /usr/src (above); lab/apt.sh must learn that form"
	ln -sfn "usr/src/linux-headers-$2" "$root/build"
}
