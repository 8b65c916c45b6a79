# SPDX-License-Identifier: GPL-2.0
# Builds everything below build/. Each folder has one NAME.mk that adds its targets; nothing is
# ever installed on this machine by make itself (./run says which packages are missing).
B       := build
CC      := gcc
WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
           -Wno-unused-parameter -Werror
CFLAGS  := -std=gnu17 -O2 -g $(WARN) -Iinclude
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDEXPANSION:

all:            ## everything a user or the lab needs

include $(sort $(wildcard */*.mk))

clean:          ## remove what was compiled; downloads and snapshots stay
	rm -rf $(B)/bin $(B)/obj $(B)/lib $(B)/ko $(B)/test $(B)/payload

distclean:      ## remove all of build/
	rm -rf $(B)

help:           ## this list
	@grep -hE '^[a-z0-9.-]+:.*##' $(sort $(MAKEFILE_LIST)) | sed -E 's/:[^#]*## */\t/' | expand -t 20 | sort -u

.PHONY: all clean distclean help
