# SPDX-License-Identifier: GPL-2.0
# The xo command: every xo/*.c, linked statically, so that the same file runs on the machine that
# built it, in the emulated host and in its VMs.
XO_SRC := $(filter-out %_main.c,$(wildcard xo/*.c))
XO_OBJ := $(XO_SRC:xo/%.c=$(B)/obj/xo/%.o)

xo: $(B)/bin/xo         ## the xo command
all: xo

$(B)/obj/xo/%.o: xo/%.c xo/xo.mk $(B)/obj/xo/syscall_names.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE -I$(B)/obj/xo -MMD -MP -c -o $@ $<

# Names of all system calls, from the C library's copy of the kernel's table.
$(B)/obj/xo/syscall_names.h: xo/xo.mk
	@mkdir -p $(@D)
	echo '#include <asm/unistd_64.h>' | $(CC) -E -dM - | \
		sed -nE 's/^#define __NR_([a-z0-9_]+) ([0-9]+)$$/[\2] = "\1",/p' | sort -t'[' -k2n >$@
	@test -s $@

$(B)/bin/xo: $(XO_OBJ) $(B)/lib/libcrossover.a
	@mkdir -p $(@D)
	$(CC) -static -pthread -o $@ $(XO_OBJ) $(B)/lib/libcrossover.a -ljson-c -lbpf -lelf -lz $(XO_LIBS)

-include $(XO_OBJ:.o=.d)
include test/unit/unit.mk

.PHONY: xo

# A command of another revision, which every module must refuse; only the library tells revisions.
$(B)/test/xo_old: $(XO_OBJ) $(LIB_SRC) lib/lib.mk xo/xo.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE -DXO_ABI_REVISION=0 -DXO_RELEASE='"old"' -static -pthread -o $@ \
		$(LIB_SRC) $(XO_OBJ) -ljson-c -lbpf -lelf -lz $(XO_LIBS)
PAYLOAD_TEST += $(B)/test/xo_old
