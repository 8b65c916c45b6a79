# SPDX-License-Identifier: GPL-2.0
# build/lib/crossover-ucode.so: preloaded into the stock bochs-bin by `xo lab`.
UCODE_SRC := $(sort $(wildcard ucode/*.c))
UCODE_HDR := $(wildcard ucode/*.h) lab/channel.h include/crossover/mark.h

all: $(B)/lib/crossover-ucode.so

$(B)/lib/crossover-ucode.so: $(UCODE_SRC) $(UCODE_HDR) ucode/ucode.mk
	@mkdir -p $(@D)
	@echo "  UCODE   $@"
	@$(CC) $(CFLAGS) -fPIC -fvisibility=hidden -shared -Wl,-z,now,-z,defs -o $@ $(UCODE_SRC)
