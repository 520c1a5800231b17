# SPDX-License-Identifier: GPL-2.0-only
# Everything at once, for some seconds.

stop=/tmp/stress-stop
# A line for each mode switch and for each netdev that was moved.
switched=/tmp/stress-switched moved=/tmp/stress-moved

# forever COMMAND...: until told to stop; failures are expected, hangs are not.
forever() {
	# The test's own -e would end it at the first.
	{
		set +e
		while [ ! -e $stop ]; do
			"$@"
		done
	} >/dev/null 2>&1 &
}

sf_loop() {
	port=$(sf_add "$1") || return
	activate "$port"
	dev=auxiliary/$(sf_dev "$1")
	enable_eth "$dev"
	devlink dev reload "$dev"
	ip link set "$(netdev "$dev/0")" up
	ip link set "$(netdev "$port")" up
	devlink port del "$port"
}

mdev_loop() {
	mdev_full "$1"
	devlink dev reload "mdev/$1"
	deactivate "$(mdev_port "$1")"
	mdev_remove "$1"
}

show_loop() {
	devlink dev show
	devlink port show
	devlink dev param show
	ip -d link show
}

reload_loop() {
	devlink dev reload subdev/nic0
	nap 0.3
}

bind_loop() {
	for drv in sf eth; do
		for dev in /sys/bus/auxiliary/drivers/subdev.$drv/subdev.*; do
			write "${dev##*/}" /sys/bus/auxiliary/drivers/subdev.$drv/unbind
			write "${dev##*/}" /sys/bus/auxiliary/drivers/subdev.$drv/bind
		done
	done
	nap 0.1
}

# Refused while there are functions, which is most of the time on nic0.
mode_loop() {
	mode nic0 legacy && echo legacy >>$switched
	mode nic0 switchdev && echo switchdev >>$switched
	nap 0.05
}

# Any netdev goes to another namespace, and one of these ends.
move_loop() {
	for dev in /sys/class/net/*; do
		ip link set "${dev##*/}" netns "m$((RANDOM % 2))" && echo "$dev" >>$moved
	done
	ip netns delete m0
	ip netns add m0
	while read -r _ name _; do
		ip -n m1 link set "${name%:}" netns 1
	done < <(ip -n m1 -o link show)
}

parent_loop() {
	new nic1
	mode nic1 switchdev && echo switchdev >>$switched
	devlink port add subdev/nic1 flavour pcisf pfnum 0 sfnum 1
	mode nic1 legacy
	del nic1
}

all_loops() {
	# They would not share one.
	devlink_server=
	rm -f $stop
	: >$switched >$moved
	ip netns add m0
	ip netns add m1
	forever sf_loop 1
	forever sf_loop 2
	forever mdev_loop $uuid1
	forever mdev_loop $uuid2
	forever show_loop
	forever reload_loop
	forever bind_loop
	forever mode_loop
	forever move_loop
	forever parent_loop
}

# all_at_work SECONDS: they run for so long, and then until a mode was switched and a netdev was moved, which a slow
# machine comes to later.
all_at_work() {
	nap "$1"
	for ((tries = 0; tries < 300; tries++)); do
		[ -s $switched ] && [ -s $moved ] && return
		nap 0.1
	done
	echo "switched: $(wc -l <$switched) modes, moved: $(wc -l <$moved) netdevs"
	return 1
}

all_end() {
	touch $stop
	wait
	ip -all netns delete
}

test_parallel_loops() {
	new nic0
	mode nic0 switchdev
	all_loops
	all_at_work $((5 * stress))
	all_end
	del nic0
}

test_del_device_races() {
	for ((round = 0; round < 2 * stress; round++)); do
		new nic0
		mode nic0 switchdev
		all_loops
		all_at_work 1
		del nic0
		all_end
	done
}

test_rmmod_race() {
	new nic0
	mode nic0 switchdev
	all_loops
	all_at_work 1
	rmmod subdev
	all_end
	modprobe subdev
}
