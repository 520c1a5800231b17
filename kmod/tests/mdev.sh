# SPDX-License-Identifier: GPL-2.0-only
# Functions as mediated devices.

test_type() {
	new nic0 max_subdevices=3
	is 'subdev-eth
subdev-eth4' ls $bus/devices/nic0/mdev_supported_types
	is 'Ethernet function' cat $types/name
	is 'subdev-net' cat $types/device_api
	[ -s $types/description ]
	is 3 cat $types/available_instances
	mode nic0 switchdev
	sf_add 1
	is 2 cat $types/available_instances
	mdev_create $uuid1
	is 1 cat $types/available_instances
	mdev_create $uuid2
	is 0 cat $types/available_instances
	fails 'No space left' mdev_create $uuid3
	fails 'All subdevices are in use' sf_add 2
	mdev_remove $uuid1
	is 1 cat $types/available_instances
	mdev_create $uuid3
	del nic0
}

test_types_of_two_sizes() {
	new nic0 max_subdevices=6
	big=${types}4
	is 6 cat $types/available_instances
	is 1 cat $big/available_instances
	write $uuid1 $big/create
	is 2 cat $types/available_instances
	is 0 cat $big/available_instances
	has 'occ 4' devlink resource show subdev/nic0
	fails 'No space left' write $uuid2 $big/create
	is 4 param mdev/$uuid1 queues
	mdev_create $uuid2
	is 1 param mdev/$uuid2 queues
	mdev_remove $uuid1
	is 5 cat $types/available_instances
	is 1 cat $big/available_instances
	del nic0
}

test_create_in_legacy_mode() {
	new nic0
	mdev_create $uuid1
	is 1000 cat /sys/bus/mdev/devices/$uuid1/sfnum
	is 'inactive detached' port_state "$(mdev_port $uuid1)"
	has mdev/$uuid1 devlink dev show
	has 'driver subdev_mdev' devlink dev info mdev/$uuid1
	is '' netdev "$(mdev_port $uuid1)"
	fails 'File exists' mdev_create $uuid1
	fails 'Invalid argument' mdev_create nonsense
	mdev_remove $uuid1
	del nic0
}

test_port_del_refused() {
	new nic0
	mode nic0 switchdev
	mdev_create $uuid1
	fails 'remove file' devlink port del "$(mdev_port $uuid1)"
	has mdev/$uuid1 devlink dev show
	mdev_remove $uuid1
	del nic0
}

test_active_with_netdev() {
	new nic0
	mode nic0 switchdev
	mdev_full $uuid1
	dev=$(netdev mdev/$uuid1/0)
	is "$(hw_addr "$(mdev_port $uuid1)")" cat "/sys/class/net/$dev/address"
	has "$dev" ls /sys/bus/mdev/devices/$uuid1/subdev.eth.*/net
	has 'flavour virtual' devlink port show mdev/$uuid1/0
	deactivate "$(mdev_port $uuid1)"
	is '' netdev mdev/$uuid1/0
	# What is in force stays in force.
	activate "$(mdev_port $uuid1)"
	[ -n "$(netdev mdev/$uuid1/0)" ]
	mdev_remove $uuid1
	fails '' devlink dev show mdev/$uuid1
	del nic0
}
