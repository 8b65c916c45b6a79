# SPDX-License-Identifier: GPL-2.0
# Rows of bench_services as a table. "per call" is of the calls in a row; the last four columns are exits of
# the caller's vCPU, so they are not those of other VMs.
BEGIN { FS = "\t" }
function get(key) { return key in v ? v[key] : 0 }
function row() {
	delete v
	for (i = 2; i <= NF; i++) { p = index($i, "="); v[substr($i, 1, p - 1)] = substr($i, p + 1) }
}
/^@row/ {
	row()
	n = get("n")
	if (!header++) {
		print "One call, the least of many: no tick in it | Many in a row: everything that happened meanwhile"
		printf "%-7s %-19s %12s %6s %7s %6s | %6s %12s %9s %9s %9s %9s %9s %9s\n", "ENGINE", "SERVICE",
			"INSTRUCTIONS", "AWAY", "VMFUNCS", "EXITS", "CALLS", "INSTR/CALL", "VMFUNCS", "ALL EXITS",
			"TICKS (1)", "TIMER(52)", "SET (32)", "OTHERS"
	}
	ticks = get("n_vcpu_exit_1"); timer = get("n_vcpu_exit_52"); set = get("n_vcpu_exit_32")
	others = -ticks - timer - set
	for (key in v)
		if (key ~ /^n_vcpu_exit_/)
			others += v[key]
	one = v["engine"] == "none"
	printf "%-7s %-19s %12s %6s %7s %6s | %6d %12.1f %9d %9d %9d %9d %9d %9d\n", v["engine"], v["kind"],
		one ? "" : get("instructions"), one ? "" : get("away"), one ? "" : get("vmfuncs"),
		one ? "" : get("exits"), n, get("n_instructions") / n, get("n_vmfuncs"), get("n_exits"),
		ticks, timer, set, others
}
