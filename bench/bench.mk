# SPDX-License-Identifier: GPL-2.0
# make bench-services, bench-syscalls: what a call of a service, or a system call of another VM, costs by
# engine, counted in the lab.
BENCH_SERVICES := $(B)/test/bench_services
BENCH_SYSCALLS := $(B)/test/bench_syscalls
PAYLOAD_TEST   += $(BENCH_SERVICES) $(BENCH_SYSCALLS) bench/syscalls.awk

$(BENCH_SERVICES): bench/services.c bench/row.h include/crossover/mark.h $(B)/lib/libcrossover.a bench/bench.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -fno-stack-protector -static -pthread -o $@ $< $(B)/lib/libcrossover.a

$(BENCH_SYSCALLS): bench/syscalls.c bench/row.h include/crossover/mark.h bench/bench.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -static -o $@ $<

bench-services: all payload lab-images  ## what a service call costs: a table, build/bench/services.json
	bench/services

bench-syscalls: all payload lab-images  ## what another VM's system call costs (CALLS=5000 GETPPID=1000000): a table, build/bench/syscalls.json
	bench/syscalls $(or $(CALLS),5000) $(or $(GETPPID),1000000)

.PHONY: bench-services bench-syscalls
