# SPDX-License-Identifier: GPL-2.0-only
# Transmit rates.

rate() {
	if [ $# = 1 ]; then
		command devlink port function rate "$@"
	else
		devlink port function rate "$@"
	fi
}

test_objects() {
	new nic0
	mdev_create $uuid1
	hasnt leaf rate show
	mdev_remove $uuid1
	mode nic0 switchdev
	port=$(sf_add 1)
	mdev_create $uuid1
	mdev=$(mdev_port $uuid1)
	has "$port: type leaf" rate show
	has "$mdev: type leaf" rate show
	rate add subdev/nic0/gold tx_max 20mbit tx_share 10mbit
	fails '' rate add subdev/nic0/gold
	rate add subdev/nic0/top
	rate set subdev/nic0/gold parent top
	fails '' rate set subdev/nic0/top parent gold
	rate set "$port" tx_share 5mbit tx_max 10mbit parent gold
	has 'type leaf tx_share 5Mbit tx_max 10Mbit parent gold' rate show "$port"
	has 'type node tx_share 10Mbit tx_max 20Mbit parent top' rate show subdev/nic0/gold
	fails '' rate del subdev/nic0/gold
	fails 'ate node(s) exists' mode nic0 legacy
	rate set "$port" noparent
	rate del subdev/nic0/gold
	rate add subdev/nic0/gold
	rate set "$port" parent gold
	rate set "$mdev" tx_max 1mbit parent top
	# An SF goes with its rate, an mdev stays without, and nodes go by a reload.
	devlink port del "$port"
	devlink dev reload subdev/nic0
	hasnt node rate show
	has "$mdev: type leaf" rate show
	hasnt tx_max rate show
	rate add subdev/nic0/top
	rate set "$mdev" parent top
	write 1 /sys/kernel/debug/subdev/nic0/reset
	hasnt type rate show
	mode nic0 legacy
	mdev_remove $uuid1
	mode nic0 switchdev
	rate add subdev/nic0/top
	rate set "$(sf_add 1)" parent top
	del nic0
}

# sender NETNS NETDEV: sends as much as it can to nobody.
sender() {
	ip netns add "$1"
	ip link set "$2" netns "$1"
	ip -n "$1" -b - <<-END
		link set $2 up
		address add 10.0.0.1/24 dev $2
		neighbour add 10.0.0.2 lladdr 02:00:00:00:00:02 dev $2 nud permanent
	END
	ip netns exec "$1" bash -c 'exec dd if=/dev/zero bs=1400 2>/dev/null >/dev/udp/10.0.0.2/9' &
	senders="$senders $!"
}

received() { echo "$(</sys/class/net/"$1"/statistics/rx_bytes)"; }

# bytes REPRESENTOR: per second, over about a second.
bytes() {
	local file=/sys/class/net/$1/statistics/rx_bytes from start
	from=$(<"$file") start=${EPOCHREALTIME/./}
	nap 1
	echo $((($(<"$file") - from) * 1000000 / (${EPOCHREALTIME/./} - start)))
}

# below WANT GOT: at most 5 % more; and not much less, but for a sender that does not get to run often enough.
below() {
	[ "$2" -le $(($1 * 105 / 100)) ] && [ "$2" -ge $(($1 * ${short:-70} / 100)) ] && return
	echo "$2 is too far from $1"
	return 1
}

# enforced WANT REPRESENTOR: a host that is busy for a moment does not count.
enforced() {
	for _ in 1 2 3; do
		below "$1" "$(bytes "$2")" && return
	done
	return 1
}

test_enforced() {
	# The debug kernel is too slow to measure a second with.
	long
	new nic0
	mode nic0 switchdev
	senders=
	mdev_full $uuid1
	mdev_full $uuid2
	one=$(mdev_port $uuid1) two=$(mdev_port $uuid2)
	rep1=$(netdev "$one") rep2=$(netdev "$two")
	ip link set "$rep1" up
	ip link set "$rep2" up
	rate set "$one" tx_max 10mbit
	sender a "$(netdev mdev/$uuid1/0)"
	nap 0.2
	enforced 1250000 "$rep1"
	rate set "$one" tx_max 4mbit
	enforced 500000 "$rep1"
	# Two below one limit: who has a share gets it.
	rate add subdev/nic0/gold tx_max 8mbit
	rate set "$one" tx_max 0 tx_share 6mbit parent gold
	rate set "$two" parent gold
	sender b "$(netdev mdev/$uuid2/0)"
	nap 0.3
	for _ in 1 2 3 4 5; do
		from1=$(received "$rep1") from2=$(received "$rep2") start=${EPOCHREALTIME/./}
		nap 1
		got1=$(($(received "$rep1") - from1)) got2=$(($(received "$rep2") - from2))
		took=$((${EPOCHREALTIME/./} - start))
		# Neither shows while one of them does not get to run.
		total=$(((got1 + got2) * 1000000 / took))
		! below 1000000 $total || [ $got1 -lt $((got2 * ${short:-2})) ] || break
	done
	below 1000000 $total
	[ $got1 -ge $((got2 * ${short:-2})) ] || { echo "got $got1 and $got2"; false; }
	# And without limits more than with.
	rate set "$one" tx_share 0 noparent
	for _ in 1 2 3 4 5; do
		got1=$(bytes "$rep1")
		[ "$got1" -lt $((9000 * ${short:-100})) ] || break
	done
	[ "$got1" -ge $((9000 * ${short:-100})) ] || { echo "only $got1"; false; }
	# shellcheck disable=SC2086 # a list
	kill $senders
	wait
	del nic0
	ip -all netns delete
}
