# SPDX-License-Identifier: GPL-2.0
# build/payload: what `xo lab run` carries into the emulated host and its VMs, at /opt/crossover.
# Any NAME.mk adds files with `PAYLOAD_BIN += FILE` and the like; FILE is a make target.
#	bin/  programs (on PATH)   lib/  libraries    ko/  modules
#	etc/  samples of policy    test/ what tests run there (test/lab/: the lab tests)
PAYLOAD_BIN  += $(B)/bin/xo
PAYLOAD_LIB  += $(B)/lib/$(XO_SONAME)
PAYLOAD_KO   +=
PAYLOAD_ETC  += examples/policy
PAYLOAD_TEST +=
PAYLOAD_LAB  += $(wildcard test/lab/*.sh test/lab/*.inc) test/lab/inside
PAYLOAD := $(B)/payload

# Modules that the images carry themselves are no part of it.
PAYLOAD_KMODS = $(filter-out %/lab_console.ko,$(XO_KMODS))
PAYLOAD_FILES = $(PAYLOAD_BIN) $(PAYLOAD_LIB) $(PAYLOAD_KO) $(PAYLOAD_KMODS) $(PAYLOAD_ETC) \
                $(PAYLOAD_TEST) $(PAYLOAD_LAB)

payload: $(PAYLOAD)/.filled     ## what the lab's machines get at /opt/crossover
all: payload

# Filled anew and renamed into place, so that a file no longer made is no longer in it.
$(PAYLOAD)/.filled: lib/payload.mk $$(PAYLOAD_FILES)
	rm -rf $(PAYLOAD).new
	mkdir -p $(addprefix $(PAYLOAD).new/,bin lib ko etc test/lab)
	$(if $(PAYLOAD_BIN),cp -L $(PAYLOAD_BIN) $(PAYLOAD).new/bin)
	$(if $(PAYLOAD_LIB),cp -L $(PAYLOAD_LIB) $(PAYLOAD).new/lib)
	$(if $(strip $(PAYLOAD_KO) $(PAYLOAD_KMODS)),cp -L $(PAYLOAD_KO) $(PAYLOAD_KMODS) $(PAYLOAD).new/ko)
	$(if $(PAYLOAD_ETC),cp -L $(PAYLOAD_ETC) $(PAYLOAD).new/etc)
	$(if $(PAYLOAD_TEST),cp -L $(PAYLOAD_TEST) $(PAYLOAD).new/test)
	cp -L $(PAYLOAD_LAB) $(PAYLOAD).new/test/lab
	touch $(PAYLOAD).new/.filled
	rm -rf $(PAYLOAD)
	mv $(PAYLOAD).new $(PAYLOAD)

.PHONY: payload
