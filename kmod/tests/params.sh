# SPDX-License-Identifier: GPL-2.0-only
# Params of functions and parents, and reload of a function.

queues() {
	set -- /sys/class/net/"$1"/queues/"$2"-*
	echo $#
}
set_queues() { devlink dev param set "$1" name queues value "$2" cmode driverinit; }

test_defaults_on_both_kinds() {
	new nic0
	mode nic0 switchdev
	activate "$(sf_add 1)"
	mdev_create $uuid1
	for dev in "auxiliary/$(sf_dev 1)" mdev/$uuid1; do
		is false param "$dev" enable_eth
		is 1 param "$dev" queues
		fails 'must be 1 to 64' set_queues "$dev" 0
		fails 'must be 1 to 64' set_queues "$dev" 65
		is 1 param "$dev" queues
	done
	del nic0
}

test_value_waits_for_reload() {
	new nic0
	mode nic0 switchdev
	mdev_create $uuid1
	port=$(mdev_port $uuid1)
	enable_eth mdev/$uuid1
	is true param mdev/$uuid1 enable_eth
	activate "$port"
	is '' netdev mdev/$uuid1/0
	is 'active attached' port_state "$port"
	devlink dev reload mdev/$uuid1
	[ -n "$(netdev mdev/$uuid1/0)" ]
	is 'active attached' port_state "$port"
	enable_eth mdev/$uuid1 false
	[ -n "$(netdev mdev/$uuid1/0)" ]
	devlink dev reload mdev/$uuid1
	is '' netdev mdev/$uuid1/0
	is 'active attached' port_state "$port"
	del nic0
}

test_queues_are_real() {
	long
	new nic0
	mode nic0 switchdev
	sf_full 7
	dev=auxiliary/$(sf_dev 7)
	is 1 queues "$(netdev "$dev/0")" tx
	set_queues "$dev" 8
	is 1 queues "$(netdev "$dev/0")" tx
	devlink dev reload "$dev"
	is 8 queues "$(netdev "$dev/0")" tx
	is 8 queues "$(netdev "$dev/0")" rx
	del nic0
}

# An SF's instance is new with every activation, and so are its params.
test_sf_params_end_with_activation() {
	long
	new nic0
	mode nic0 switchdev
	sf_full 7
	port=$full
	deactivate "$port"
	activate "$port"
	is false param "auxiliary/$(sf_dev 7)" enable_eth
	is '' netdev "auxiliary/$(sf_dev 7)/0"
	del nic0
}

test_spoof_check_param() {
	new nic0
	is true param subdev/nic0 spoof_check
	devlink dev param set subdev/nic0 name spoof_check value false cmode runtime
	is false param subdev/nic0 spoof_check
	del nic0
}

# set PARAM VALUE CMODE: on the parent.
set_parent() { devlink dev param set subdev/nic0 name "$1" value "$2" cmode "$3"; }

test_parent_driverinit() {
	new nic0
	is 64 param subdev/nic0 max_queues
	is 65535 param subdev/nic0 max_mtu
	fails 'must be 1 to 64' set_parent max_queues 0 driverinit
	fails 'must be 1 to 64' set_parent max_queues 65 driverinit
	fails '1500 to 65535' set_parent max_mtu 1499 driverinit
	mode nic0 switchdev
	mdev_create $uuid1
	set_queues mdev/$uuid1 4
	enable_eth mdev/$uuid1
	devlink dev reload mdev/$uuid1
	set_parent max_queues 2 driverinit
	set_parent max_mtu 1600 driverinit
	# not yet in force
	set_queues mdev/$uuid1 4
	ip link set "$(netdev subdev/nic0/0)" mtu 9000
	devlink dev reload subdev/nic0
	fails "parent's max_queues" set_queues mdev/$uuid1 3
	activate "$(mdev_port $uuid1)"
	is 2 queues "$(netdev mdev/$uuid1/0)" tx
	fails '' ip link set "$(netdev subdev/nic0/0)" mtu 9000
	ip link set "$(netdev mdev/$uuid1/0)" mtu 1600
	del nic0
}

# Kept by name until the module goes, in force when the parent is made.
test_parent_permanent() {
	new nic0
	is 1000 param subdev/nic0 auto_sfnum_min
	hasnt asset.tag devlink dev info subdev/nic0
	set_parent auto_sfnum_min 7000 permanent
	set_parent asset_tag rack-7 permanent
	is 7000 param subdev/nic0 auto_sfnum_min
	is rack-7 param subdev/nic0 asset_tag
	devlink dev reload subdev/nic0
	is 7000 param subdev/nic0 auto_sfnum_min
	hasnt asset.tag devlink dev info subdev/nic0
	mdev_create $uuid1
	is 1000 cat /sys/bus/mdev/devices/$uuid1/sfnum
	new nic1
	is 1000 param subdev/nic1 auto_sfnum_min
	del nic1
	del nic0
	new nic0
	is 7000 param subdev/nic0 auto_sfnum_min
	has 'asset.tag rack-7' devlink dev info subdev/nic0
	mdev_create $uuid1
	is 7000 cat /sys/bus/mdev/devices/$uuid1/sfnum
	del nic0
	rmmod subdev
	modprobe subdev
	new nic0
	is 1000 param subdev/nic0 auto_sfnum_min
	del nic0
}

test_parent_param_faults() {
	new nic0
	for words in 'max_queues 8 driverinit' 'max_mtu 2000 driverinit' 'auto_sfnum_min 5 permanent' 'asset_tag x permanent'; do
		write 'param_set 1 5' $fault
		# shellcheck disable=SC2086 # three words
		fails 'fault injection' set_parent $words
	done
	is 64 param subdev/nic0 max_queues
	is 1000 param subdev/nic0 auto_sfnum_min
	del nic0
}
