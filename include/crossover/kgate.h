/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The kernel-world gate's ABI: what gate text, host module and guest module agree on. The story is
 * docs/visitors.md; this file has the numbers. Included by assembly too.
 *
 * One window of kernel addresses, the same in every VM, in the part of the address space that Linux
 * leaves to a hypervisor. What a page of it is depends on the EPT context and the page tables:
 *
 *   offset  home (caller)        gate context      callee's context:         stub's page tables
 *                                                  gate's page tables
 *   0x0000  guest's copy, r-x    gate text, --x    gate text, --x            -
 *   0x1000  -                    EPTP list, rw     -                         -
 *   0x2000  -                    xo_kgate_vcpu, r  -                         -
 *   0x3000  -                    -                 xo_kgate_record, r        -
 *   0x4000  xo_kgate_save, rw    -                 -                         -
 *   0x6000  -                    -                 runtime, --x              runtime, --x
 *   0x7000  home text, r-x       -                 -                         -
 *
 * Where a parked stub goes on in a visit stands on its own stack: flags, and a frame for IRETQ.
 * Natively, where no host is between, the runtime's page in the stub's page tables is a page of the
 * callee's own memory: there krt_ret is a jump to where an evicted call ends. So the EPT context
 * itself tells whether a call that returns is still a visitor; no flag does. (Its own memory, so
 * that it is there whatever becomes of link and host module until the call returns, an hour later
 * perhaps.)
 */
#ifndef CROSSOVER_KGATE_H
#define CROSSOVER_KGATE_H

#define XO_KGATE_BASE	     0xffff800000000000 /* entry 256 of the root */
#define XO_KGATE_ROOT	     256

/* pages of the window, offsets */
#define XO_KGATE_TEXT	     0x0000
#define XO_KGATE_LIST	     0x1000
#define XO_KGATE_VCPU	     0x2000
#define XO_KGATE_RECORD	     0x3000
#define XO_KGATE_SAVE	     0x4000
#define XO_KGATE_RT	     0x6000
#define XO_KGATE_HOME	     0x7000

/*
 * The region of guest-physical memory that the host gives each caller of such a link: pages, by
 * number. At home it is memory of the VM's own, which the guest module fills in. In the gate
 * context and in the callee's, the genuine pages are at the same addresses. A CPU's CR3 for the
 * gate is the address of its root.
 *
 * The door is the first quadword of its page. The host writes it: another number each time that the
 * region is made, 0 before it goes. A CPU of the guest looks there with interrupts off, uses the
 * region only if the number is that of the region that it filled, and lets interrupts in
 * afterwards: so each CPU that was seen with interrupts on since the door closed has left, for
 * good.
 */
#define XO_KREGION_TEXT	     0
#define XO_KREGION_TABLE     1 /* genuine PDPT, PD, PT */
#define XO_KREGION_LIST	     4
#define XO_KREGION_VCPU	     5
#define XO_KREGION_RECORD    6
#define XO_KREGION_NONE	     7 /* never there away */
#define XO_KREGION_DOOR	     7 /* at home */
#define XO_KREGION_RT	     8
#define XO_KREGION_HOME	     9
#define XO_KREGION_CPU(n)    (16 + 8 * (n)) /* root; at home also PDPT, PD, PT, save page */
#define XO_KREGION_CPUS	     64
#define XO_KREGION_CPU_TABLE 1
#define XO_KREGION_CPU_SAVE  4
#define XO_KREGION_PAGES(n)  XO_KREGION_CPU(n)

/* Status of a visit (ESI; RDX: value). RDI is 0, or XO_KGATE_HOST if it is the host who says so:
 * OK and ABSENT are all that is believed of others. */
#define XO_KGATE_OK	     0 /* the stub's function returned RDX */
#define XO_KGATE_AGAIN	     1 /* an exit came before anything happened: let interrupts in, try again */
#define XO_KGATE_ABSENT	     2 /* the stub is not parked just now */
#define XO_KGATE_EVICTED     3 /* goes on in its server CPU: the call is posted, as over `exit` */
#define XO_KGATE_UNBOUND     4 /* this vCPU is not bound to the record: XO_HC_BIND */
#define XO_KGATE_FAULT	     5 /* the gate refused; never a visitor's doing */
#define XO_KGATE_DOWN	     6 /* callee or link are gone in mid-call */
#define XO_KGATE_HOST	     0x100000000

/* entries of the EPTP list, offsets in its page; 0 to 2 are those of gate.h */
#define XO_KLIST_HOME	     0x00
#define XO_KLIST_GATE	     0x08 /* the user worlds' gate context: disarmed while away here */
#define XO_KLIST_CALLEE	     0x10
#define XO_KLIST_KGATE	     0x18

/* struct xo_kgate_vcpu, host-written; every aligned quadword has bit 0 clear */
#define XO_KVCPU_CALLEE	     0x00 /* EPTP of the record to which the vCPU is bound; 0: none */
#define XO_KVCPU_HOME	     0x08
#define XO_KVCPU_GATE	     0x10

/* struct xo_kgate_record, host-written; seen in the callee's context only */
#define XO_KREC_PARKED	     0x00 /* doubleword: 1 while the stub is parked */
#define XO_KREC_CR4	     0x08 /* as the bound vCPU's kernel reads it; ~0: look at it again */
#define XO_KREC_GDT	     0x26 /* limit, base */
#define XO_KREC_IDT	     0x36
#define XO_KREC_GS	     0x40
#define XO_KREC_RSP	     0x48
#define XO_KREC_COOKIE	     0x50
#define XO_KREC_CR0	     0x58
#define XO_KREC_CR3	     0x60

/* struct xo_kgate_save: the caller's own memory, supplied by the host, which believes none of it */
#define XO_KSAVE_SLOT	     0x08 /* of the link, that carries the call, and */
#define XO_KSAVE_SEQ	     0x10 /* its sequence number: if it is evicted, that one is posted */
#define XO_KSAVE_GS	     0x18
#define XO_KSAVE_CR0	     0x20
#define XO_KSAVE_CR4	     0x28
#define XO_KSAVE_TSS	     0x30 /* writable address of the TSS's descriptor */
#define XO_KSAVE_TR	     0x38
#define XO_KSAVE_GDT	     0x56 /* limit, base */
#define XO_KSAVE_IDT	     0x66
#define XO_KSAVE_GDT_RW	     0x76 /* the same table where it can be written, for LTR */
#define XO_KSAVE_FLAGS	     0x80 /* POPFQ's; and IRETQ's frame */
#define XO_KSAVE_RIP	     0x88
#define XO_KSAVE_CS	     0x90
#define XO_KSAVE_RFLAGS	     0x98
#define XO_KSAVE_RSP	     0xa0
#define XO_KSAVE_SS	     0xa8
#define XO_KSAVE_XSAVE	     0x100 /* the FPU's state, during a visit; up to XINIT */
#define XO_KSAVE_XINIT	     0xc00 /* an image of its initial state, 576 bytes: no more is read */

#endif
