# Prints what kmemleak reported, but for objects that the kernel itself loses, whoever its drivers are.

# Linux 6.12.117, drivers/base/dd.c: a device that is bound by hand before device_add() is done with it is refused with
# -EPROBE_DEFER and a reason, which device_driver_attach() turns into -EAGAIN: it is on no list that would free the reason.
function is_the_kernels(object) {
	return object ~ / device_set_deferred_probe_reason\+/ && object ~ / device_driver_attach\+/
}

function end_of_object() {
	if (object && !is_the_kernels(object)) printf "%s", object
	object = ""
}

/^unreferenced object / { end_of_object() }
{ object = object $0 "\n" }
END { end_of_object() }
