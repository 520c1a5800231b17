# SPDX-License-Identifier: GPL-2.0-only
# Frames between function and representor, and through the legacy switch.

pings_not() { ! ip netns exec "$1" ping -c 2 -w 1 -i 0.05 "$2" >/dev/null; }

# tcp FROM TO ADDRESS-OF-FROM: a mebibyte, so that GSO has something to do.
tcp() {
	mkdir -p /tmp/www
	head -c 1048576 /dev/zero >/tmp/www/file
	ip netns exec "$1" busybox httpd -f -p 5000 -h /tmp/www &
	server=$!
	wait_for ip netns exec "$2" timeout 30 busybox wget -O /tmp/received "http://$3:5000/file"
	kill $server
	cmp /tmp/www/file /tmp/received
}

end() {
	del nic0
	ip -all netns delete
}

switchdev_pair() {
	new nic0
	mode nic0 switchdev
	mdev_full $uuid1
	station f "$(netdev mdev/$uuid1/0)" 10.0.0.1
	station r "$(netdev "$(mdev_port $uuid1)")" 10.0.0.2
}

test_switchdev_ping() {
	long
	switchdev_pair
	pings f 10.0.0.2
	pings r 10.0.0.1
	ip netns exec f ping -c 2 -w 30 -s 20000 10.0.0.2 >/dev/null
	end
}

test_switchdev_tcp_with_gso() {
	switchdev_pair
	tcp f r 10.0.0.1
	# bytes per packet on the wire between them: more than a frame
	set -- $(ip -n f -s link show dev port | sed -n '/TX:/{n;p}')
	[ $(($1 / $2)) -gt 1600 ] || { echo "bytes $1 packets $2"; false; }
	end
}

test_carrier_follows_both() {
	long
	switchdev_pair
	is 1 ip netns exec f cat /sys/class/net/port/carrier
	ip -n r link set port down
	is 0 ip netns exec f cat /sys/class/net/port/carrier
	ip -n r link set port up
	is 1 ip netns exec f cat /sys/class/net/port/carrier
	ip -n f link set port down
	is 0 ip netns exec r cat /sys/class/net/port/carrier
	end
}

# flood NETNS ADDRESS
flood() {
	ip netns exec "$1" ping -f -w 20 "$2" >/dev/null 2>&1 &
	floods="$floods $!"
}

test_reload_and_remove_under_traffic() {
	switchdev_pair
	floods=
	flood f 10.0.0.2
	flood r 10.0.0.1
	nap 0.5
	devlink dev reload mdev/$uuid1
	station g "$(netdev mdev/$uuid1/0)" 10.0.0.3
	flood r 10.0.0.3
	nap 0.5
	devlink dev reload subdev/nic0
	nap 0.2
	end
	# shellcheck disable=SC2086 # a list
	kill $floods || :
	wait
}

test_bridged_representors() {
	long
	new nic0
	mode nic0 switchdev
	sf_full 1
	mdev_full $uuid1
	ip link add br0 type bridge
	for rep in "$(netdev "$full")" "$(netdev "$(mdev_port $uuid1)")"; do
		ip link set "$rep" master br0
		ip link set "$rep" up
	done
	ip link set br0 up
	station a "$(netdev "auxiliary/$(sf_dev 1)/0")" 10.0.0.1
	station b "$(netdev mdev/$uuid1/0)" 10.0.0.2
	pings a 10.0.0.2
	tcp a b 10.0.0.1
	# The bridge has learned where the function is, and can keep the two apart.
	has "$(hw_addr "$full") dev $(netdev "$full")" bridge fdb show br br0
	for isolated in on off; do
		bridge link set dev "$(netdev "$full")" isolated $isolated
		bridge link set dev "$(netdev "$(mdev_port $uuid1)")" isolated $isolated
		[ $isolated = off ] || pings_not a 10.0.0.2
	done
	pings a 10.0.0.2
	ip link delete br0
	end
}

# redirect FROM TO: what comes in at one leaves by the other. The debug kernel has no other classifier and action.
redirect() { tc filter add dev "$1" ingress protocol all flower action mirred egress redirect dev "$2"; }

# Two functions and nothing between their representors but filters.
test_tc_between_representors() {
	new nic0
	mode nic0 switchdev
	sf_full 1
	mdev_full $uuid1
	rep1=$(netdev "$full") rep2=$(netdev "$(mdev_port $uuid1)")
	station a "$(netdev "auxiliary/$(sf_dev 1)/0")" 10.0.0.1
	station b "$(netdev mdev/$uuid1/0)" 10.0.0.2
	for rep in "$rep1" "$rep2"; do
		ip link set "$rep" up
		tc qdisc add dev "$rep" clsact
	done
	redirect "$rep1" "$rep2"
	pings_not a 10.0.0.2
	redirect "$rep2" "$rep1"
	pings a 10.0.0.2
	hasnt 'Sent 0 bytes' tc -s filter show dev "$rep1" ingress
	tc filter del dev "$rep1" ingress
	pings_not b 10.0.0.1
	end
}

statistic() { ip netns exec "$1" cat "/sys/class/net/port/statistics/$2"; }
as_many() { [ "$(statistic f "tx_$1")" = "$(statistic r "rx_$1")" ]; }

test_ethtool_mtu_and_statistics() {
	long
	switchdev_pair
	has 'driver: subdev' ip netns exec f ethtool -i port
	has 'Link detected: yes' ip netns exec f ethtool port
	has 'tcp-segmentation-offload: on' ip netns exec f ethtool -k port
	has 'software-transmit' ip netns exec f ethtool -T port
	for name in f r; do ip -n $name link set port mtu 9000; done
	ip netns exec f ping -c 2 -w 30 -s 8900 -M do 10.0.0.2
	# What one end sends the other end receives; wait until nobody speaks.
	wait_for as_many packets
	wait_for as_many bytes
	[ "$(statistic r rx_bytes)" -gt 17800 ]
	# Received by NAPI.
	ip netns exec r ethtool -K port gro on
	pings f 10.0.0.2
	tcp f r 10.0.0.1
	end
}

test_legacy_veb() {
	new nic0
	mdev_full $uuid1
	mdev_full $uuid2
	station a "$(netdev mdev/$uuid1/0)" 10.0.0.1
	station b "$(netdev mdev/$uuid2/0)" 10.0.0.2
	station u "$(netdev subdev/nic0/0)" 10.0.0.3
	pings a 10.0.0.2
	pings b 10.0.0.3
	pings u 10.0.0.1
	tcp a b 10.0.0.1
	end
}

test_legacy_spoof_check() {
	long
	new nic0
	mdev_full $uuid1
	mdev_full $uuid2
	station a "$(netdev mdev/$uuid1/0)" 10.0.0.1
	station u "$(netdev subdev/nic0/0)" 10.0.0.3
	pings a 10.0.0.3
	ip -n a link set port address 02:00:00:00:00:99
	ip -n a neigh flush all
	ip -n u neigh flush all
	pings_not a 10.0.0.3
	hasnt 02:00:00:00:00:99 ip -n u neigh show
	# Answers go to the function's own address only, but the question arrives.
	devlink dev param set subdev/nic0 name spoof_check value false cmode runtime
	ip -n a neigh flush all
	pings_not a 10.0.0.3
	has 02:00:00:00:00:99 ip -n u neigh show
	end
}
