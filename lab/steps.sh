# shellcheck shell=bash
# shellcheck disable=SC2016 # programs for awk
# Steps of lab/test: each runs on after a failure of the one before, and is counted from what its runner printed. Steps
# that do not disturb each other run in lanes.

passed=0 failed=0 skipped=0 remarks=()
step_folder=$(mktemp -d)
step_log=$step_folder/log
trap 'lanes_stop && rm -rf "$step_folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# count NAME PASSED FAILED SKIPPED
count() {
	passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
	[[ $3 -eq 0 ]] || remarks+=("failed: $1")
	printf -- '-- %s: %d passed, %d failed, %d skipped, %d s\n' "$1" "$2" "$3" "$4" $((SECONDS - step_start))
}

# run_step NAME COMMAND...: a heading, then the command with its output shown and kept; the exit code in step_code.
run_step() {
	printf '\n== %s\n' "$1"
	step_start=$SECONDS
	step_once "${@:2}"
	# One emulated processor may run into a breakpoint that another has taken back already, when the kernel switches a
	# static key (arch/x86/kernel/alternative.c): the emulator's fault, and nothing of what is tested.
	if [[ $step_code -ne 0 ]] && grep -q '\] Oops: int3: ' "$step_log"; then
		printf '== %s: once more, for the emulator ran into an int3\n' "$1"
		step_once "${@:2}"
	fi
}

step_once() {
	step_code=0
	timeout --foreground -k 5 2700 "$@" </dev/null 2>&1 | tee "$step_log" || step_code=${PIPESTATUS[0]}
}

# step_skip NAME REASON
step_skip() {
	printf '\n== %s\n%s\n' "$1" "skipped: $2"
	step_start=$SECONDS
	count "$1" 0 0 1
}

# step_lint NAME COMMAND...: one thing that is well or not.
step_lint() {
	run_step "$@"
	case $step_code in
	0) count "$1" 1 0 0 ;;
	77) count "$1" 0 0 1 ;;
	*) count "$1" 0 1 0 ;;
	esac
}

# settle NAME PASSED FAILED SKIPPED: a runner that failed without naming a failed test counts as one.
settle() {
	local bad=$3
	if [[ $bad -eq 0 && $step_code -ne 0 ]]; then
		echo "exit code $step_code"
		bad=1
	fi
	count "$1" "$2" "$bad" "$4"
}

# add_up AWK-PROGRAM: prints "passed failed skipped" from the step's output.
add_up() { awk "$1"' END { print p + 0, f + 0, s + 0 }' "$step_log"; }

# step_nextest NAME COMMAND...
step_nextest() {
	local p f s
	run_step "$@"
	read -r p f s < <(add_up '
		function number(what) { return match($0, "[0-9]+ " what) ? substr($0, RSTART) + 0 : 0 }
		/^ *Summary \[/ { p = number("passed"); f = number("failed") + number("timed out"); s = number("skipped") }')
	settle "$1" "$p" "$f" "$s"
}

# step_libtest NAME AT-LEAST COMMAND...: all the programs' `test result:` lines; fewer tests than AT-LEAST is a failure.
step_libtest() {
	local p f s
	run_step "$1" "${@:3}"
	read -r p f s < <(libtest_results)
	at_least "$2" $((p + f))
	settle "$1" "$p" "$f" "$s"
}

libtest_results() {
	add_up '/^test result: / {
		for (n = 2; n <= NF; n++) {
			if ($n == "passed;") p += $(n - 1)
			if ($n == "failed;") f += $(n - 1)
			if ($n == "ignored;") s += $(n - 1)
		} }'
}

# step_guest NAME AT-LEAST COMMAND...: as step_libtest, in a guest, whose processors are emulated on a machine that others
# use: what is late here is on time there. Two failed tests at most are run once more, in a guest that has just started. One
# that passes then is no failure, and the sum names it as unsteady: it, or what it tests, has a race to be looked for.
step_guest() {
	local p f s again
	run_step "$1" "${@:3}"
	read -r p f s < <(libtest_results)
	at_least "$2" $((p + f))
	mapfile -t again < <(awk '/^test .* \.\.\. FAILED\r?$/ { print $2 }' "$step_log")
	if [[ $step_code -ne 0 && ${#again[@]} -eq $f && $f -ge 1 && $f -le 2 ]]; then
		printf '\n== %s: once more, %s\n' "$1" "${again[*]}"
		step_once "${@:3}" --exact "${again[@]}"
		if [[ $step_code -eq 0 && $(libtest_results) == "$f "* ]]; then
			p=$((p + f)) f=0
			remarks+=("${again[@]/#/unsteady: $1: }")
		fi
	fi
	settle "$1" "$p" "$f" "$s"
}

# step_ok_lines NAME AT-LEAST COMMAND...: lines `ok NAME`, `not ok NAME`, `ok NAME # SKIP why`.
step_ok_lines() {
	local p f s
	run_step "$1" "${@:3}"
	read -r p f s < <(add_up '{ sub(/\r$/, "") } /^ok .*# *SKIP/ { s++; next } /^ok / { p++ } /^not ok / { f++ }')
	at_least "$2" $((p + f + s))
	settle "$1" "$p" "$f" "$s"
}

at_least() {
	if [[ $2 -lt $1 && $step_code -eq 0 ]]; then
		echo "only $2 tests were run"
		step_code=1
	fi
}

# ---- lanes

# Process of a lane and what it runs. Each has a folder: `log` is what it prints, `sum` its counts and remarks.
declare -A lanes=()
readonly LANES_MAX=2

# lane NAME COMMAND...: runs the steps of COMMAND beside those of another lane.
lane() {
	[[ ${#lanes[@]} -lt $LANES_MAX ]] || lane_wait
	local folder=$step_folder/$1
	mkdir "$folder"
	# Its own process group, so that all of it can be ended.
	set -m
	lane_run "$folder" "${@:2}" >"$folder/log" 2>&1 </dev/null &
	set +m
	lanes[$!]=$1
}

# lane_run FOLDER COMMAND...: in a shell of its own, which counts from nought.
lane_run() {
	step_log=$1/step passed=0 failed=0 skipped=0 remarks=()
	"${@:2}"
	printf '%s\n' "$passed $failed $skipped" "${remarks[@]}" >"$1/sum"
}

# lane_wait: waits for one lane, prints all it said, and adds what it counted.
lane_wait() {
	local pid='' name folder p f s more
	wait -n -p pid "${!lanes[@]}" || true
	name=${lanes[$pid]} folder=$step_folder/${lanes[$pid]}
	unset "lanes[$pid]"
	cat "$folder/log"
	if [[ ! -e $folder/sum ]]; then
		step_start=$SECONDS
		echo "the lane '$name' ended without a result"
		count "$name" 0 1 0
		return
	fi
	{
		read -r p f s
		mapfile -t more
	} <"$folder/sum"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	remarks+=("${more[@]}")
}

lanes_end() { while [[ ${#lanes[@]} -gt 0 ]]; do lane_wait; done; }

lanes_stop() {
	local pid
	for pid in "${!lanes[@]}"; do kill -TERM -- "-$pid" 2>/dev/null || true; done
}

# report: the failed steps and the unsteady tests, and as the last line the sum.
report() {
	echo
	[[ ${#remarks[@]} -eq 0 ]] || printf '%s\n' "${remarks[@]}"
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	[[ $failed -eq 0 ]]
}
