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

# reloads: how many succeeded.
reloads() {
	local out
	out=$(devlink -s dev show subdev/nic0)
	[[ $out =~ driver_reinit:[[:space:]]+unspecified" "([0-9]+) ]] && echo "${BASH_REMATCH[1]}"
}

test_statistics_and_notifications() {
	new nic0
	is 0 reloads
	devlink dev reload subdev/nic0
	is 1 reloads
	command devlink monitor >/tmp/monitor 2>&1 &
	monitor=$!
	# It listens as soon as it tells of anything.
	until [ -s /tmp/monitor ]; do
		devlink dev reload subdev/nic0
		nap 0.1
	done
	count=$(reloads)
	write 'reload_up 1 5' $fault
	fails 'fault injection' devlink dev reload subdev/nic0
	is "$count" reloads
	has 'reload_failed true' devlink dev show subdev/nic0
	wait_for grep -F '[dev,new] subdev/nic0: reload_failed true' /tmp/monitor
	devlink dev reload subdev/nic0
	hasnt reload_failed devlink dev show subdev/nic0
	is $((count + 1)) reloads
	wait_for grep "unspecified $((count + 1))" /tmp/monitor
	wait_for grep -F '[port,del] subdev/nic0/0' /tmp/monitor
	kill $monitor
	del nic0
}
