# SPDX-License-Identifier: GPL-2.0-only
# Everything at once, for some seconds.

stop=/tmp/stress-stop

# forever COMMAND...: until told to stop; failures are expected, hangs are not.
forever() {
	while [ ! -e $stop ]; do
		"$@"
	done >/dev/null 2>&1 &
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

parent_loop() {
	new nic1
	nap 0.05
	del nic1
}

all_loops() {
	# They would not share one.
	devlink_server=
	rm -f $stop
	forever sf_loop 1
	forever sf_loop 2
	forever mdev_loop $uuid1
	forever mdev_loop $uuid2
	forever show_loop
	forever reload_loop
	forever bind_loop
	forever parent_loop
}

test_parallel_loops() {
	new nic0
	mode nic0 switchdev
	all_loops
	nap $((5 * stress))
	touch $stop
	wait
	del nic0
}

test_del_device_races() {
	for ((round = 0; round < 2 * stress; round++)); do
		new nic0
		mode nic0 switchdev
		all_loops
		nap 1
		del nic0
		touch $stop
		wait
	done
}

test_rmmod_race() {
	new nic0
	mode nic0 switchdev
	all_loops
	nap 1
	rmmod subdev
	touch $stop
	wait
	modprobe subdev
}
