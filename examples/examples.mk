# SPDX-License-Identifier: GPL-2.0
# Small programs against libcrossover, built as a user would build them; tests run them.
EXAMPLES := $(B)/bin/hello

examples: $(EXAMPLES)   ## small programs against libcrossover
all: examples
PAYLOAD_BIN += $(EXAMPLES)

$(B)/bin/%: examples/%.c $(B)/lib/libcrossover.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -fno-stack-protector -static -pthread -o $@ $< $(B)/lib/libcrossover.a

.PHONY: examples
