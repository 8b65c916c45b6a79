# SPDX-License-Identifier: GPL-2.0
# Rows of bench_syscalls as a table. The first part is the single operation with the fewest instructions; in
# the second, exits by reason are those of the caller's vCPU (none where the caller is the host).
BEGIN { FS = "\t" }
function get(key) { return key in v ? v[key] : 0 }
function row(    i, p) {
	delete v
	for (i = 2; i <= NF; i++) { p = index($i, "="); v[substr($i, 1, p - 1)] = substr($i, p + 1) }
}
# all that begin so: "12 of reason 1, 3 of reason 18"
function reasons(prefix,    i, s) {
	for (i = 0; i < 80; i++)
		if (get(prefix i))
			s = s (s == "" ? "" : ", ") v[prefix i] " of reason " i
	return s == "" ? "none" : s
}
/^@row/ {
	row()
	n = get("n")
	if (!header++) {
		print "One operation, the least of many: no tick in it | Many in a row: everything that happened meanwhile"
		printf "%-16s %-7s %12s %12s %6s %8s %5s | %6s %12s %8s %7s %9s %9s %9s %9s %9s %9s\n", "OPERATION", "ENGINE",
			"INSTRUCTIONS", "CALLER'S CPU", "EXITS", "VMFUNCS", "CR3", "CALLS", "INSTR/CALL", "VMF/CALL", "CR3/C.",
			"TICKS (1)", "TIMER(52)", "SET (32)", "VMCALL(18)", "OTHERS", "WHEN AWAY"
	}
	ticks = get("n_vcpu_exit_1"); timer = get("n_vcpu_exit_52"); set = get("n_vcpu_exit_32")
	vmcall = get("n_vcpu_exit_18"); others = -ticks - timer - set - vmcall
	for (key in v)
		if (key ~ /^n_vcpu_exit_/)
			others += v[key]
	printf "%-16s %-7s %12d %12d %6d %8d %5d | %6d %12.1f %8.2f %7.2f %9d %9d %9d %9d %9d %9d\n", v["kind"],
		v["engine"], get("instructions"), get("own_instructions"), get("exits"), get("vmfuncs"), get("cr3_loads"), n,
		get("n_instructions") / n, get("n_vmfuncs") / n, get("n_cr3_loads") / n, ticks, timer, set, vmcall, others,
		get("n_exits_away")
	if (v["engine"] == "vsock" || v["engine"] == "tcp")
		rivals = 1
}
/^@long/ {
	row()
	n = get("n")
	printf "\n%d of %s in a row over %s, all right: %.1f instructions, %.3f VMFUNCs, %.3f loads of CR3 a call\n", n, v["kind"],
		v["engine"], get("n_instructions") / n, get("n_vmfuncs") / n, get("n_cr3_loads") / n
	split("quiet ticked caused", kinds, " ")
	split("without any exit|with a tick of the host or a timer of the guest in it|with exits that are neither", words, "|")
	for (i = 1; i <= 3; i++) {
		k = kinds[i]
		if (get(k) > 0)
			printf "  %9d %s: %.1f instructions, at most %d VMFUNCs, %d loads of CR3; exits: %s\n", get(k), words[i],
				get(k "_instructions") / get(k), get(k "_vmfuncs_most"), get(k "_cr3_loads_most"), reasons(k "_exit_")
	}
	print "  the caller's virtual CPU, all exits: " reasons("n_vcpu_exit_")
	print "  all virtual CPUs: " reasons("n_exit_")
}
/^@record/ {
	row()
	printf "\nvmfunc, as the host counts: %d visits; %d evicted (%s), %d sent home to try again, %d with their result;\n",
		get("visits"), get("evictions"), reasons("by_"), get("again"), get("finished")
	printf "the stub parked %d times, and was woken %d times\n", get("parks"), get("wakes")
}
/^@parts/ {
	row()
	if (!parted++) {
		print "\nOne visit that nothing disturbed, the least of many, by its parts. CROSSING: from the first instruction of"
		print "xo_visit_enter() to its return, without the callee's function; CALLER: its system call and its router."
		printf "%-10s %8s %12s | %8s %6s %6s %8s %5s %5s | %8s %6s | %8s %5s\n", "CALL", "VISITS", "INSTRUCTIONS",
			"CROSSING", "THERE", "BACK", "VMFUNCS", "CR3", "CR4", "CALLEE", "CR3", "CALLER", "CR3"
	}
	printf "%-10s %8d %12d | %8d %6d %6d %8d %5d %5d | %8d %6d | %8d %5d\n", v["kind"], get("visits"),
		get("instructions"), get("crossing"), get("in"), get("out"), get("crossing_vmfuncs"), get("crossing_cr3_loads"),
		get("cr4_loads"), get("callee"), get("callee_cr3_loads"), get("instructions") - get("crossing") - get("callee"),
		get("cr3_loads") - get("crossing_cr3_loads") - get("callee_cr3_loads")
}
END {
	if (rivals) {
		print "\nINSTRUCTIONS are all CPUs', those of who polls included. vsock: a process of the host calls into the VM,"
		print "one boundary less than between two VMs, for which the host would have to relay. tcp: both ends in the"
		print "callee VM, by its loopback: the lab's VMs have no network, so this is less than TCP between VMs costs."
		print "CR3: all loads; with page table isolation 2 are the caller's own kernel's entry and exit. WHEN AWAY: exits in visits."
	}
}
