#!/bin/bash
# Builds the module (kmod/, or the folder SUBDEVCFG_KMOD names) for one kernel and prints the path of the .ko.
# usage: lab/module.sh KERNEL [MAKE-ARGUMENT...]
#
# The sources are copied into the cache first: nothing is written beside them. The result is kept per kernel and
# per hash of the sources; with make arguments (C=2, W=1, ...) everything is built again and make's output shown.
set -euo pipefail
. "$(dirname "$0")/lab.sh"
. "$lab_dir/kernels.sh"

kernel=${1:?usage: lab/module.sh KERNEL [MAKE-ARGUMENT...]}
shift
sources=${SUBDEVCFG_KMOD:-$lab_repo/kmod}
[[ -e $sources/Kbuild || -e $sources/Makefile ]] || die "$LAB_SKIPPED" "no module sources in ${sources##*/}/"
kdir=$(kernel_dir "$kernel")

# Only what the build reads: tests and papers do not make a new module.
list() {
	(cd "$sources" && find . -type f \( -name '*.[chS]' -o -name 'Kbuild*' -o -name 'Makefile*' \) \
		! -name '*.mod.c' -print0 | LC_ALL=C sort -z)
}
hash=$( (cd "$sources" && list | xargs -0 sha256sum) | sha256sum | cut -c1-16)
out=$lab_cache/modules/${kdir##*/}-$hash

build() {
	[[ ! -e $out/subdev.ko || $# -gt 0 ]] || return 0
	local part=$out.$$.part rc=0
	rm -rf "$part"
	mkdir -p "$part"
	(cd "$sources" && list | tar --null -T - -cf -) | tar -C "$part" -xf -
	make -C "$kdir/build" M="$part" KCFLAGS="-fmacro-prefix-map=$part/=kmod/" -j"$(nproc)" "$@" modules >"$part/build.log" 2>&1 || rc=$?
	[[ $# -eq 0 && $rc -eq 0 ]] || sed "s|$part/||g" "$part/build.log" >&2
	if [[ $rc -ne 0 || ! -e $part/subdev.ko ]]; then
		rm -rf "$part"
		say "the module does not build for $kernel"
		return "$LAB_BROKEN"
	fi
	if [[ -e $out/subdev.ko ]]; then
		rm -rf "$part"
	else
		mv "$part" "$out"
	fi
}
with_lock "module-${out##*/}" build "$@"
printf '%s\n' "$out/subdev.ko"
