# SPDX-License-Identifier: GPL-2.0-only
# Measures transmit rates: to be run by name, beside no other guest. The debug kernel is too slow to measure a second with.

# sender CPU NETDEV: a netns of its own, in which that CPU sends frames of 1000 bytes as fast as it can.
sender() {
	ip netns add "s$1"
	ip link set "$2" netns "s$1" name port
	ip -n "s$1" link set port up
	ip netns exec "s$1" bash -c '
		echo add_device port >/proc/net/pktgen/kpktgend_'"$1"'
		for words in "count 0" "clone_skb 0" "pkt_size 1000" "dst 10.0.0.2" "dst_mac 02:00:00:00:00:02"; do
			echo "$words" >/proc/net/pktgen/port
		done
		echo start >/proc/net/pktgen/pgctrl' &
}

end() {
	for name in s0 s1; do
		ip netns exec $name sh -c 'echo stop >/proc/net/pktgen/pgctrl'
	done
	wait
	del nic0
	ip -all netns delete
	modprobe -r pktgen
}

received() { echo "$(</sys/class/net/"$1"/statistics/rx_bytes)"; }

# measure REPRESENTOR...: kilobytes a second of each, into got1, got2, and of all into total.
measure() {
	local from1 from2 start took
	from1=$(received "$1") from2=$(received "$2") start=${EPOCHREALTIME/./}
	nap 1
	got1=$(($(received "$1") - from1)) got2=$(($(received "$2") - from2))
	took=$((${EPOCHREALTIME/./} - start))
	got1=$((got1 * 1000 / took)) got2=$((got2 * 1000 / took))
	total=$((got1 + got2))
}

near() { [ $(($1 * 100)) -ge $(($2 * 95)) ] && [ $(($1 * 100)) -le $(($2 * 105)) ]; }

# enforced CONDITION...: a host that is busy for a moment, so that a sender does not get to run, does not count.
enforced() {
	for _ in 1 2 3 4 5 6; do
		measure "$rep1" "$rep2"
		! "$@" || return 0
	done
	echo "$*: got $got1 and $got2"
	return 1
}
one_is() { near $got1 "$1"; }
both_are() { near $total "$1"; }
share_is() { near $total "$1" && [ $((got1 * 100)) -ge $(($2 * 95)) ]; }
one_is_more_than() { [ $got1 -gt "$1" ]; }

# Within 5 % at every rate that this machine can send at; a kilobyte a second is 8 kbit/s.
test_enforced() {
	modprobe pktgen
	new nic0
	mode nic0 switchdev
	mdev_full $uuid1
	mdev_full $uuid2
	one=$(mdev_port $uuid1) two=$(mdev_port $uuid2)
	rep1=$(netdev "$one") rep2=$(netdev "$two")
	ip link set "$rep1" up
	ip link set "$rep2" up
	rate set "$one" tx_max 10mbit
	rate set "$two" tx_max 1mbit
	sender 0 "$(netdev mdev/$uuid1/0)"
	sender 1 "$(netdev mdev/$uuid2/0)"
	nap 0.3
	enforced one_is 1250
	rate set "$one" tx_max 100mbit
	enforced one_is 12500
	# A limit above both, and above that.
	rate add subdev/nic0/gold tx_max 80mbit
	rate add subdev/nic0/top tx_max 40mbit
	rate set "$one" tx_max 0 parent gold
	rate set "$two" tx_max 0 parent gold
	enforced both_are 10000
	rate set subdev/nic0/gold parent top
	enforced both_are 5000
	# Who has a share gets it, and the sibling the rest.
	rate set "$one" tx_share 30mbit
	enforced share_is 5000 3750
	# Without limits more than with.
	rate set "$one" tx_share 0 noparent
	enforced one_is_more_than 12500
	# As fast as this machine can: a limit of half of that holds as well.
	half=$((got1 / 2))
	rate set "$one" tx_max "$((half * 8))kbit"
	enforced one_is $half
	end
}
