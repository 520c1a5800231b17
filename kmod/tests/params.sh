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
