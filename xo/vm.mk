# SPDX-License-Identifier: GPL-2.0
# `xo vm`: as objects for the xo command, and as the static program xo-vm for the system image.
XO_VM_SRCS := $(filter-out xo/vm_main.c,$(wildcard xo/vm*.c))
XO_VM_HDRS := $(wildcard xo/vm*.h) lab/vmexec.h
XO_VM_LIBS := -l:libjson-c.a

all: $(B)/lab/bin/xo-vm

$(B)/lab/bin/xo-vm: $(XO_VM_SRCS) xo/vm_main.c $(XO_VM_HDRS) xo/vm.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE -DXO_VM_STANDALONE -static -o $@ \
		$(XO_VM_SRCS) xo/vm_main.c $(XO_VM_LIBS)
