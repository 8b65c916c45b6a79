# SPDX-License-Identifier: GPL-2.0
# make test [T=NAME], make test-full, make demo.
include lab/kbuild.mk
$(eval $(call xo_kmod,xo_hostile,test/lab/ko/xo_hostile))
$(eval $(call xo_kmod,xo_warn,test/lab/ko/xo_warn))
$(eval $(call xo_kmod,xo_tick,test/lab/ko/xo_tick))

ifdef T
test: all payload lab-images    ## unit and lab tests; T=NAME runs one
	test/run --only $(T)
else
test: all payload lab-images test-unit test-tree    ## unit and lab tests; T=NAME runs one
	test/run --group core
endif

test-full: all payload lab-images test-unit test-tree    ## everything, also what takes long
	test/run --group full

torture: all payload lab-images    ## a million visits from two VMs, and 100,000 of each kind on two CPUs: hours
	test/run --group torture

test-tree:      ## what the tree promises: table of folders, links in docs, style, test ids
	test/tree.sh

demo: all payload lab-images    ## boot the lab, show what ran where and what it cost
	@examples/demo

.PHONY: test test-full torture test-tree demo
