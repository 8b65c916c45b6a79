# SPDX-License-Identifier: GPL-2.0
# make bench-services: what a service call costs, by engine, counted in the lab.
BENCH_SERVICES := $(B)/test/bench_services
PAYLOAD_TEST   += $(BENCH_SERVICES)

$(BENCH_SERVICES): bench/services.c include/crossover/mark.h $(B)/lib/libcrossover.a bench/bench.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -fno-stack-protector -static -pthread -o $@ $< $(B)/lib/libcrossover.a

bench-services: all payload lab-images  ## what a service call costs: a table, build/bench/services.json
	bench/services

.PHONY: bench-services
