# SPDX-License-Identifier: GPL-2.0-only
# Fault injection: every operation, and nothing left of what failed.

# same COMMAND...: it must not change what there is.
same() {
	local before what=${short:+devices}
	before=$(${what:-inventory} 2>&1)
	"$@" || return
	is "$before" ${what:-inventory}
}

test_file() {
	is '' cat $fault
	write 'port_add 2 28' $fault
	write 'reload 1 5' $fault
	is 'port_add 2 28 seen 0
reload 1 5 seen 0' cat $fault
	for words in '' port_add 'port_add 0 5' 'port_add 1 0' 'port_add 1 5000' 'nonsense 1 5' 'port_add 1 5 6'; do
		fails 'Invalid argument' write "$words" $fault
	done
	write clear $fault
	is '' cat $fault
}

test_new_device() {
	write 'new_device 2 5' $fault
	new nic0
	is 'new_device 2 5 seen 1' cat $fault
	same fails 'Input/output error' new nic1
	is '' cat $fault
	new nic1
	del nic1
	del nic0
}

test_mode_set() {
	new nic0
	write 'mode_set 1 16' $fault
	fails 'fault injection: mode_set call 1' mode nic0 switchdev
	has 'mode legacy' devlink dev eswitch show subdev/nic0
	mode nic0 switchdev
	del nic0
}

test_port_add() {
	new nic0
	mode nic0 switchdev
	write 'port_add 2 28' $fault
	sf_add 1
	same fails 'fault injection: port_add call 2' sf_add 2
	is 255 cat $types/available_instances
	sf_add 2
	del nic0
}

test_mdev_create() {
	new nic0
	mode nic0 switchdev
	write 'mdev_create 1 12' $fault
	same fails 'Cannot allocate memory' mdev_create $uuid1
	is 256 cat $types/available_instances
	mdev_create $uuid1
	is 1000 cat /sys/bus/mdev/devices/$uuid1/sfnum
	del nic0
}

test_function_set() {
	new nic0
	mode nic0 switchdev
	port=$(sf_add 1)
	addr=$(hw_addr "$port")
	write 'function_set 1 5' $fault
	fails 'fault injection: function_set call 1' devlink port function set "$port" hw_addr 02:00:00:00:00:01
	is "$addr" hw_addr "$port"
	devlink port function set "$port" hw_addr 02:00:00:00:00:01
	is 02:00:00:00:00:01 hw_addr "$port"
	del nic0
}

test_activate() {
	new nic0
	mode nic0 switchdev
	port=$(sf_add 1)
	mdev_create $uuid1
	enable_eth mdev/$uuid1
	devlink dev reload mdev/$uuid1
	for port in "$port" "$(mdev_port $uuid1)"; do
		write 'activate 1 110' $fault
		same fails 'fault injection: activate call 1' activate "$port"
		is 'inactive detached' port_state "$port"
		activate "$port"
		is 'active attached' port_state "$port"
	done
	del nic0
}

test_param_set() {
	new nic0
	mdev_create $uuid1
	write 'param_set 1 22' $fault
	fails 'fault injection: param_set call 1' enable_eth mdev/$uuid1
	has 'value false' devlink dev param show mdev/$uuid1 name enable_eth
	write 'param_set 1 22' $fault
	fails 'fault injection: param_set call 1' \
		devlink dev param set mdev/$uuid1 name queues value 2 cmode driverinit
	write 'param_set 1 22' $fault
	fails 'fault injection: param_set call 1' \
		devlink dev param set subdev/nic0 name spoof_check value false cmode runtime
	has 'value true' devlink dev param show subdev/nic0 name spoof_check
	del nic0
}

test_reload() {
	new nic0
	mode nic0 switchdev
	sf_full 1
	mdev_full $uuid1
	for dev in mdev/$uuid1 "auxiliary/$(sf_dev 1)" subdev/nic0; do
		write 'reload 1 5' $fault
		same fails 'fault injection: reload call 1' devlink dev reload "$dev"
	done
	devlink dev reload mdev/$uuid1
	del nic0
}

test_reload_up() {
	new nic0
	mode nic0 switchdev
	mdev_full $uuid1
	for dev in mdev/$uuid1 subdev/nic0; do
		write 'reload_up 1 5' $fault
		fails 'fault injection: reload_up call 1' devlink dev reload "$dev"
		is '' netdev mdev/$uuid1/0
		devlink dev reload "$dev"
	done
	activate "$(mdev_port $uuid1)"
	write 'reload_up 1 5' $fault
	fails 'fault injection' devlink dev reload subdev/nic0
	fails '' mdev_create $uuid2
	del nic0
}

test_delay() {
	delay=${fault%/*}/delay
	new nic0
	for words in '' mode_set 'mode_set x' 'nonsense 5' 'mode_set 40000' 'mode_set 5 6'; do
		fails 'Invalid argument' write "$words" "$delay"
	done
	write 'mode_set 300' "$delay"
	is 'mode_set 300' cat "$delay"
	start=${EPOCHREALTIME/./}
	mode nic0 switchdev
	[ $((${EPOCHREALTIME/./} - start)) -ge 300000 ]
	write clear "$delay"
	is '' cat "$delay"
	del nic0
}
