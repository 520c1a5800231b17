# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # variables lab_* are from lab.sh, or for lab/run
# Other people's drivers and emulated hardware, for `lab/run --with`. Sourced.
#
#   netdevsim, mtty, mdpy   modules that Debian does not build: built from its linux-source of the series, against the
#                           headers of the kernel, and kept in the cache. The debug kernel has them.
#   vdpasim                 the kernel's simulator of vDPA devices, likewise, with the ring that it stands on and the driver
#                           vhost_vdpa. Debian's 6.1 has no vDPA at all.
#   nvme-sriov              an NVMe controller with four virtual functions behind an IOMMU: pci/0000:01:00.0
#   vgpu                    lab/vgpu, a driver that makes mediated devices of whatever PCI function is bound to it by name

lab_extras=(netdevsim mtty mdpy vdpasim nvme-sriov vgpu)

# extra_modules NAME: the modules it is used by, in the order to load them in.
extra_modules() {
	case $1 in
	# It asks for psample only when it is used.
	netdevsim) echo psample netdevsim ;;
	# The first driver takes every new device.
	vdpasim) echo vhost_vdpa vringh vdpa_sim vdpa_sim_net ;;
	nvme-sriov) echo nvme vfio-pci ;;
	vgpu) echo lab_vgpu ;;
	*) echo "$1" ;;
	esac
}

# kernel_has KERNEL-DIR MODULE
kernel_has() {
	grep -Eqs "(^|/)${2//[-_]/[-_]}\.ko" "$1/lib/modules/$(cat "$1/release")"/modules.{dep,builtin}
}

# extra_build KERNEL KERNEL-DIR NAME: prints the paths of the modules that the kernel has not, building them if need be.
# A kernel that cannot have them is a reason to skip.
extra_build() {
	local module build folder config source out key
	for module in $(extra_modules "$3"); do
		kernel_has "$2" "$module" && continue
		build=$module key=
		case $module in
		lab_vgpu)
			source=$lab_dir folder=vgpu config=CONFIG_LAB_VGPU=m
			key=$(cat "$lab_dir"/vgpu/* | sha256sum | cut -c1-16)
			;;
		netdevsim) folder=drivers/net/netdevsim config=CONFIG_NETDEVSIM=m ;;
		mtty | mdpy) folder=samples/vfio-mdev config=CONFIG_SAMPLE_VFIO_MDEV_${module^^}=m ;;
		vringh | vdpa_sim | vdpa_sim_net)
			build=vdpasim folder=drivers/vdpa/vdpa_sim config='CONFIG_VDPA_SIM=m CONFIG_VDPA_SIM_NET=m'
			;;
		*)
			skip_extra "$1" "$module" "$3"
			return
			;;
		esac
		[[ -n $key ]] || {
			source=$("$lab_dir/kernel-source" "${1%-cloud}") || return
			key=${source##*/}
		}
		out=$lab_cache/modules/${2##*/}-$build-$key
		[[ -e $out/$module.ko ]] ||
			with_lock "module-${out##*/}" extra_make "$2" "$source/$folder" "$config" "$out/$module.ko" >&2 || return
		printf '%s\n' "$out/$module.ko"
	done
}

# skip_extra KERNEL MODULE NAME
skip_extra() {
	say "skipped: the kernel $1 has no $2, which $3 needs"
	return "$LAB_SKIPPED"
}

# extra_make KERNEL-DIR SOURCES CONFIG RESULT
extra_make() {
	local out=${4%/*} module=${4##*/} configs
	local part=$out.$$.part
	[[ ! -e $4 ]] || return 0
	read -ra configs <<<"$3"
	rm -rf "$part"
	mkdir -p "${part%/*}"
	cp -r "$2" "$part"
	if [[ $2 == */vdpa_sim ]]; then
		# The kernel's own ring for the host's side, which Debian has no use for.
		cp "${2%/vdpa/*}/vhost/vringh.c" "$part"
		echo 'obj-m += vringh.o' >>"$part/Makefile"
	fi
	if ! make -C "$1/build" M="$part" "${configs[@]}" -j"$(nproc)" modules >"$part/build.log" 2>&1 || [[ ! -e $part/$module ]]; then
		grep -E 'error|ERROR' "$part/build.log" | head -n 5
		rm -rf "$part"
		say "skipped: $module does not build for the kernel $(cat "$1/release")"
		return "$LAB_SKIPPED"
	fi
	rm -rf "$out"
	mv "$part" "$out"
}

# extra_hardware NAME: fills `machine` (options of it), `devices` (arguments of QEMU) and `boot` (the command line).
extra_hardware() {
	[[ $1 == nvme-sriov ]] || return 0
	machine+=,kernel-irqchip=off
	devices+=(
		-device intel-iommu
		-device "pcie-root-port,id=rp0,slot=1,chassis=1"
		-device "nvme-subsys,id=s0"
		-device "nvme,serial=lab,bus=rp0,subsys=s0,sriov_max_vfs=4,sriov_vq_flexible=8,sriov_vi_flexible=4,max_ioqpairs=18,msix_qsize=18"
	)
	boot+=' intel_iommu=on'
}
