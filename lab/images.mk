# SPDX-License-Identifier: GPL-2.0
# Everything that the emulated machine boots: `make lab-images`. See lab/image-root.sh, lab/image.sh.
include lab/kbuild.mk

LAB_PROGRAMS := $(addprefix $(B)/lab/bin/,lab-agent vm-agent xo-vm)
LAB_INITS    := $(addprefix lab/,init-common init-host init-vm initrd-common initrd-host initrd-vm)

all: lab-images

lab-images: $(B)/lab/system.erofs   ## the disk image that the lab boots

$(B)/lab/root.done: $(FETCHED) lab/image-root.sh lab/kernel.sh
	@echo "  ROOT    $(B)/lab/root"
	@lab/image-root.sh $(B)
	@touch $@

$(B)/lab/system.erofs: $(B)/lab/root.done lab/image.sh lab/boot.S lab/vm.conf $(LAB_INITS) \
		$(LAB_PROGRAMS) $(B)/ko/lab_console.ko
	@echo "  IMAGE   $@"
	@lab/image.sh $(B)

# Used only if no other .mk file says how to make the program.
$(B)/lab/bin/%:
	@echo "lab/images.mk: the lab's image needs $@, and no .mk file says how to build it" >&2
	@false

.PHONY: lab-images
