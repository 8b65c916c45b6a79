# SPDX-License-Identifier: GPL-2.0
# libcrossover, shared and static. The symbol map and the header's declarations must name the same.
XO_RELEASE := 0.1.0
XO_SONAME  := libcrossover.so.0
PREFIX     ?= /usr/local

LIB_SRC := $(wildcard lib/*.c)
LIB_OBJ := $(LIB_SRC:lib/%.c=$(B)/obj/lib/%.o)
LIB_OUT := $(B)/lib/libcrossover.a $(B)/lib/$(XO_SONAME) $(B)/lib/libcrossover.so \
           $(B)/lib/pkgconfig/crossover.pc

lib: $(LIB_OUT)         ## libcrossover: shared, static, pkg-config file
all: lib

$(B)/obj/lib/%.o: lib/%.c lib/lib.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE -fPIC -DXO_RELEASE='"$(XO_RELEASE)"' -MMD -MP -c -o $@ $<

$(B)/lib/libcrossover.a: $(LIB_OBJ)
	@mkdir -p $(@D)
	rm -f $@
	$(AR) rcsD $@ $^

$(B)/lib/$(XO_SONAME): $(LIB_OBJ) lib/crossover.map
	@mkdir -p $(@D)
	$(CC) -shared -o $@ $(LIB_OBJ) -Wl,-soname,$(XO_SONAME) -Wl,-z,relro,-z,now \
		-Wl,--version-script=lib/crossover.map -Wl,--no-undefined -pthread

$(B)/lib/libcrossover.so: $(B)/lib/$(XO_SONAME)
	ln -sf $(XO_SONAME) $@

PC = sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@RELEASE@|$(XO_RELEASE)|' lib/crossover.pc.in

$(B)/lib/pkgconfig/crossover.pc: lib/crossover.pc.in lib/lib.mk
	@mkdir -p $(@D)
	$(PC) >$@

-include $(LIB_OBJ:.o=.d)

# The pkg-config file is written anew: it names the PREFIX of this very command. The modules are not
# installed: they belong to one kernel, the lab's.
install: lib $(B)/bin/xo        ## library, headers, command, manual below DESTDIR/PREFIX
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,bin lib/pkgconfig include/crossover \
		share/man/man1 share/man/man3 share/man/man5 share/doc/crossover)
	install -m 755 $(B)/bin/xo $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(B)/lib/libcrossover.a $(DESTDIR)$(PREFIX)/lib
	install -m 755 $(B)/lib/$(XO_SONAME) $(DESTDIR)$(PREFIX)/lib
	ln -sf $(XO_SONAME) $(DESTDIR)$(PREFIX)/lib/libcrossover.so
	$(PC) >$(DESTDIR)$(PREFIX)/lib/pkgconfig/crossover.pc
	chmod 644 $(DESTDIR)$(PREFIX)/lib/pkgconfig/crossover.pc
	install -m 644 $(addprefix include/crossover/,abi.h gate.h crossover.h errors.def mark.h) \
		$(DESTDIR)$(PREFIX)/include/crossover
	install -m 644 $(wildcard man/*.1) $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(wildcard man/*.3) $(DESTDIR)$(PREFIX)/share/man/man3
	install -m 644 $(wildcard man/*.5) $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 644 examples/hello.c examples/policy $(DESTDIR)$(PREFIX)/share/doc/crossover

.PHONY: lib install
