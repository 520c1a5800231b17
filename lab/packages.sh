# shellcheck shell=bash
# shellcheck disable=SC2154 # variables lab_* are from lab.sh
# The Debian packages that the lab and the checks use. Sourced by lab/test and lab/run.

lab_packages=(
	bash bc binutils busybox-static cpio dash e2fsprogs ethtool fish g++ gcc gcc-12 iproute2 iputils-ping jq kmod libc6-dev libelf1
	make mmdebstrap perl python3 qemu-system-x86 shellcheck sparse strace util-linux xz-utils zsh zstd
)

# packages_install: as root, installs what is missing; as anyone else, says how to.
packages_install() {
	local package missing=()
	for package in "${lab_packages[@]}"; do
		[[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
	done
	if [[ $EUID -ne 0 ]]; then
		[[ ${#missing[@]} -gt 0 ]] || return 0
		say "missing Debian packages; as root:"
		printf 'apt-get install -y --no-install-recommends %s\n' "${missing[*]}" >&2
		return 1
	fi
	# Of an index older than half a day, files may be gone from the mirror.
	if [[ -z $(find "$lab_cache/index-updated" -mmin -720 2>/dev/null) ]]; then
		if retry apt-get -qq update >&2; then touch "$lab_cache/index-updated"; fi
	fi
	[[ ${#missing[@]} -gt 0 ]] || return 0
	say "installing ${missing[*]}"
	DEBIAN_FRONTEND=noninteractive retry apt-get -qq install -y --no-install-recommends "${missing[@]}" \
		</dev/null >"$lab_cache/packages.log" 2>&1 || { cat "$lab_cache/packages.log" >&2 && return 1; }
}
