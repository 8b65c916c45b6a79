# SPDX-License-Identifier: GPL-2.0
# Unit tests, see README.md beside this file.
test-unit: | $(B)/obj/xo/syscall_names.h $(B)/gate/gate_blob.h ## unit tests, plain and with ASan and UBSan (T=NAME: one)
	@B='$(B)' CC='$(CC)' CFLAGS='$(CFLAGS) -D_GNU_SOURCE -I. -I$(B)/obj/xo -I$(B)/gate -DXO_RELEASE=\"$(XO_RELEASE)\"' \
		test/unit/run $(if $(T),$(T))

.PHONY: test-unit
