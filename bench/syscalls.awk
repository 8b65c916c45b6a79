# SPDX-License-Identifier: GPL-2.0
# Rows of bench_syscalls as a table. The first half is the single operation with the fewest instructions; in
# the second, exits are those of the caller's vCPU (none where the caller is the host).
BEGIN { FS = "\t" }
function get(key) { return key in v ? v[key] : 0 }
/^@row/ {
	delete v
	for (i = 2; i <= NF; i++) { p = index($i, "="); v[substr($i, 1, p - 1)] = substr($i, p + 1) }
	n = get("n")
	if (!header++) {
		print "One operation, the least of many: no tick in it | Many in a row: everything that happened meanwhile"
		printf "%-16s %-7s %12s %12s %6s %8s | %6s %12s %9s %9s %9s %9s %9s\n", "OPERATION", "ENGINE",
			"INSTRUCTIONS", "CALLER'S CPU", "EXITS", "VMFUNCS", "CALLS", "INSTR/CALL", "TICKS (1)", "TIMER(52)",
			"SET (32)", "VMCALL(18)", "OTHERS"
	}
	ticks = get("n_vcpu_exit_1"); timer = get("n_vcpu_exit_52"); set = get("n_vcpu_exit_32")
	vmcall = get("n_vcpu_exit_18"); others = -ticks - timer - set - vmcall
	for (key in v)
		if (key ~ /^n_vcpu_exit_/)
			others += v[key]
	printf "%-16s %-7s %12d %12d %6d %8d | %6d %12.1f %9d %9d %9d %9d %9d\n", v["kind"], v["engine"],
		get("instructions"), get("own_instructions"), get("exits"), get("vmfuncs"), n,
		get("n_instructions") / n, ticks, timer, set, vmcall, others
	if (v["engine"] == "vsock" || v["engine"] == "tcp")
		rivals = 1
}
END {
	if (rivals) {
		print "INSTRUCTIONS are all CPUs', those of who polls included. vsock: a process of the host calls into the VM,"
		print "one boundary less than between two VMs, for which the host would have to relay. tcp: both ends in the"
		print "callee VM, by its loopback: the lab's VMs have no network, so this is less than TCP between VMs costs."
	}
}
