# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # lab_* are from lab.sh; lab/run reads `keep`
# What a run came to: reads `console` and `control` in the current folder and ends the script with the right code.
# Sourced by lab/run.

# Bits of /proc/sys/kernel/tainted that mean trouble: bad page (32), oops (128), warning (512), soft lockup (16384).
readonly LAB_BAD_TAINT=$((32 | 128 | 512 | 16384))

verdict() {
	local qemu_code=$1 limit=$2 code taint problem=''
	code=$(sed -n 's/^exit //p' control | tail -n 1)
	taint=$(sed -n 's/^taint //p' control | tail -n 1)
	sed -n 's/^message //p' control >&2

	if ! awk -f "$lab_dir/console.awk" console >report; then
		problem='the kernel reported a problem'
	elif sed -n 's/^kmemleak //p' control | awk -f "$lab_dir/kmemleak.awk" >report && [[ -s report ]]; then
		problem='kmemleak reported leaked memory'
	elif [[ $((${taint:-0} & LAB_BAD_TAINT)) -ne 0 ]]; then
		problem="the kernel is tainted ($taint) by a warning that did not reach the console"
	elif grep -q '^ *debug_locks: *0' control; then
		problem='lockdep turned itself off: there was a report that did not reach the console'
	fi

	if [[ -n $problem ]]; then
		keep=1
		say "$problem:"
		cat report >&2
		[[ -z $code ]] || say "the command's own exit code was $code"
		exit "$LAB_REPORT"
	elif [[ -n $code ]]; then
		exit "$code"
	elif [[ $qemu_code -eq 124 || $qemu_code -eq 137 ]]; then
		keep=1
		tail -n 25 console | sed 's/\r$//' >&2
		say "time limit of $limit seconds reached; above: the end of the kernel's console"
		exit "$LAB_TIMEOUT"
	fi
	keep=1
	cat qemu.log >&2 2>/dev/null || true
	tail -n 25 console | sed 's/\r$//' >&2
	say "the guest ended without an exit code (QEMU: $qemu_code); above: the end of the kernel's console"
	exit "$LAB_DIED"
}
