# SPDX-License-Identifier: GPL-2.0-only
# Manners of hardware, by debugfs.

manners=/sys/kernel/debug/subdev/nic0

test_reset() {
	new nic0
	mode nic0 switchdev
	sf_full 1
	mdev_full $uuid1
	mdev_create $uuid2
	devlink port function set "$(mdev_port $uuid2)" hw_addr 02:00:00:00:00:02
	write 1 $manners/reset
	has 'mode legacy' devlink dev eswitch show subdev/nic0
	hasnt 'sfnum 1 ' devlink port show
	is 'inactive detached' port_state "$(mdev_port $uuid1)"
	is 02:00:00:00:00:02 hw_addr "$(mdev_port $uuid2)"
	has 'recover 1' devlink health show subdev/nic0 reporter dev
	activate "$(mdev_port $uuid1)"
	[ -n "$(netdev mdev/$uuid1/0)" ]
	# also what a failed reload left
	write 'reload_up 1 5' $fault
	fails 'fault injection' devlink dev reload subdev/nic0
	write 1 $manners/reset
	devlink dev reload subdev/nic0
	del nic0
	[ ! -e $manners ]
}

test_accept_mac_when_active() {
	new nic0
	mode nic0 switchdev
	mdev_full $uuid1
	port=$(mdev_port $uuid1)
	addr=$(hw_addr "$port")
	write Y $manners/accept_mac_when_active
	devlink port function set "$port" hw_addr 02:00:00:00:00:07
	is 02:00:00:00:00:07 hw_addr "$port"
	is "$addr" cat "/sys/class/net/$(netdev mdev/$uuid1/0)/address"
	write N $manners/accept_mac_when_active
	fails 'while the function is inactive' devlink port function set "$port" hw_addr 02:00:00:00:00:08
	deactivate "$port"
	activate "$port"
	is 02:00:00:00:00:07 cat "/sys/class/net/$(netdev mdev/$uuid1/0)/address"
	del nic0
}

# busy MS: in the background; the instance is locked when this returns, for the writer sleeps in its system call 1.
busy() {
	write "$1" $manners/busy &
	wait_for grep -q '^1 ' /proc/$!/syscall
}

test_busy() {
	new nic0
	fails 'Invalid argument' write 40000 $manners/busy
	start=${EPOCHREALTIME/./}
	busy 2000
	mode nic0 switchdev
	[ $((${EPOCHREALTIME/./} - start)) -ge 2000000 ]
	wait
	busy 2000
	del nic0
	wait
}

test_async_activate() {
	new nic0
	mode nic0 switchdev
	mdev_create $uuid1
	enable_eth mdev/$uuid1
	devlink dev reload mdev/$uuid1
	sf=$(sf_add 1)
	mdev=$(mdev_port $uuid1)
	# long enough for the three looks that have to come before, also on a machine with other work
	write 3000 $manners/async_activate
	for port in "$sf" "$mdev"; do
		activate "$port"
		is 'active detached' port_state "$port"
	done
	is '' netdev mdev/$uuid1/0
	wait_for is 'active attached' port_state "$sf"
	wait_for is 'active attached' port_state "$mdev"
	[ -n "$(netdev mdev/$uuid1/0)" ]
	write 600 $manners/async_activate
	# taken back, or taken away, before it is up
	for port in "$sf" "$mdev"; do
		deactivate "$port"
		activate "$port"
		deactivate "$port"
		is 'inactive detached' port_state "$port"
		activate "$port"
	done
	devlink port del "$sf"
	mdev_remove $uuid1
	nap 0.7
	activate "$(sf_add 1)"
	devlink dev reload subdev/nic0
	activate "$(sf_add 1)"
	del nic0
}

# other_sf NUMBER [CONTROLLER]: a subfunction for another host; prints the handle of its port.
other_sf() {
	local out
	out=$(devlink port add subdev/nic0 flavour pcisf pfnum 0 sfnum "$1" controller "${2:-1}") || {
		echo "$out"
		return 1
	}
	echo "${out%%: *}"
}

test_other_host() {
	other_host=/sys/kernel/debug/subdev/other_host
	new nic0 max_subdevices=3 mac_base=02:00:00:00:10:00
	is 0 cat $other_host
	fails 'Invalid argument' write 3 $other_host
	mode nic0 switchdev
	fails 'Only controller 0 exists' other_sf 88
	write 1 $other_host
	mode nic0 legacy
	fails 'switchdev' other_sf 88
	mode nic0 switchdev
	fails 'Only controllers 0 and 1 exist' other_sf 88 2
	sf_full 88
	port=$(other_sf 88)
	fails 'A function with this sfnum exists' other_sf 88
	# the core says `external` of no SF (devlink_nl_port_attrs_put())
	has 'flavour pcisf controller 1 pfnum 0 sfnum 88 splittable' devlink port show "$port"
	is c1pf0sf88 cat "/sys/class/net/$(netdev "$port")/phys_port_name"
	is 02:01:00:00:10:59 hw_addr "$port"
	# its limits are those of any
	devlink port function set "$port" hw_addr 02:00:00:00:00:09
	rate set "$port" tx_max 10mbit
	devices=$(echo /sys/bus/auxiliary/devices/subdev.*)
	for attaches in 1 2; do
		write $attaches $other_host
		is 'inactive detached' port_state "$port"
		activate "$port"
		[ $attaches = 2 ] || is 'active detached' port_state "$port"
		[ $attaches = 1 ] || is 'active attached' port_state "$port"
		fails 'while the function is inactive' devlink port function set "$port" hw_addr 02:00:00:00:00:08
		is "$devices" echo /sys/bus/auxiliary/devices/subdev.*
		deactivate "$port"
	done
	write 40 $manners/async_activate
	activate "$port"
	nap 0.1
	is 'active attached' port_state "$port"
	# what it sends nobody receives, and the pool is one
	ip link set "$(netdev "$port")" up
	ip address add 10.0.0.1/24 dev "$(netdev "$port")"
	fails '' ping -c 1 -W 1 10.0.0.2
	other_sf 89
	fails 'All subdevices are in use' other_sf 90
	devlink port del "$port"
	port=$(other_sf 88)
	write 0 $other_host
	activate "$port"
	is 'active detached' port_state "$port"
	devlink dev reload subdev/nic0
	hasnt pcisf devlink port show
	fails 'Only controller 0 exists' other_sf 88
	del nic0
	is 0 cat $other_host
}
