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
