# shellcheck shell=bash
# shellcheck disable=SC2034 # used by those who source this
# Paths, messages and the lock that every script of the lab shares. Sourced, never run.

lab_repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
lab_dir=$lab_repo/lab
lab_cache=${SUBDEVCFG_LAB_CACHE:-$lab_repo/target/lab}
mkdir -p "$lab_cache"
lab_cache=$(cd "$lab_cache" && pwd -P)

# Exit codes that are the lab's own and not those of the command in the guest.
readonly LAB_USAGE=64    # the call is wrong, or asks for something not built yet
readonly LAB_SKIPPED=77  # what was asked for is not on this machine
readonly LAB_BROKEN=97   # the lab could not be prepared (download, compiler, QEMU)
readonly LAB_DIED=98     # the guest ended without giving an exit code
readonly LAB_REPORT=99   # the kernel reported a problem
readonly LAB_TIMEOUT=124 # the time limit was reached

say() { printf 'lab: %s\n' "$*" >&2; }
die() {
	local code=$1
	shift
	say "$*"
	exit "$code"
}

# with_lock NAME COMMAND...: one maker at a time for one thing in the cache.
with_lock() {
	local name=$1 rc=0
	shift
	mkdir -p "$lab_cache/locks"
	exec {lock_fd}>"$lab_cache/locks/$name"
	flock "$lock_fd"
	"$@" {lock_fd}>&- || rc=$?
	exec {lock_fd}>&-
	return "$rc"
}

# hash_of FILE...: a short hash of names and contents.
hash_of() { sha256sum -- "$@" | sha256sum | cut -c1-16; }

# retry COMMAND...: a download gets a second chance.
retry() { "$@" || { sleep 3 && "$@"; }; }

# pack DIR FILE: DIR as a newc archive, owned by root, moved into place when complete.
pack() {
	(cd "$1" && find . -mindepth 1 -print0 | LC_ALL=C sort -z |
		cpio --quiet -0 -o -H newc -R 0:0) >"$2.$$.part"
	mv -f "$2.$$.part" "$2"
}
