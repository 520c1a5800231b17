# SPDX-License-Identifier: GPL-2.0-only
# Every allocation of an operation fails in turn. Only the debug kernel can do that. After each failure things are as
# before; the debug kernel itself finds what leaks.

# each COMMAND...: lets the first, second, ... allocation of task $task fail during the command, undone by `undo`, until
# there are no more. Every $stride'th only, when in a hurry. Between the two, `settle` makes the task fit for use again.
each() {
	local left count=0
	tried=$* nth=1
	exec 3>/dev/null
	while :; do
		# Opened before, for that may be this shell, and to open a file is to allocate.
		exec 4<"/proc/$task/fail-nth" 5>"/proc/$task/fail-nth"
		ok=0
		echo $nth >&5
		"$@" >&3 2>&3 || ok=$?
		read -ru 4 left
		echo 0 >&5
		settle
		undo
		[ "$left" = 0 ] || break
		count=$((count + 1)) nth=$((nth + stride))
		[ $nth -lt 3000 ]
	done
	echo "$*: $count allocations failed, of $nth, $lost answers were lost, then $ok"
	# Without one that failed there was no test.
	[ $count -ge 1 ] && [ $ok = 0 ]
}

# The redirection is this shell's own, and so are its allocations.
put() { { echo "$1" >"$2"; } 2>/dev/null; }

failslab() {
	[ -e /sys/kernel/debug/failslab ] && [ -e /proc/self/fail-nth ] || exit 77
	[ -n "$devlink_server" ] || exit 77
	for dir in /sys/kernel/debug/failslab /sys/kernel/debug/fail_page_alloc; do
		[ -e $dir ] || continue
		echo N >$dir/ignore-gfp-wait
		echo 0 >$dir/verbose
	done
	stride=1
	[ "$stress" -gt 1 ] || stride=${SUBDEVCFG_STRIDE:-61}
	lost=0
	settle() { :; }
	trap '[ $? = 0 ] || echo "with allocation $nth of: $tried"' EXIT
}

test_sysfs() {
	failslab
	task=$BASHPID
	undo() { [ ! -e $bus/devices/nic0 ] || del nic0; }
	each put nic0 $bus/new_device
	new nic0
	mode nic0 switchdev
	# A UUID is free again only when devlink has let go of its device, some time after it was removed.
	number=0
	next_uuid() { printf -v uuid '%08x-1111-1111-1111-111111111111' $((number += 1)); }
	create() {
		next_uuid
		put "$uuid" "$types/create"
	}
	undo() { [ ! -e "/sys/bus/mdev/devices/$uuid" ] || mdev_remove "$uuid"; }
	each create
	# What is removed is removed, whatever fails on the way.
	remove() { put 1 "/sys/bus/mdev/devices/$uuid/remove"; }
	undo() {
		[ ! -e "/sys/bus/mdev/devices/$uuid" ] || return 0
		next_uuid
		mdev_full "$uuid"
	}
	undo
	each remove
	mdev_remove "$uuid"
	undo() {
		if [ ! -e $bus/devices/nic0 ]; then
			new nic0
			mode nic0 switchdev
			next_uuid
			mdev_full "$uuid"
		fi
	}
	each put nic0 $bus/del_device
	del nic0
}

test_devlink() {
	failslab
	task=$devlink_server
	settle() {
		devlink_in_step
		[ "$task" = "$devlink_server" ] || lost=$((lost + 1))
		task=$devlink_server
	}
	new nic0
	mode nic0 switchdev
	mdev_create $uuid1
	mdev=$(mdev_port $uuid1)
	undo() { while read -r port; do devlink port del "$port"; done < <(command devlink port show | sed -n 's/: .*sfnum 88 .*//p'); }
	each devlink port add subdev/nic0 flavour pcisf pfnum 0 sfnum 88
	port=$(sf_add 88)
	undo() {
		deactivate "$port"
		is 'inactive detached' port_state "$port"
	}
	each devlink port function set "$port" state active
	activate "$port"
	undo() { is 'active attached' port_state "$port"; }
	enable_eth "auxiliary/$(sf_dev 88)"
	undo() { devlink dev reload "auxiliary/$(sf_dev 88)"; }
	each devlink dev reload "auxiliary/$(sf_dev 88)"
	enable_eth mdev/$uuid1
	devlink dev reload mdev/$uuid1
	undo() { deactivate "$mdev"; }
	each devlink port function set "$mdev" state active
	undo() {
		[ $ok = 0 ] || devlink dev reload subdev/nic0
		activate "$mdev"
	}
	each devlink dev reload subdev/nic0
	undo() { devlink port function rate del subdev/nic0/gold || :; }
	each devlink port function rate add subdev/nic0/gold tx_max 10mbit
	del nic0
}
