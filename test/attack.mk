# SPDX-License-Identifier: GPL-2.0
# xo_attack: hostile callers and services (docs/attacks.md).
ATTACK     := $(B)/test/xo_attack
ATTACK_OBJ := $(patsubst test/lab/src/attack/%,$(B)/obj/attack/%.o,$(wildcard test/lab/src/attack/*.[cS]))
PAYLOAD_TEST += $(ATTACK) test/lab/src/attack/attack_lib.sh

all: $(ATTACK)

$(ATTACK): $(ATTACK_OBJ) $(B)/lib/libcrossover.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -static -pthread -o $@ $^

# What runs away has neither thread-local data nor calls of the C library.
$(B)/obj/attack/%.o: test/lab/src/attack/% test/attack.mk $(wildcard test/lab/src/attack/*.h) \
		$(wildcard include/crossover/*) $(wildcard test/lab/ko/xo_attack/*.h test/lab/ko/xo_deeds/*.h) $(B)/gate/gate_blob.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE -fno-stack-protector -fno-tree-loop-distribute-patterns \
		-I$(B)/gate -Itest/lab/ko/xo_attack -Itest/lab/ko/xo_deeds -I. -pthread -c -o $@ $<

include lab/kbuild.mk
$(eval $(call xo_kmod,xo_attack,test/lab/ko/xo_attack))
$(eval $(call xo_kmod,xo_deeds,test/lab/ko/xo_deeds))
