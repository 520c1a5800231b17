# SPDX-License-Identifier: GPL-2.0-only
# Every order in which things can be taken away.

full_parent() {
	new nic0
	mode nic0 switchdev
	sf_full 1
	mdev_full $uuid1
	# one of each that is inactive
	sf_add 2
	mdev_create $uuid2
}

test_port_del_active() {
	long
	new nic0
	mode nic0 switchdev
	sf_full 1
	devlink port del "$full"
	fails '' devlink port show "$full"
	is '' ls /sys/bus/auxiliary/devices
	del nic0
}

test_mdev_remove_active() {
	long
	new nic0
	mode nic0 switchdev
	mdev_full $uuid1
	mdev_remove $uuid1
	hasnt pcisf devlink port show
	del nic0
}

test_del_device_with_live_functions() {
	full_parent
	del nic0
}

test_del_device_legacy() {
	new nic0
	mdev_full $uuid1
	mdev_full $uuid2
	del nic0
}

test_rmmod_with_live_functions() {
	full_parent
	new nic1
	rmmod subdev
	[ ! -e $bus ]
	modprobe subdev
}

netdevs_in() { ip -o -n "$1" link | grep -vc -e ': lo:' -e ': sit0@' || :; }

test_netdevs_in_other_netns() {
	full_parent
	ip netns add a
	ip link set "$(netdev "$(mdev_port $uuid1)")" netns a
	ip link set "$(netdev mdev/$uuid1/0)" netns a
	ip link set "$(netdev "auxiliary/$(sf_dev 1)/0")" netns a
	ip link set "$(netdev subdev/nic0/0)" netns a
	is 4 netdevs_in a
	deactivate "$(mdev_port $uuid1)"
	del nic0
	is 0 netdevs_in a
	ip netns delete a
}

test_netns_ends_before_function() {
	new nic0
	mode nic0 switchdev
	sf_full 1
	dev=$(netdev "auxiliary/$(sf_dev 1)/0")
	ip netns add a
	ip link set "$dev" netns a
	ip netns delete a
	wait_for test -e "/sys/class/net/$dev"
	is "$dev" netdev "auxiliary/$(sf_dev 1)/0"
	del nic0
}

test_unbind_eth() {
	full_parent
	port=$(mdev_port $uuid1)
	eth=$(ls /sys/bus/mdev/devices/$uuid1 | grep subdev.eth)
	drv=/sys/bus/auxiliary/drivers/subdev.eth
	write "$eth" $drv/unbind
	is 'active detached' port_state "$port"
	is '' netdev mdev/$uuid1/0
	write "$eth" $drv/bind
	is 'active attached' port_state "$port"
	[ -n "$(netdev mdev/$uuid1/0)" ]
	write "$eth" $drv/unbind
	devlink dev reload mdev/$uuid1
	[ -n "$(netdev mdev/$uuid1/0)" ]
	write "$(ls /sys/bus/mdev/devices/$uuid1 | grep subdev.eth)" $drv/unbind
	deactivate "$port"
	del nic0
}

test_unbind_sf() {
	full_parent
	dev=$(sf_dev 1)
	port=subdev/nic0/$(cat "/sys/bus/auxiliary/devices/$dev/port_index")
	drv=/sys/bus/auxiliary/drivers/subdev.sf
	write "$dev" $drv/unbind
	is 'active detached' port_state "$port"
	fails '' devlink dev show "auxiliary/$dev"
	write "$dev" $drv/bind
	is 'active attached' port_state "$port"
	has "auxiliary/$dev" devlink dev show "auxiliary/$dev"
	write "$dev" $drv/unbind
	devlink port del "$port"
	del nic0
}

test_no_autoprobe() {
	new nic0
	mode nic0 switchdev
	port=$(sf_add 1)
	echo 0 >/sys/bus/auxiliary/drivers_autoprobe
	err=0
	activate "$port" || err=$?
	echo 1 >/sys/bus/auxiliary/drivers_autoprobe
	[ $err = 0 ]
	is 'active detached' port_state "$port"
	del nic0
}

test_many_at_once() {
	long
	new nic0
	mode nic0 switchdev
	for i in $(seq 1 20); do
		echo "port add subdev/nic0 flavour pcisf pfnum 0 sfnum $i"
	done >/tmp/batch
	devlink -b /tmp/batch >/dev/null
	del nic0
}

# Frames in both directions, and sockets of devlink and rtnetlink that listen.
test_rmmod_under_traffic() {
	new nic0
	mode nic0 switchdev
	mdev_full $uuid1
	rep=$(netdev "$(mdev_port $uuid1)")
	ip netns add a
	ip link set "$(netdev mdev/$uuid1/0)" netns a name port
	ip -n a address add 10.0.0.1/24 dev port
	ip -n a link set port up
	ip address add 10.0.0.2/24 dev "$rep"
	ip link set "$rep" up
	ip netns exec a ping -f -w 20 10.0.0.2 >/dev/null 2>&1 &
	pids=$!
	ping -f -w 20 10.0.0.1 >/dev/null 2>&1 &
	pids="$pids $!"
	command devlink monitor >/dev/null 2>&1 &
	pids="$pids $!"
	ip monitor >/dev/null 2>&1 &
	pids="$pids $!"
	nap 0.5
	rmmod subdev
	# shellcheck disable=SC2086 # a list
	kill $pids || :
	wait
	ip netns delete a
	modprobe subdev
}

test_mdev_remove_races_del_device() {
	for round in 0 ${short:-0.01 0.02 0.04 0.08}; do
		new nic0
		mode nic0 switchdev
		mdev_full $uuid1
		mdev_create $uuid2
		mdev_create $uuid3
		for uuid in $uuid1 $uuid2 $uuid3; do
			mdev_remove $uuid 2>/dev/null &
		done
		nap $round
		del nic0
		wait
		[ ! -e /sys/bus/mdev/devices/$uuid1 ]
	done
}
