# Finds what a test must not leave on the kernel's console and prints the first such report. Exit code 1: found one.

function start_of_report(line) {
	return line ~ /------------\[ cut here \]------------/ ||
		line ~ /^(\[[^]]*\])*( *<[0-9]>)? *(WARNING|BUG|ODEBUG|Oops)[: ]/ ||
		line ~ /(kernel BUG at|KASAN:|KCSAN:|KFENCE:|UBSAN:|BUG: |Oops: |Kernel panic|general protection fault)/ ||
		line ~ /(Unable to handle kernel|unable to handle page fault|stack guard page|double fault)/ ||
		line ~ /(possible circular locking|possible recursive locking|possible irq lock inversion)/ ||
		line ~ /(possible deadlock|inconsistent lock state|suspicious RCU usage|DEBUG_LOCKS_WARN_ON)/ ||
		line ~ /(INFO: task .* blocked for more than|INFO: trying to register non-static key)/ ||
		line ~ /(rcu: INFO: .*(stall|starved)|soft lockup|hard LOCKUP|workqueue lockup)/ ||
		line ~ /(ref_tracker: |reference_leak|unregister_netdevice: waiting for|leaked reference)/ ||
		line ~ /(list_add corruption|list_del corruption|refcount_t: )/ ||
		line ~ /(cannot create duplicate filename|scheduling while atomic|Bad page state)/ ||
		line ~ /[\] ]Call Trace:/
}

{
	sub(/\r$/, "")
	line[NR] = $0
}
/FAULT_INJECTION: forcing a failure/ { injected = NR }
# Said once when there was no memory to track a reference with, which a test that lets allocations fail comes to.
/ref_tracker: memory allocation failure/ { next }
!first && start_of_report($0) {
	# A fault that a test injected prints a stack as well.
	if ($0 ~ /Call Trace:/ && injected && NR - injected < 15) next
	first = NR
}
END {
	if (!first) exit 0
	from = first
	# A bare stack: what it belongs to stands above it.
	if (line[first] ~ /Call Trace:/) from = first > 8 ? first - 8 : 1
	for (n = from; n <= NR && n < from + 100; n++) {
		print line[n]
		if (line[n] ~ /---\[ end trace/) break
	}
	exit 1
}
