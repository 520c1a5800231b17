# SPDX-License-Identifier: GPL-2.0-only
# Subfunctions without mediated devices: what a kernel without mdev (Debian's -cloud) is left with. Other tests need both.

test_no_mdev() {
	[ ! -e /sys/bus/mdev ] || exit 77
	new nic0
	[ ! -e $bus/devices/nic0/mdev_supported_types ]
	hasnt mdev cat /proc/modules
	del nic0
}

test_sf_with_traffic() {
	new nic0
	mode nic0 switchdev
	sf_full 88
	dev=auxiliary/$(sf_dev 88)
	is 'active attached' port_state "$full"
	ip netns add a
	ip link set "$(netdev "$dev/0")" netns a name port
	ip -n a address add 10.0.0.1/24 dev port
	ip -n a link set port up
	rep=$(netdev "$full")
	ip address add 10.0.0.2/24 dev "$rep"
	ip link set "$rep" up
	ping -c 2 -w 30 10.0.0.1
	devlink dev reload "$dev"
	[ -n "$(netdev "$dev/0")" ]
	fails 'Functions exist' mode nic0 legacy
	devlink dev reload subdev/nic0
	fails '' devlink dev show "$dev"
	ip netns delete a
	sf_full 88
	del nic0
}

test_legacy_mode_has_only_the_uplink() {
	new nic0
	fails 'only supported in eswitch mode switchdev' sf_add 1
	hasnt pcisf devlink port show
	del nic0
}

test_rmmod() {
	new nic0
	mode nic0 switchdev
	sf_full 88
	rmmod subdev
	modprobe subdev
}
