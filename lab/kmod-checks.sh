#!/bin/bash
# Checks of the module's sources: lab/kmod-checks.sh checkpatch|sparse
set -euo pipefail
. "$(dirname "$0")/lab.sh"
. "$lab_dir/kernels.sh"

# checkpatch.pl is in the debug kernel's tree, else in the kernel's source package.
checkpatch_path() {
	local kdir out=$lab_cache/checkpatch
	if kernel_debug_archive >/dev/null && kdir=$(kernel_dir debug); then
		printf '%s\n' "$kdir/build/scripts/checkpatch.pl"
		return
	fi
	[[ -e $out/checkpatch.pl ]] || with_lock checkpatch checkpatch_fetch "$out" >&2 || return
	printf '%s\n' "$out/checkpatch.pl"
}

checkpatch_fetch() {
	local part=$1.$$.part
	[[ ! -e $1/checkpatch.pl ]] || return 0
	mkdir -p "$part"
	(
		cd "$part"
		retry apt-get -qq download linux-source-6.12
		dpkg-deb --fsys-tarfile linux-source-6.12_*.deb | tar -xO ./usr/src/linux-source-6.12.tar.xz |
			tar -xJ --strip-components=2 --wildcards '*/scripts/checkpatch.pl' '*/scripts/spelling.txt' \
				'*/scripts/const_structs.checkpatch'
		rm ./*.deb
	) || { rm -rf "$part" && return 1; }
	mv "$part" "$1"
}

case ${1-} in
checkpatch)
	script=$(checkpatch_path) || die "$LAB_SKIPPED" "skipped: no checkpatch.pl to be had"
	# In kmod/, so that a .checkpatch.conf there is followed. An out-of-tree module for two kernels must ask for the version.
	cd "$lab_repo/kmod"
	mapfile -t files < <(find . ../lab/vgpu -name '*.[ch]' ! -name '*.mod.c' | sort)
	perl "$script" --strict --no-tree --no-summary --quiet --terse --show-types --ignore LINUX_VERSION_CODE -f "${files[@]}"
	;;
sparse)
	command -v sparse >/dev/null || die "$LAB_SKIPPED" "skipped: sparse is missing"
	log=$(mktemp)
	trap 'rm -f "$log"' EXIT
	"$lab_dir/module.sh" 6.12 C=2 "CF=-D__CHECK_ENDIAN__" >"$log" 2>&1 || { cat "$log" && exit 1; }
	grep -q '^  CHECK ' "$log" || { cat "$log" && die 1 "sparse did not run"; }
	# Only the module's own files: the kernel's headers are not ours to mend.
	! grep -E '^[^/. ][^: ]*\.[ch]:[0-9]+(:[0-9]+)?: *(warning|error)' "$log"
	;;
*) die "$LAB_USAGE" "usage: lab/kmod-checks.sh checkpatch|sparse" ;;
esac
