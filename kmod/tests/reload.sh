# SPDX-License-Identifier: GPL-2.0-only
# Reload of a parent.

test_keeps_and_loses() {
	new nic0
	mode nic0 switchdev
	sf_full 1
	mdev_full $uuid1
	mdev_create $uuid2
	port=$(mdev_port $uuid1)
	devlink port function set "$(mdev_port $uuid2)" hw_addr 02:00:00:00:00:02
	devlink dev param set mdev/$uuid1 name queues value 2 cmode driverinit
	devlink dev reload subdev/nic0
	has 'mode switchdev' devlink dev eswitch show subdev/nic0
	hasnt 'sfnum 1 ' devlink port show
	is '' ls /sys/bus/auxiliary/devices
	is "$port" mdev_port $uuid1
	is 'inactive detached' port_state "$port"
	is 02:00:00:00:00:02 hw_addr "$(mdev_port $uuid2)"
	[ -n "$(netdev "$port")" ]
	is 254 cat $types/available_instances
	has 'value 2' devlink dev param show mdev/$uuid1 name queues
	devlink dev reload mdev/$uuid1
	activate "$port"
	has tx-1 ls "/sys/class/net/$(netdev mdev/$uuid1/0)/queues"
	sf_full 1
	devlink dev reload subdev/nic0
	devlink dev reload subdev/nic0
	del nic0
}

test_legacy() {
	long
	new nic0
	mdev_full $uuid1
	devlink dev reload subdev/nic0
	has 'mode legacy' devlink dev eswitch show subdev/nic0
	activate "$(mdev_port $uuid1)"
	del nic0
}

test_to_a_netns_and_back() {
	new nic0
	mode nic0 switchdev
	mdev_full $uuid1
	ip netns add a
	# One of its own, for it keeps the netns open.
	command devlink dev reload subdev/nic0 netns a
	has subdev/nic0 devlink -N a dev show
	has pcisf devlink -N a port show
	hasnt subdev/nic0 devlink dev show
	has mdev/$uuid1 devlink dev show
	ip netns delete a
	wait_for devlink dev show subdev/nic0
	has pcisf devlink port show
	del nic0
}
