#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# fetch-kernel.sh BUILD VERSION: downloads one more kernel for the emulated host, Debian 12's of that
# VERSION (6.12; a list lab/packages.kernel-VERSION must be there), after lab/fetch.sh.
#
#   BUILD/VERSION/release         its release
#   BUILD/VERSION/kheaders        all packages of the list, unpacked; build in it: to build modules
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:?usage: lab/fetch-kernel.sh BUILD-FOLDER VERSION}" && pwd)
version=${2:?usage: lab/fetch-kernel.sh BUILD-FOLDER VERSION}
list=kernel-$version
# shellcheck source=lab/apt.sh
. "$here/apt.sh"
[ -e "$here/packages.$list" ] || die "no list of packages for a kernel $version: lab/packages.$list is missing"

# The newest of that version, by way of Debian's meta package.
kernel_abi()
{
	apt-cache "${apt_options[@]}" depends "linux-image-$version-cloud-amd64" 2>/dev/null |
		sed -n "s/.*Depends: linux-image-\(${version//./\\.}\.[^ ]*\)-cloud-amd64\$/\1/p" | head -1
}

read_lists
abi=$(kernel_abi)
[ -n "$abi" ] || die "no Debian 12 kernel $version (package linux-image-$version-cloud-amd64) in this" \
	"machine's package sources: set XO_DEBIAN_MIRROR to a Debian mirror and run again"
release=$abi-cloud-amd64
download_only "$list"
manifest
mkdir -p "$build/$version"
unpack "$list" "$build/$version/kheaders"
relocate_headers "$build/$version/kheaders" "$release"
# Without it, modules get no type information, as on 6.1: to make that takes another tool.
rm -f "$build/$version/kheaders/usr/src/linux-headers-$release/vmlinux"
echo "$release" > "$build/$version/release"
touch "$build/$version/.fetched"
