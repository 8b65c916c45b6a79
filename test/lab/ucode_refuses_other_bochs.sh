# SPDX-License-Identifier: GPL-2.0
# The preloaded object must never patch a Bochs that it was not made for: another build-id, or one
# changed byte in the code it replaces, ends with status 9 and a sentence. On the building machine.
set -u
tools=build/tools
object=$PWD/build/lib/crossover-ucode.so
fail() { echo "FAIL: $*"; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export LD_LIBRARY_PATH=$tools/usr/lib/x86_64-linux-gnu:$tools/lib/x86_64-linux-gnu

# start PROGRAM: its status in $rc, its words in $dir/err
start() {
	rc=0
	CROSSOVER_LAB_SOCKET=-1 LD_PRELOAD=$object "$1" --help >/dev/null 2>"$dir/err" || rc=$?
}
# spoil BYTES_AS_HEX: $dir/bochs-bin is Bochs with the first byte of that sequence changed
spoil() {
	python3 - "$tools/usr/bin/bochs-bin" "$dir/bochs-bin" "$1" <<-'P'
	import os, sys
	data = bytearray(open(sys.argv[1], "rb").read())
	at = data.index(bytes.fromhex(sys.argv[3]))
	data[at] ^= 1
	open(sys.argv[2], "wb").write(data)
	os.chmod(sys.argv[2], 0o755)
	P
}
refused() { # WHAT WORDS
	[ $rc = 9 ] || fail "$1: status $rc, not 9"
	grep -q "$2" "$dir/err" || fail "$1: no sentence about it: $(cat "$dir/err")"
	echo "right: $1 is refused"
}

start "$tools/usr/bin/bochs-bin"
[ $rc = 0 ] || fail "the package's Bochs is refused: $(cat "$dir/err")"
start /bin/true
refused "another program" "was made for bochs-bin"
spoil 6e89e0c07c096ab305b68eb0bf69c4aeb788d10d
start "$dir/bochs-bin"
refused "another build-id" "build-id 6f89e0c0"
spoil 8b7f28e918e8fdff
start "$dir/bochs-bin"
refused "changed code" "flat_image_t.*write.*is not what this object was made for"
spoil 0fb787a0900000 # VMX_Get_Current_VPID(), which shows where a CPU keeps its VPID
start "$dir/bochs-bin"
refused "a CPU laid out otherwise" "VMX_Get_Current_VPID"
