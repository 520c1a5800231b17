# shellcheck shell=bash
# shellcheck disable=SC2154 # variables lab_* are from lab.sh
# The full root: a Debian tree, and a disk image of it. Sourced.

lab_full_packages='systemd-sysv,udev,kmod,iproute2,iputils-ping,ethtool,jq,procps,mdevctl,openvswitch-switch,dkms,gcc-12,make'

# full_tree KERNEL-DIR: prints the folder of the tree, making it if need be.
full_tree() {
	local release out
	release=$(cat "$1/release")
	out=$lab_cache/full/$release-$(hash_of "$lab_dir/full.sh" | cut -c1-8)
	[[ -e $out/complete ]] || with_lock full full_make "$release" "$out" >&2 || return
	printf '%s\n' "$out/tree"
}

# full_make RELEASE OUT
full_make() {
	local out=$2 part=$2.$$.part sources=/etc/apt/sources.list.d/debian.sources
	[[ -e $sources ]] || sources=/etc/apt/sources.list
	[[ ! -e $out/complete ]] || return 0
	[[ $EUID -eq 0 ]] || { say "the full root must be made by root" && return "$LAB_SKIPPED"; }
	command -v mmdebstrap >/dev/null || { say "mmdebstrap is missing" && return "$LAB_BROKEN"; }
	say "making the full root"
	mkdir -p "$lab_cache/full"
	# Those of kernels and of versions of the lab that are gone.
	find "$lab_cache/full" -mindepth 1 -maxdepth 1 -mtime +7 ! -name "${out##*/}" -exec rm -rf {} +
	rm -rf "$part" "$out"
	mkdir "$part"
	retry mmdebstrap --mode=root --variant=apt --include="$lab_full_packages,linux-headers-$1" --quiet \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' --aptopt='Acquire::Languages "none"' \
		"$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" "$part/tree" "$sources" >"$part/log" 2>&1 || {
		cat "$part/log"
		rm -rf "$part"
		return "$LAB_BROKEN"
	}
	full_configure "$part/tree"
	touch "$part/complete"
	mv "$part" "$out"
}

full_configure() {
	local tree=$1 unit
	echo lab >"$tree/etc/hostname"
	cat >"$tree/etc/systemd/system/lab.service" <<-'END'
		[Unit]
		Description=The command of lab/run
		After=openvswitch-switch.service systemd-udev-settle.service
		[Service]
		ExecStart=/bin/sh /.lab/init main
		StandardOutput=tty
		TTYPath=/dev/console
		KillMode=none
		[Install]
		WantedBy=multi-user.target
	END
	mkdir -p "$tree/etc/systemd/system/multi-user.target.wants"
	ln -s ../lab.service "$tree/etc/systemd/system/multi-user.target.wants/lab.service"
	for unit in getty@.service serial-getty@.service console-getty.service apt-daily.timer apt-daily-upgrade.timer \
		e2scrub_all.timer fstrim.timer systemd-timesyncd.service systemd-random-seed.service; do
		ln -sf /dev/null "$tree/etc/systemd/system/$unit"
	done
	rm -rf "$tree"/var/cache/apt/* "$tree"/var/lib/apt/lists/*
}

# full_disk KERNEL KERNEL-DIR PERSIST: prints the path of the disk image.
full_disk() {
	local tree disk
	tree=$(full_tree "$2") || return
	disk=${tree%/*}/disk
	[[ -e $disk ]] || with_lock full full_disk_make "$tree" "$disk" >&2 || return
	if [[ $3 -eq 1 ]]; then
		[[ -e ${tree%/*}/disk.persist ]] || cp --sparse=always "$disk" "${tree%/*}/disk.persist" || return
		disk+=.persist
	fi
	printf '%s\n' "$disk"
}

full_disk_make() {
	[[ ! -e $2 ]] || return 0
	truncate -s 3G "$2.part"
	mkfs.ext4 -q -F -E lazy_itable_init=1 -d "$1" "$2.part" || return "$LAB_BROKEN"
	mv "$2.part" "$2"
}
