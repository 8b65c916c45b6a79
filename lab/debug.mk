# SPDX-License-Identifier: GPL-2.0
# `make test-debug`: host and VMs on a kernel that looks for errors (lab/debug-kernel.sh, docs/kernels.md), all modules
# built against it, in a build folder of its own, build/debug. Not part of any other target: it takes long.
include lab/kbuild.mk

ifndef XO_BORROWS
DEBUG_B := $(B)/debug

$(DEBUG_B)/debs/.fetched: lab/debug-kernel.sh lab/apt.sh $(addprefix lab/,debug.config debug.modules packages.debug) | $(FETCHED)
	MAKE="$(MAKE)" lab/debug-kernel.sh $(B)

debug-kernel: $(DEBUG_B)/debs/.fetched	## lockdep, KASAN and their like in host and VMs: build that kernel, and all for it
	$(MAKE) B=$(DEBUG_B) XO_BORROWS=1 all payload lab-images

test-debug: debug-kernel	## visits on that kernel, with no warning of it; hours
	B=$(DEBUG_B) test/run --group debug $(if $(T),--only $(T))

.PHONY: debug-kernel test-debug
endif
