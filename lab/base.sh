# shellcheck shell=bash
# shellcheck disable=SC2154 # variables lab_* are from lab.sh
# The base of the guest's root: tools of this machine and modules of its kernel, one archive per kernel. Sourced.

# What comes from this machine, with the libraries it needs. `sh` is dash: busybox's own shell would run its applets
# (`ip`, `tc`, `ping`) in place of the files of the same name.
lab_tools=(
	/bin/bash /bin/dash /bin/busybox /bin/kmod /usr/bin/jq
	/sbin/ip /sbin/devlink /sbin/bridge /sbin/tc /usr/bin/rdma /sbin/vdpa /bin/ss /usr/bin/ping /sbin/ethtool /usr/bin/strace
)
# Taken if they are there: for benchmarks.
lab_optional_tools=(/usr/bin/iperf3)
# Applets that must never stand in for the tool of the same name.
lab_no_applets=' sh ash bash ip ipaddr iplink ipneigh iproute iprule tc bridge ping ping6 tunctl vconfig brctl
 modprobe insmod rmmod lsmod modinfo depmod dpkg dpkg-deb rpm busybox init linuxrc '

# The Debian packages these come from, for messages.
lab_tool_packages='bash dash busybox-static kmod jq iproute2 iputils-ping ethtool strace cpio qemu-system-x86 zstd xz-utils'

# base_archive KERNEL-DIR: prints the path of the base archive, making it if need be.
base_archive() {
	local tool tools=() key
	for tool in "${lab_tools[@]}"; do
		[[ -e $tool ]] || tool=$(command -v "${tool##*/}") ||
			die "$LAB_BROKEN" "${tool##*/} is missing; Debian packages: $lab_tool_packages"
		tools+=("$tool")
	done
	for tool in "${lab_optional_tools[@]}"; do [[ ! -e $tool ]] || tools+=("$tool"); done
	key=$({
		cat "$lab_dir/base.sh" "$lab_dir/guest-init" "$lab_dir/guest-modules" "$lab_dir/lab.sh"
		stat -Lc '%n %s %Y' "${tools[@]}"
	} | sha256sum | cut -c1-16)
	local out=$lab_cache/base/${1##*/}-$key
	[[ -e $out/complete ]] || with_lock "base-${1##*/}" base_make "$1" "$out" "${tools[@]}" >&2 || return
	printf '%s\n' "$out/base.cpio"
}

# base_make KERNEL-DIR OUT TOOL...: OUT/base.cpio, and OUT/modules, a tree to run depmod on.
base_make() {
	local kdir=$1 out=$2 part=$2.$$.part
	shift 2
	[[ ! -e $out/complete ]] || return 0
	mkdir -p "${out%/*}"
	# Those of earlier versions of the lab or of its tools.
	find "${out%/*}" -mindepth 1 -maxdepth 1 -mtime +7 -exec rm -rf {} +
	say "making the guest's base for $(cat "$kdir/release")"
	rm -rf "$part" "$out"
	mkdir -p "$part/root"
	base_tools "$part/root" "$@"
	base_etc "$part/root"
	install -m 755 "$lab_dir/guest-init" "$part/root/init"
	base_modules "$kdir" "$part/root"
	pack "$part/root" "$part/base.cpio"
	mkdir -p "$part/modules/lib"
	mv "$part/root/lib/modules" "$part/modules/lib/modules"
	rm -rf "$part/root"
	touch "$part/complete"
	mv "$part" "$out"
}

base_tools() {
	local root=$1 tool applet
	shift
	# One folder for all programs and one for all libraries, as in Debian's merged /usr.
	mkdir -p "$root"/{usr/bin,usr/lib,usr/lib64,usr/sbin,proc,sys,dev,run,tmp,root,lab,.lab,etc,var,mnt}
	ln -s usr/bin "$root/bin"
	ln -s usr/sbin "$root/sbin"
	ln -s usr/lib "$root/lib"
	ln -s usr/lib64 "$root/lib64"
	ln -s ../run "$root/var/run"
	for tool; do
		cp -L "$tool" "$root/usr/bin/"
		base_libraries "$tool" "$root"
	done
	ln -s dash "$root/usr/bin/sh"
	for tool in modprobe insmod rmmod lsmod modinfo depmod; do ln -s kmod "$root/usr/bin/$tool"; done
	for applet in $(busybox --list); do
		[[ $lab_no_applets == *" $applet "* || -e $root/usr/bin/$applet ]] || ln -s busybox "$root/usr/bin/$applet"
	done
	# Scripts written for Debian name these by path.
	for tool in ip devlink bridge tc ethtool modprobe; do ln -s "../bin/$tool" "$root/usr/sbin/$tool"; done
	ln -s ../bin/env "$root/usr/sbin/env"
	# Lets a program be asked many things through a pipe (kmod/tests/lib): as LD_PRELOAD, with _STDBUF_O=L.
	cp -L /usr/libexec/coreutils/libstdbuf.so "$root/usr/lib/"
	if [[ -d /usr/lib/tc ]]; then cp -rL /usr/lib/tc "$root/usr/lib/"; fi
}

base_libraries() {
	local library
	while read -r library; do
		mkdir -p "$2/usr${library%/*}" 2>/dev/null || true
		case $library in
		/lib64/*) cp -Ln "$library" "$2/usr/lib64/" ;;
		*) cp -Ln "$library" "$2/usr/lib/" ;;
		esac
	done < <(ldd "$1" 2>/dev/null | grep -o '/[^ ]*' || true)
}

base_etc() {
	local root=$1
	echo 'root:x:0:0:root:/root:/bin/bash' >"$root/etc/passwd"
	echo 'root:x:0:' >"$root/etc/group"
	echo '127.0.0.1 localhost lab' >"$root/etc/hosts"
	echo lab >"$root/etc/hostname"
	if [[ -d /etc/iproute2 ]]; then cp -rL /etc/iproute2 "$root/etc/"; fi
	if [[ -d /lib/terminfo ]]; then cp -rL /lib/terminfo "$root/usr/lib/"; fi
}

base_modules() {
	local kdir=$1 root=$2 release module
	release=$(cat "$kdir/release")
	local from=$kdir/lib/modules/$release to=$root/usr/lib/modules/$release
	mkdir -p "$to"
	cp "$from"/modules.{builtin,builtin.modinfo,order} "$to/"
	while read -r module; do
		install -D -m 644 "$from/$module" "$to/$module"
		# Unpacking in the guest would cost more than the bytes do.
		case $module in
		*.xz) unxz "$to/$module" ;;
		*.zst) unzstd -q --rm "$to/$module" ;;
		*.gz) gunzip "$to/$module" ;;
		esac
	done < <(base_module_list "$kdir")
	sed -i 's/\.ko\.[a-z]*$/.ko/' "$to/modules.order"
	depmod -b "$root" "$release"
}

# modules.dep names all dependencies of a module, also the indirect ones.
base_module_list() {
	local prefixes=
	[[ ${1##*/} == debug-* ]] && prefixes=all
	awk -v all="$prefixes" '
		FNR == NR { if ($1 != "" && $1 !~ /^#/) want[++n] = "kernel/" $1; next }
		{
			file = $1
			sub(/:$/, "", file)
			take = all != ""
			for (i = 1; i <= n && !take; i++)
				take = index(file, want[i]) == 1 && (want[i] ~ /\/$/ || file ~ "^" want[i] "\\.ko")
			if (take) { print file; for (i = 2; i <= NF; i++) print $i }
		}' "$lab_dir/guest-modules" "$1/lib/modules/$(cat "$1/release")/modules.dep" | sort -u
}

# module_archive KERNEL-DIR BASE-ARCHIVE MODULE...: an archive that adds modules to the base, dependencies worked out. The
# path of a module says all about it.
module_archive() {
	local out
	out=${2%/*}/modules-$(printf '%s\n' "${@:3}" | sha256sum | cut -c1-16).cpio
	[[ -e $out ]] || with_lock "base-${1##*/}" module_archive_make "$1" "${2%/*}" "$out" "${@:3}" >&2 || return
	printf '%s\n' "$out"
}

# module_archive_make KERNEL-DIR BASE-DIR OUT MODULE...
module_archive_make() {
	local release part=$3.$$.tree module name updates=()
	[[ ! -e $3 ]] || return 0
	release=$(cat "$1/release")
	rm -rf "$part"
	mkdir -p "$part/lib"
	cp -rl "$2/modules/lib/modules" "$part/lib/modules"
	rm "$part/lib/modules/$release"/modules.[!bo]*
	for module in "${@:4}"; do
		install -D -m 644 "$module" "$part/lib/modules/$release/updates/${module##*/}"
		updates+=("updates/${module##*/}")
	done
	depmod -b "$part" "$release"
	mkdir -p "$part/add/usr/lib/modules/$release/updates"
	for name in "${updates[@]}" modules.{dep,dep.bin,alias,alias.bin,symbols,symbols.bin,softdep}; do
		cp "$part/lib/modules/$release/$name" "$part/add/usr/lib/modules/$release/$name"
	done
	pack "$part/add" "$3"
	rm -rf "$part"
}
