# SPDX-License-Identifier: GPL-2.0-only
# Transmit rates.

test_objects() {
	new nic0
	mdev_create $uuid1
	hasnt leaf rate show
	mdev_remove $uuid1
	mode nic0 switchdev
	port=$(sf_add 1)
	mdev_create $uuid1
	mdev=$(mdev_port $uuid1)
	has "$port: type leaf" rate show
	has "$mdev: type leaf" rate show
	rate add subdev/nic0/gold tx_max 20mbit tx_share 10mbit
	fails '' rate add subdev/nic0/gold
	rate add subdev/nic0/top
	rate set subdev/nic0/gold parent top
	fails '' rate set subdev/nic0/top parent gold
	rate set "$port" tx_share 5mbit tx_max 10mbit parent gold
	has 'type leaf tx_share 5Mbit tx_max 10Mbit parent gold' rate show "$port"
	has 'type node tx_share 10Mbit tx_max 20Mbit parent top' rate show subdev/nic0/gold
	fails '' rate del subdev/nic0/gold
	fails 'ate node(s) exists' mode nic0 legacy
	rate set "$port" noparent
	rate del subdev/nic0/gold
	rate add subdev/nic0/gold
	rate set "$port" parent gold
	rate set "$mdev" tx_max 1mbit parent top
	# An SF goes with its rate, an mdev stays without, and nodes go by a reload.
	devlink port del "$port"
	devlink dev reload subdev/nic0
	hasnt node rate show
	has "$mdev: type leaf" rate show
	hasnt tx_max rate show
	rate add subdev/nic0/top
	rate set "$mdev" parent top
	write 1 /sys/kernel/debug/subdev/nic0/reset
	hasnt type rate show
	mode nic0 legacy
	mdev_remove $uuid1
	mode nic0 switchdev
	rate add subdev/nic0/top
	rate set "$(sf_add 1)" parent top
	del nic0
}
