# SPDX-License-Identifier: GPL-2.0
# xo_owner and xo_caller: services and their callers, for the tests of the engine vmfunc. The owner
# stands at other addresses, so that a caller can have pages of its own where the owner's are.
VMFUNC_DIR   := test/lab/src/vmfunc
VMFUNC_OBJ   := $(B)/obj/test/vmfunc
VMFUNC_OWNER := $(B)/test/xo_owner
VMFUNC_CALLER := $(B)/test/xo_caller
VMFUNC_OWNER_SRC := $(addprefix $(VMFUNC_DIR)/,owner.c svc_plain.c svc_vector.c)
VMFUNC_CALLER_SRC := $(filter-out $(VMFUNC_OWNER_SRC),$(wildcard $(VMFUNC_DIR)/*.c))
PAYLOAD_TEST += $(VMFUNC_OWNER) $(VMFUNC_CALLER)

# Services call no library, and keep to the registers that they declare.
$(VMFUNC_OBJ)/svc_%.o: VMFUNC_FLAGS := -fno-stack-protector -fcf-protection=none
$(VMFUNC_OBJ)/svc_plain.o: VMFUNC_FLAGS += -mgeneral-regs-only
$(VMFUNC_OBJ)/svc_vector.o: VMFUNC_FLAGS += -O3 -mavx2

$(VMFUNC_OBJ)/%.o: $(VMFUNC_DIR)/%.c test/vmfunc.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE $(VMFUNC_FLAGS) -MMD -MP -c -o $@ $<

$(VMFUNC_OWNER): $(VMFUNC_OWNER_SRC:$(VMFUNC_DIR)/%.c=$(VMFUNC_OBJ)/%.o) $(B)/lib/libcrossover.a
	@mkdir -p $(@D)
	$(CC) -static -no-pie -Wl,-Ttext-segment=0x50000000 -pthread -o $@ $^

$(VMFUNC_CALLER): $(VMFUNC_CALLER_SRC:$(VMFUNC_DIR)/%.c=$(VMFUNC_OBJ)/%.o) $(B)/lib/libcrossover.a
	@mkdir -p $(@D)
	$(CC) -static -no-pie -pthread -o $@ $^ -lm

-include $(wildcard $(VMFUNC_OBJ)/*.d)
