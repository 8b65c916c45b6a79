# SPDX-License-Identifier: GPL-2.0
# crossover.ko, the module beside KVM in the host.
include lab/kbuild.mk

$(eval $(call xo_kmod,crossover,host))
