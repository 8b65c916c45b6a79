# SPDX-License-Identifier: GPL-2.0
# What this tree itself puts into the emulated host's system image: the agent and its console module.
include lab/kbuild.mk

AGENT_SRC := $(sort $(wildcard lab/agent*.c))

$(B)/lab/bin/lab-agent: $(AGENT_SRC) lab/agent.h lab/channel.h lab/agent.mk
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) $(CFLAGS) -static -o $@ $(AGENT_SRC)

$(B)/ko/lab_console.ko: lab/channel.h
$(B)/ko/lab_console.ko: KMOD_CFLAGS := -I$(CURDIR)/lab
$(eval $(call xo_kmod,lab_console,lab/console))

all: $(B)/lab/bin/lab-agent
