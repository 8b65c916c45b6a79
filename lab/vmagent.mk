# SPDX-License-Identifier: GPL-2.0
# vm-agent: the static program in every VM that runs commands for `xo vm exec`.
VM_AGENT_SRCS := lab/vmagent.c lab/vmagent_session.c lab/vmagent_child.c xo/vm_frames.c
VM_AGENT_HDRS := lab/vmagent.h lab/vmexec.h xo/vm_frames.h

all: $(B)/lab/bin/vm-agent

$(B)/lab/bin/vm-agent: $(VM_AGENT_SRCS) $(VM_AGENT_HDRS) lab/vmagent.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE -static -o $@ $(VM_AGENT_SRCS)
