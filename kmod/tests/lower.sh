# SPDX-License-Identifier: GPL-2.0-only
# A real netdev as uplink: one end of a veth pair, the other end is what is outside.

lower() { cat $bus/devices/nic0/lower; }
carrier() { cat "/sys/class/net/$(netdev subdev/nic0/0)/carrier"; }

uppers() { ls /sys/class/net/"$1" | grep '^upper_' || :; }

# wire [WORDS]: a parent on one end, the other in a netns.
wire() {
	ip link add wire0 type veth peer name wire1
	station outside wire1 10.0.0.9
	ip link set wire0 up
	new nic0 lower=wire0 "$@"
	ip link set "$(netdev subdev/nic0/0)" up
}

end() {
	del nic0
	[ ! -e /run/netns/outside ] || ip -all netns delete
	wait_for test ! -e /sys/class/net/wire0
}

test_refusals() {
	fails 'No such device' new nic0 lower=wire0
	fails 'Invalid argument' new nic0 lower=
	fails 'Invalid argument' new nic0 lower=a/b
	fails 'Invalid argument' new nic0 lower=lo
	new nic1
	fails 'Invalid argument' new nic0 "lower=$(netdev subdev/nic1/0)"
	del nic1
	ip link add wire0 type veth peer name wire1
	ip link add br0 type bridge
	ip link set wire0 master br0
	dmesg -c >/dev/null
	fails 'resource busy' new nic0 lower=wire0
	has 'subdev nic0: lower=wire0: it is in use already' dmesg
	ip link delete br0
	# And the other way round.
	new nic0 lower=wire0
	is wire0 lower
	ip link add br0 type bridge
	fails 'resource busy' ip link set wire0 master br0
	fails 'resource busy' new nic1 lower=wire0
	ip link delete br0
	del nic0
	is '' uppers wire0
	hasnt PROMISC ip link show dev wire0
	new nic0 lower=wire0
	del nic0
	ip link delete wire0
	# No netdev below itself.
	ip link add br0 type bridge
	new nic0 lower=br0
	fails 'resource busy' ip link set "$(netdev subdev/nic0/0)" master br0
	del nic0
	ip link delete br0
}

test_switchdev() {
	wire
	is "$(cat /sys/class/net/wire0/address)" cat "/sys/class/net/$(netdev subdev/nic0/0)/address"
	is "upper_$(netdev subdev/nic0/0)" uppers wire0
	mode nic0 switchdev
	mdev_full $uuid1
	station f "$(netdev mdev/$uuid1/0)" 10.0.0.1
	ip link add br0 type bridge
	for dev in "$(netdev "$(mdev_port $uuid1)")" "$(netdev subdev/nic0/0)"; do
		ip link set "$dev" master br0 up
	done
	ip link set br0 up
	pings f 10.0.0.9
	pings outside 10.0.0.1
	# The uplink comes back on the same wire.
	devlink dev reload subdev/nic0
	uplink=$(netdev subdev/nic0/0)
	is "upper_$uplink" uppers wire0
	[ /sys/class/net/"$uplink"/lower_wire0 -ef /sys/class/net/wire0 ]
	ip address add 10.0.0.3/24 dev "$uplink"
	ip link set "$uplink" up
	pings outside 10.0.0.3
	ip link delete br0
	end
}

# The uplink moves, the wire does not.
test_parent_in_another_namespace() {
	long
	wire
	ip netns add a
	command devlink dev reload subdev/nic0 netns a
	is wire0 lower
	uplink=$(ip -n a -o link | sed -n 's/^[0-9]*: \(eth[0-9]*\):.*/\1/p')
	ip -n a address add 10.0.0.3/24 dev "$uplink"
	ip -n a link set "$uplink" up
	pings outside 10.0.0.3
	ip netns delete a
	wait_for devlink dev show subdev/nic0
	is wire0 lower
	is "upper_$(netdev subdev/nic0/0)" uppers wire0
	end
}

test_legacy() {
	long
	wire mac_base=02:00:00:00:10:00
	is 02:00:00:00:10:00 cat "/sys/class/net/$(netdev subdev/nic0/0)/address"
	mdev_full $uuid1
	mdev_full $uuid2
	station f "$(netdev mdev/$uuid1/0)" 10.0.0.1
	station g "$(netdev mdev/$uuid2/0)" 10.0.0.2
	station u "$(netdev subdev/nic0/0)" 10.0.0.3
	for address in 1 2 3; do pings outside 10.0.0.$address; done
	for name in f g u; do pings $name 10.0.0.9; done
	pings f 10.0.0.2
	end
}

test_goes_away() {
	wire
	mdev_full $uuid1
	station f "$(netdev mdev/$uuid1/0)" 10.0.0.1
	is 1 carrier
	ip link set wire0 down
	is 0 carrier
	ip link set wire0 name wire2
	is wire2 lower
	ip link set wire2 up
	wait_for is 1 carrier
	ip netns exec f ping -f -w 20 10.0.0.9 >/dev/null 2>&1 &
	flood=$!
	nap 0.3
	ip link delete wire2
	is '' lower
	is 0 carrier
	ip link add wire2 type bridge
	is '' lower
	devlink dev reload subdev/nic0
	ip link set "$(netdev subdev/nic0/0)" up
	is 0 carrier
	ip link delete wire2
	end
	kill $flood || :
	wait
}

test_other_namespace() {
	long
	# In a namespace: the wire is looked for where the writer is.
	ip netns add a
	ip -n a link add wire0 type veth peer name wire1
	ip -n a link set wire0 up
	station outside wire0 10.0.0.8 2>/dev/null || :
	ip -n a link set wire1 netns outside
	ip -n outside link set wire1 up
	ip -n outside address add 10.0.0.9/24 dev wire1
	fails 'No such device' new nic0 lower=wire0
	ip netns exec a sh -c "mount -t sysfs sys /mnt; echo nic0 lower=wire0 >/mnt/bus/subdev/new_device; umount /mnt"
	ip address add 10.0.0.3/24 dev "$(netdev subdev/nic0/0)"
	ip link set "$(netdev subdev/nic0/0)" up
	is wire0 lower
	pings outside 10.0.0.3
	# To leave its namespace is to go.
	ip -n a link set wire0 netns outside
	is '' lower
	end
}
