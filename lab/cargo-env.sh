# shellcheck shell=bash
# shellcheck disable=SC2154 # variables lab_* are from lab.sh
# How programs for the guest are compiled: static, so that they run in a root without libraries. Sourced by everything
# that calls cargo, so that dependencies are compiled once.

lab_target=x86_64-unknown-linux-gnu
export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS='-C target-feature=+crt-static'
lab_profile=${SUBDEVCFG_PROFILE:-dev}

# cargo_out: the folder that programs of the profile come out in.
cargo_out() {
	local folder=$lab_profile
	[[ $folder != dev && $folder != test ]] || folder=debug
	[[ $folder != bench ]] || folder=release
	printf '%s\n' "${CARGO_TARGET_DIR:-$lab_repo/target}/$lab_target/$folder"
}

# build_binary: compiles the project's program and prints its path; nothing when there is none yet.
build_binary() {
	[[ -e $lab_repo/cli/Cargo.toml && -e $lab_repo/Cargo.toml ]] || return 0
	(cd "$lab_repo" && cargo build --quiet -p subdevcfg --profile "$lab_profile" --target "$lab_target") >&2 || return
	printf '%s\n' "$(cargo_out)/subdevcfg"
}
