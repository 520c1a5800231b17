# shellcheck shell=bash
# shellcheck disable=SC2154 # variables lab_* are from lab.sh
# Kernels for the guest: fetched as packages and unpacked into the cache, never installed.
#
# kernels/SERIES is a symlink to a folder with
#   image               what QEMU boots
#   release             what `uname -r` says in it
#   lib/modules/REL     its modules
#   build               the tree to build modules against: make -C build M=DIR modules

# kernel_dir SERIES: fetches the kernel if need be and prints its folder.
kernel_dir() {
	local link=$lab_cache/kernels/$1
	mkdir -p "$lab_cache/kernels"
	case $1 in
	6.1 | 6.12 | 6.12-cloud) kernel_is_fresh "$link" || with_lock "kernel-$1" kernel_fetch "$1" >&2 || return ;;
	debug) with_lock "kernel-debug" kernel_unpack_debug >&2 || return ;;
	*)
		say "there is no kernel '$1': 6.1, 6.12, 6.12-cloud or debug"
		return "$LAB_USAGE"
		;;
	esac
	(cd "$link" && pwd -P)
}

# The choice stands until the package index changes.
kernel_is_fresh() { [[ -e $1/release && ! /var/lib/apt/lists -nt $1 ]]; }

# kernel_newest VERSION FLAVOUR: the newest release of it that has image and headers in the index.
kernel_newest() {
	local names
	names=$(apt-cache pkgnames linux-)
	comm -12 \
		<(sed -n "s/^linux-image-\(${1//./\\.}\.[0-9].*\)-$2\$/\1/p" <<<"$names" | grep -Ev -- '-(rt|cloud)$' | sort) \
		<(sed -n 's/^linux-headers-\(.*\)-common$/\1/p' <<<"$names" | sort) |
		grep -Fx -f <(sed -n "s/^linux-headers-\(.*\)-$2\$/\1/p" <<<"$names") |
		sort -V | tail -n 1
}

kernel_fetch() {
	local series=$1 link=$lab_cache/kernels/$1 flavour=amd64 release dir part kbuild
	kernel_is_fresh "$link" && return
	[[ $series != *-cloud ]] || flavour=cloud-amd64
	release=$(kernel_newest "${series%-cloud}" "$flavour") || release=
	if [[ -z $release ]]; then
		if [[ -e $link/release ]]; then
			say "the package index offers no Linux $series: using the one in the cache"
			return
		fi
		say "the package index offers no Linux $series (apt-get update?)"
		return "$LAB_BROKEN"
	fi
	dir=$lab_cache/kernels/$release-$flavour
	if [[ ! -e $dir/release ]]; then
		say "fetching Linux $release"
		part=$dir.$$.part
		rm -rf "$part" "$dir"
		mkdir -p "$part/deb"
		kbuild=linux-kbuild-$release
		[[ $series != 6.1 ]] || kbuild=linux-kbuild-6.1
		(cd "$part/deb" && retry apt-get -q download "linux-image-$release-$flavour" \
			"linux-headers-$release-$flavour" "linux-headers-$release-common" "$kbuild") >"$part/log" 2>&1 ||
			{
				cat "$part/log"
				rm -rf "$part"
				[[ -e $link/release ]] || return "$LAB_BROKEN"
				say "using the Linux $series in the cache"
				return
			}
		local deb
		for deb in "$part"/deb/*.deb; do dpkg-deb -x "$deb" "$part"; done
		rm -rf "$part/deb"
		kernel_relocate "$part" "$release" "$flavour"
		mv "$part" "$dir"
	fi
	ln -sfn "$release-$flavour" "$link.part" && touch -h "$link.part" && mv -Tf "$link.part" "$link"
}

# The packages name each other by absolute paths; make them relative.
kernel_relocate() {
	local dir=$1 release=$2-$3
	local headers=$dir/usr/src/linux-headers-$release
	# shellcheck disable=SC2016 # for make
	printf 'include $(dir $(lastword $(MAKEFILE_LIST)))../linux-headers-%s-common/Makefile\n' \
		"$2" >"$headers/Makefile"
	# Any compiler will do when the packaged one's is not there.
	command -v gcc-12 >/dev/null || sed -i 's/gcc-12$/gcc/' "$headers/.kernelvariables"
	# Without vmlinux Kbuild makes no BTF for modules, which would want pahole.
	rm -f "$headers/vmlinux"
	rm -f "$dir/lib/modules/$release/build" "$dir/lib/modules/$release/source"
	ln -s "usr/src/linux-headers-$release" "$dir/build"
	kernel_image "$dir" "boot/vmlinuz-$release" "$dir/boot/config-$release"
	depmod -b "$dir" "$release"
	echo "$release" >"$dir/release"
}

# kernel_image DIR VMLINUZ CONFIG: DIR/image. Decompressing the kernel costs the emulated processor one to three
# seconds in each boot, so it is done here once; QEMU takes the result if the kernel has the PVH entry.
kernel_image() {
	local dir=$1 at magic unpack
	if grep -q '^CONFIG_PVH=y' "$3"; then
		while read -r magic unpack; do
			at=$(LC_ALL=C grep -obUaPm1 "$magic" "$dir/$2" | head -n 1 | cut -d: -f1) || continue
			[[ -n $at ]] || continue
			# What follows the image in the file is not for the decompressor; it complains.
			tail -c +$((at + 1)) "$dir/$2" | $unpack >"$dir/image" 2>/dev/null || true
			readelf -h "$dir/image" >/dev/null 2>&1 && return
		done <<-'END'
			\xFD7zXZ\x00 unxz
			\x28\xB5\x2F\xFD unzstd -q
			\x1F\x8B\x08 gunzip
		END
	fi
	ln -sf "$2" "$dir/image"
}

# The debug kernel comes ready made, beside the checkout or from where the environment says.
kernel_debug_archive() {
	local archive=${SUBDEVCFG_DEBUG_KERNEL:-}
	[[ -n $archive ]] || archive=$lab_repo/../shared/lab/debug-kernel.tar.zst
	[[ -e $archive ]] && printf '%s\n' "$archive"
}

kernel_unpack_debug() {
	local link=$lab_cache/kernels/debug archive dir part
	if ! archive=$(kernel_debug_archive); then
		say "skipped: no debug kernel here (SUBDEVCFG_DEBUG_KERNEL names its archive)"
		return "$LAB_SKIPPED"
	fi
	dir=$lab_cache/kernels/debug-$(stat -Lc %s-%Y "$archive")
	if [[ ! -e $dir/release ]]; then
		say "unpacking the debug kernel"
		part=$dir.$$.part
		rm -rf "$part" "$dir"
		mkdir -p "$part"
		tar -C "$part" --zstd -xf "$archive"
		(cd "$part/lib/modules" && set -- * && echo "$1") >"$part/release"
		kernel_image "$part" vmlinuz "$part/config"
		mv "$part" "$dir"
	fi
	[[ $(readlink "$link") == "${dir##*/}" ]] ||
		{ ln -sfn "${dir##*/}" "$link.part" && mv -Tf "$link.part" "$link"; }
}
