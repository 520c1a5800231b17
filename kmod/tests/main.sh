# SPDX-License-Identifier: GPL-2.0-only
# Parents, ports and the eswitch.

test_new_device_defaults() {
	long
	new nic0
	is 256 cat $bus/devices/nic0/max_subdevices
	is '' cat $bus/devices/nic0/mac_base
	is '' cat $bus/devices/nic0/lower
	has 'driver subdev' devlink dev info subdev/nic0
	has 'mode legacy inline-mode none encap-mode none' devlink dev eswitch show subdev/nic0
	has 'flavour physical port 0' devlink port show subdev/nic0/0
	del nic0
}

test_new_device_words() {
	long
	new 'nic0   max_subdevices=3 mac_base=02:00:00:00:10:00'
	new a.b-c_9
	is 3 cat $bus/devices/nic0/max_subdevices
	is 02:00:00:00:10:00 cat $bus/devices/nic0/mac_base
	is 02:00:00:00:10:00 cat "/sys/class/net/$(netdev subdev/nic0/0)/address"
	del a.b-c_9
	del nic0
}

test_new_device_refuses() {
	new nic0
	fails 'File exists' new nic0
	fails 'File exists' new uevent
	for words in '' ' ' 'a/b' '.x' '-x' '..' 'nic1 foo' 'nic1 foo=1' 'nic1 max_subdevices=0' \
		'nic1 max_subdevices=x' 'nic1 max_subdevices=70000' 'nic1 mac_base=1' \
		'nic1 mac_base=03:00:00:00:00:00' 'nic1 mac_base=00:00:00:00:00:00' \
		'nic1 mac_base=02:00:00:00:00:00x' 'a2345678901234567890123456789012'; do
		fails 'Invalid argument' new "$words"
	done
	for words in ifname= ifname=12 ifname=a/b ifname=abcde ifname=a%d; do
		fails 'Invalid argument' new nic1 $words
	done
	fails 'No such device' del nic1
	del nic0
	fails 'No such device' del nic0
}

# The delay comes when the parent is there and its new_device has not answered.
test_one_at_a_time() {
	write 'new_device 3000' "${fault%/*}/delay"
	new nic0 &
	wait_for test -e $bus/devices/nic0/max_subdevices
	fails 'resource busy' del nic0
	fails 'resource busy' new nic0
	write clear "${fault%/*}/delay"
	new nic1
	del nic1
	wait
	del nic0
}

test_port_add_needs_switchdev() {
	new nic0
	fails 'only supported in eswitch mode switchdev' sf_add 1
	mode nic0 switchdev
	sf_add 1
	del nic0
}

test_port_numbers() {
	new nic0 max_subdevices=4
	mode nic0 switchdev
	sf_add 0
	has 'sfnum 0 ' devlink port show
	fails 'sfnum exists' sf_add 0
	fails 'File exists' sf_add 0
	sf_add
	has 'sfnum 1000 ' devlink port show
	sf_add 4294967295
	port=$(sf_add)
	has 'sfnum 1001 ' devlink port show "$port"
	fails 'All subdevices are in use' sf_add
	fails 'No space left' sf_add
	# A number that is taken is told before the lack of places, as on mlx5.
	fails 'File exists' sf_add 0
	has 'pf0sf1001' ip -d link show dev "$(netdev "$port")"
	del nic0
}

test_port_add_refuses() {
	new nic0
	mode nic0 switchdev
	fails 'pfnum 0' devlink port add subdev/nic0 flavour pcisf pfnum 1
	fails 'controller 0' devlink port add subdev/nic0 flavour pcisf pfnum 0 controller 1
	fails 'pcisf' devlink port add subdev/nic0 flavour pcipf pfnum 0
	fails 'index' devlink port add subdev/nic0/7 flavour pcisf pfnum 0
	fails 'not supported' devlink port del subdev/nic0/0
	del nic0
}

test_names() {
	long
	new nic0 ifname=ab mac_base=02:00:00:00:10:00
	is abp0 netdev subdev/nic0/0
	mode nic0 switchdev
	sf_full 88
	is abr88 netdev "$full"
	is abs88 netdev "auxiliary/$(sf_dev 88)/0"
	# Somebody has it.
	ip link add abr89 type bridge
	port=$(sf_add 89)
	has eth netdev "$port"
	devlink port del "$port"
	ip link delete abr89
	is abr4294967295 netdev "$(sf_add 4294967295)"
	del nic0
}

# From the function to its port by number, from the parent to the function as its child.
test_links_both_ways() {
	long
	new nic0
	mode nic0 switchdev
	port=$(sf_add 88)
	activate "$port"
	mdev_create $uuid1
	for dev in "$(sf_dev 88)" $uuid1; do
		child=$bus/devices/nic0/$dev
		has "sfnum $(cat "$child/sfnum") " devlink port show "subdev/nic0/$(cat "$child/port_index")"
		[ "$child/.." -ef $bus/devices/nic0 ]
	done
	del nic0
}

test_port_index_is_not_reused_soon() {
	long
	new nic0
	mode nic0 switchdev
	port=$(sf_add 5)
	devlink port del "$port"
	other=$(sf_add 5)
	[ "$port" != "$other" ]
	del nic0
}

test_mode_set() {
	new nic0
	mode nic0 legacy
	mode nic0 switchdev
	mode nic0 switchdev
	uplink=$(netdev subdev/nic0/0)
	port=$(sf_add 1)
	mode nic0 switchdev
	fails 'Functions exist' mode nic0 legacy
	devlink port del "$port"
	mode nic0 legacy
	mdev_create $uuid1
	fails 'Functions exist' mode nic0 switchdev
	mdev_remove $uuid1
	mode nic0 switchdev
	[ "$uplink" = "$(netdev subdev/nic0/0)" ]
	devlink dev eswitch set subdev/nic0 inline-mode none
	fails 'inline-mode none' devlink dev eswitch set subdev/nic0 inline-mode link
	devlink dev eswitch set subdev/nic0 encap-mode none
	fails 'encap-mode none' devlink dev eswitch set subdev/nic0 encap-mode basic
	del nic0
}

test_hw_addr() {
	new nic0 mac_base=02:00:00:00:10:00
	mode nic0 switchdev
	port=$(sf_add 88)
	is 02:00:00:00:10:59 hw_addr "$port"
	fails unicast devlink port function set "$port" hw_addr 01:00:00:00:00:01
	fails unicast devlink port function set "$port" hw_addr 00:00:00:00:00:00
	devlink port function set "$port" hw_addr 02:aa:00:00:00:01
	is 02:aa:00:00:00:01 hw_addr "$port"
	activate "$port"
	fails 'while the function is inactive' devlink port function set "$port" hw_addr 02:aa:00:00:00:02
	deactivate "$port"
	devlink port function set "$port" hw_addr 02:aa:00:00:00:02 state active
	enable_eth "auxiliary/$(sf_dev 88)"
	devlink dev reload "auxiliary/$(sf_dev 88)"
	is 02:aa:00:00:00:02 cat "/sys/class/net/$(netdev "auxiliary/$(sf_dev 88)/0")/address"
	del nic0
}

test_random_hw_addr() {
	long
	new nic0
	mode nic0 switchdev
	addr=$(hw_addr "$(sf_add)")
	case $addr in ?[26ae]:*) ;; *) echo "$addr"; false ;; esac
	del nic0
}

test_sf_life() {
	new nic0
	mode nic0 switchdev
	port=$(sf_add 88)
	is 'inactive detached' port_state "$port"
	activate "$port"
	activate "$port"
	is 'active attached' port_state "$port"
	dev=$(sf_dev 88)
	is "${port##*/}" cat "/sys/bus/auxiliary/devices/$dev/port_index"
	has 'driver subdev.sf' devlink dev info "auxiliary/$dev"
	is '' netdev "auxiliary/$dev/0"
	deactivate "$port"
	deactivate "$port"
	is 'inactive detached' port_state "$port"
	fails '' devlink dev show "auxiliary/$dev"
	devlink port del "$port"
	del nic0
}

test_representor() {
	new nic0
	mode nic0 switchdev
	port=$(sf_add 88)
	rep=$(netdev "$port")
	is pf0sf88 cat "/sys/class/net/$rep/phys_port_name"
	id=$(cat "/sys/class/net/$rep/phys_switch_id")
	is "$id" cat "/sys/class/net/$(netdev subdev/nic0/0)/phys_switch_id"
	is p0 cat "/sys/class/net/$(netdev subdev/nic0/0)/phys_port_name"
	has 'parentbus subdev parentdev nic0' ip -d link show dev "$rep"
	del nic0
}

# The getters run under rtnl here, without the instance's lock (rule L3).
test_rename_with_listener() {
	new nic0
	mode nic0 switchdev
	port=$(sf_add 88)
	activate "$port"
	command devlink monitor >/tmp/monitor 2>&1 &
	monitor=$!
	# It listens as soon as it tells of anything.
	until [ -s /tmp/monitor ]; do
		deactivate "$port"
		activate "$port"
		nap 0.1
	done
	ip link set "$(netdev "$port")" name rep88
	# 6.1 tells of no renames.
	case $(uname -r) in
	6.1.*) nap 0.3 ;;
	*) wait_for grep -q rep88 /tmp/monitor ;;
	esac
	kill $monitor
	is rep88 netdev "$port"
	del nic0
}

test_resource() {
	new nic0 max_subdevices=5
	resources() { devlink resource show subdev/nic0; }
	has 'name subdevices size 5 occ 0 unit entry' resources
	mdev_create $uuid1
	has 'occ 1' resources
	fails '' devlink resource set subdev/nic0 path subdevices size 6
	mdev_remove $uuid1
	has 'occ 0' resources
	del nic0
}

test_health() {
	new nic0
	mode nic0 switchdev
	activate "$(sf_add 1)"
	sf_add 2
	health() { devlink health show subdev/nic0 reporter dev; }
	has 'state healthy error 0 recover 0' health
	has 'functions: 2 active: 1 ports up: 1' devlink health diagnose subdev/nic0 reporter dev
	devlink health test subdev/nic0 reporter dev
	wait_for has 'state healthy error 1 recover 1' health
	devlink health recover subdev/nic0 reporter dev
	devlink health test subdev/nic0 reporter dev
	del nic0
}
