# SPDX-License-Identifier: GPL-2.0
# build/lib/crossover-ucode.so: preloaded into the stock bochs-bin by `xo lab`.
UCODE_SRC := $(sort $(wildcard ucode/*.c))

all: $(B)/lib/crossover-ucode.so

$(B)/lib/crossover-ucode.so: $(UCODE_SRC) ucode/ucode.h lab/channel.h ucode/ucode.mk
	@mkdir -p $(@D)
	@echo "  UCODE   $@"
	@$(CC) $(CFLAGS) -fPIC -fvisibility=hidden -shared -Wl,-z,now,-z,defs -o $@ $(UCODE_SRC)
