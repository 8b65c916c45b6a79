#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Downloads the Debian 12 packages named in lab/packages.{tools,headers,system} into BUILD/debs and
# unpacks the first two below BUILD. Nothing is installed (lab/apt.sh).
#
#   BUILD/debs/*.deb                   the packages, each downloaded once
#   BUILD/debs/{tools,headers,system}.list   which of them belong to what, one file name a line
#   BUILD/debs/MANIFEST                package, version, SHA-256, file name
#   BUILD/debs/kernel                  release of the kernel that host and VMs run
#   BUILD/tools, BUILD/kheaders        unpacked
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
build=${1:?usage: lab/fetch.sh BUILD-FOLDER}
mkdir -p "$build/debs"
build=$(cd "$build" && pwd)
# shellcheck source=lab/apt.sh
. "$here/apt.sh"

# The newest cloud kernel's ABI name (6.1.0-NN), by way of Debian's meta package.
kernel_abi()
{
	apt-cache "${apt_options[@]}" depends linux-image-cloud-amd64 2>/dev/null |
		sed -n 's/.*Depends: linux-image-\(6\.1\.0-[0-9]*\)-cloud-amd64$/\1/p' | head -1
}

read_lists
abi=$(kernel_abi)
[ -n "$abi" ] || die "no Debian 12 kernel (linux-image-6.1*-cloud-amd64) in this machine's package" \
	"sources: set XO_DEBIAN_MIRROR to a Debian mirror and run again"
release=$abi-cloud-amd64
say "downloading headers, tools and system"
download_only headers
download_all tools
download_all system
manifest
say "unpacking tools and kernel headers"
unpack tools "$build/tools"
unpack headers "$build/kheaders"
relocate_headers "$build/kheaders" "$release"
echo "$release" > "$debs/kernel"
touch "$debs/.fetched"
