# SPDX-License-Identifier: GPL-2.0
# The emulated host on another kernel than the VMs': `make lab-kernel-6.12`, then
# `xo lab run --host-kernel 6.12 ...` or XO_LAB_KERNEL=6.12 for everything that runs the lab.
# `make test-kernel-6.12 [T=NAME]` runs the lab tests so; it is not part of `make test`.
# What is made for it is in build/6.12. docs/kernels.md says what differs.
include lab/kbuild.mk

# For `make help`, which reads what stands here.
lab-kernel-6.12:        ## the lab's host on kernel 6.12 (docs/kernels.md); test-kernel-6.12 [T=NAME]: its tests

HOST_KERNELS := $(patsubst lab/packages.kernel-%,%,$(wildcard lab/packages.kernel-*))

# The modules that the host loads: NAME:FOLDER.
HOST_KMODS   := crossover:host lab_console:lab/console xo_warn:test/lab/ko/xo_warn xo_tick:test/lab/ko/xo_tick \
		xo_stale:test/lab/ko/xo_stale

define xo_host_kmod
$(B)/$(1)/ko/$(2).ko: $$(wildcard $(3)/*.[chS]) $(3)/Kbuild $$(wildcard include/crossover/*) \
		$(B)/gate/gate_blob.h lab/kmod.sh | $(B)/$(1)/.fetched
	@echo "  KMOD    $$@"
	@ln -sfn ../gate $(B)/$(1)/gate
	@MAKE="$$(MAKE)" LD_LIBRARY_PATH=$(TOOLS_LIB) lab/kmod.sh $(B)/$(1) $(2) $(3) $$(KMOD_CFLAGS)
endef

define xo_host_kernel
$(B)/$(1)/.fetched: lab/fetch-kernel.sh lab/apt.sh lab/packages.kernel-$(1) | $(FETCHED)
	@lab/fetch-kernel.sh $(B) $(1)

$(foreach m,$(HOST_KMODS),$(eval $(call xo_host_kmod,$(1),$(firstword $(subst :, ,$(m))),$(lastword $(subst :, ,$(m))))))
$(B)/$(1)/ko/lab_console.ko: KMOD_CFLAGS := -I$(CURDIR)/lab
$(B)/$(1)/ko/lab_console.ko: lab/channel.h

# VMs keep their kernel, so all of the other image is in it.
$(B)/$(1)/system.erofs: $(B)/lab/system.erofs $(B)/$(1)/.fetched lab/image-kernel.sh lab/kernel.sh \
		$(B)/$(1)/ko/lab_console.ko
	@echo "  IMAGE   $$@"
	@lab/image-kernel.sh $(B) $(1)
	@lab/image.sh $(B) $(1)

lab-kernel-$(1): $(B)/$(1)/system.erofs $(foreach m,$(HOST_KMODS),$(B)/$(1)/ko/$(firstword $(subst :, ,$(m))).ko)

test-kernel-$(1): all payload lab-images lab-kernel-$(1)
	XO_LAB_KERNEL=$(1) test/run $$(if $$(T),--only $$(T))

.PHONY: lab-kernel-$(1) test-kernel-$(1)
endef
$(foreach v,$(HOST_KERNELS),$(eval $(call xo_host_kernel,$(v))))
