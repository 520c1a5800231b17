# SPDX-License-Identifier: GPL-2.0-only
# With the programs of a Debian system: only in the full root (lab/full-test).

type=subdev-eth

test_mdevctl() {
	new nic0 max_subdevices=8
	has 'Available instances: 8' mdevctl types -p nic0
	has 'Ethernet function' mdevctl types -p nic0
	has ${type}4 mdevctl types
	mdevctl start -u $uuid1 -p nic0 -t $type
	has "$uuid1 nic0 $type" mdevctl list
	has mdev/$uuid1 devlink dev show
	has 'Available instances: 7' mdevctl types -p nic0
	fails 'nosuch' mdevctl start -u $uuid2 -p nic0 -t nosuch
	mdevctl define -u $uuid2 -p nic0 -t ${type}4
	mdevctl start -u $uuid2
	has "$uuid2 nic0 ${type}4" mdevctl list
	is 4 param mdev/$uuid2 queues
	mdevctl stop -u $uuid1
	mdevctl stop -u $uuid2
	hasnt $uuid2 mdevctl list
	mdevctl undefine -u $uuid2
	del nic0
}

test_ovs_with_two_representors() {
	new nic0
	mode nic0 switchdev
	ovs-vsctl add-br ovs0
	for n in 1 2; do
		sf_full $n
		rep=$(netdev "$full")
		ip netns add o$n
		ip link set "$(netdev "auxiliary/$(sf_dev $n)/0")" netns o$n name port
		ip -n o$n address add 10.0.0.$n/24 dev port
		ip -n o$n link set port up
		ip link set "$rep" up
		ovs-vsctl add-port ovs0 "$rep"
	done
	ip netns exec o1 ping -c 2 -w 30 10.0.0.2
	# A flow of the kernel's datapath did it.
	has packets ovs-appctl dpctl/dump-flows
	ovs-ofctl add-flow ovs0 'priority=100,icmp,actions=drop'
	# The datapath hears of it some time later.
	dropped() { ! ip netns exec o1 ping -c 1 -w 1 10.0.0.2; }
	wait_for dropped
	ovs-vsctl del-br ovs0
	del nic0
	ip -all netns delete
	# The datapath's own netdev.
	ovs-vsctl --no-wait list bridge
	ip link delete ovs-system 2>/dev/null || :
}

# udev sees what the module tells: names by port, as of any card with a switch.
test_udev() {
	new nic0
	mode nic0 switchdev
	port=$(sf_add 88)
	udevadm settle
	rep=$(netdev "$port")
	has 'P: /devices/subdev/nic0/net/' udevadm info "/sys/class/net/$rep"
	is pf0sf88 cat "/sys/class/net/$rep/phys_port_name"
	del nic0
	udevadm settle
}
