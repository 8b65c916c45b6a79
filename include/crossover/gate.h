/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The gate's ABI: what gate text, service runtime, host module, guest module and library agree on.
 * docs/vmfunc.md tells the story; this file has the numbers. Included by assembly too.
 *
 * A process that calls services has, from XO_GATE_BASE on, one region of 2 MiB for each of its
 * connections. A region is XO_GATE_SLOTS slot windows of 128 KiB and, in its upper half, the
 * connection's shared buffer. One slot carries one call at a time. What a page of a slot window is
 * depends on the EPT context (home, gate, service):
 *
 *   offset   home                    gate context            service context
 *   0x00000  gate text, r-x          gate text, --x          gate text, --x
 *   0x01000  -                       struct xo_gate_const r  struct xo_gate_visit r
 *   0x02000  -                       EPTP list, rw           -
 *   0x03000  -                       struct xo_gate_vcpu r   -
 *   0x04000  struct xo_gate_save rw  -                       -
 *   0x05000  -                       -                       runtime text, --x
 *   0x06000  -                       -                       struct xo_gate_ssa, rw
 *   0x07000  -                       -                       XSAVE area of the above, rw
 *   ...      -                       -                       guard, then the stack, rw
 *   0x20000  end
 *
 * All addresses in gate and runtime are relative to RIP, so one text serves every slot, and the
 * slot in which a world runs is told by its RIP alone. The gate context maps the windows of all of
 * the process's slots, a service context those of one slot: nobody leaves by another slot's door.
 */
#ifndef CROSSOVER_GATE_H
#define CROSSOVER_GATE_H

/* Above 4 GiB, so that compatibility mode cannot reach it; below 2^47, for ring 3. */
#define XO_GATE_BASE		0x200000000000
#define XO_GATE_CONNS		64	 /* connections of one process */
#define XO_GATE_CONN_SIZE	0x200000 /* one connection's region: one page table */
#define XO_GATE_SLOT_SIZE	0x20000
#define XO_GATE_SLOTS		8	 /* at most, of one connection */
#define XO_GATE_BUFFER		0x100000 /* offset of the shared buffer in a region */
#define XO_GATE_BUFFER_SIZE	0x10000	 /* the data area of one window slot (abi.h) */

/* pages of a slot window */
#define XO_GATE_TEXT		0x0000
#define XO_GATE_CONST		0x1000 /* gate context: xo_gate_const; service context: xo_gate_visit */
#define XO_GATE_LIST		0x2000
#define XO_GATE_VCPU		0x3000
#define XO_GATE_SAVE		0x4000
#define XO_GATE_RT		0x5000
#define XO_GATE_SSA		0x6000
#define XO_GATE_XSAVE		0x7000
#define XO_GATE_STACK_PAGES	8 /* the last pages of the window; a guard page and more below */
#define XO_GATE_STACK_TOP	XO_GATE_SLOT_SIZE

/* Entries of gate text, offsets; the only addresses that the library calls. */
#define XO_GATE_RESUME		0x00 /* go on with the interrupted call of this slot */
#define XO_GATE_ENTRY		0x10 /* call: arguments as for a C function of six, in RDI to R9 */

/*
 * Both return RAX = value and RDX = status. A status is the callee's word where the service is
 * hostile: the library believes none of them, and each leads to a defined end.
 */
#define XO_GATE_OK		0 /* RAX is the service's result */
#define XO_GATE_INTR		1 /* interrupted; go on by XO_GATE_RESUME */
#define XO_GATE_BUSY		2 /* the slot's last call has not ended (abandoned, or two callers) */
#define XO_GATE_NORES		3 /* nothing to resume */
#define XO_GATE_FAULT		4 /* the service ended badly: RAX = XO_GATE_FAULT_* << 56 | RIP */
#define XO_GATE_REVOKED		5 /* the context is not there now: ask the guest module */
#define XO_GATE_AGAIN		6 /* interrupted XO_GATE_RESTARTS times before it began */
/*
 * The caller's own claim: this slot is another's, and stays so. What comes from away has 32 bits,
 * so this is nobody's word but the gate's at home.
 */
#define XO_GATE_TAKEN		0xffffffffffffffff

#define XO_GATE_RESTARTS	8

/* Why a service ended badly: high byte of RAX with XO_GATE_FAULT. RIP: canonical, bits 55:0. */
#define XO_GATE_FAULT_MEMORY	1 /* touched a page that it has not declared (EPT violation) */
#define XO_GATE_FAULT_EXCEPTION 2 /* an exception: page fault, #GP, ... (there is no IDT away) */
#define XO_GATE_FAULT_OPCODE	3 /* #UD, #DB, #AC or another intercepted exception */
#define XO_GATE_FAULT_SYSCALL	4 /* a system call */
#define XO_GATE_FAULT_EXIT	5 /* another instruction that exits: CPUID, VMCALL, I/O, ... */
#define XO_GATE_FAULT_GATE	6 /* the gate itself refused (verification, or not from ring 3) */

/* struct xo_gate_const, host-written; every aligned quadword has bit 0 clear (never a PTE) */
#define XO_CONST_SVC		0x00 /* EPTP of the slot's service context; 0: revoked */

/* struct xo_gate_vcpu, host-written; likewise */
#define XO_VCPU_HOME		0x00 /* EPTP of this vCPU's home */

/* entries of the EPTP list, offsets in its page */
#define XO_LIST_HOME		0x00
#define XO_LIST_GATE		0x08
#define XO_LIST_SVC		0x10

/* struct xo_gate_save: the caller's own memory, supplied by the host, which believes none of it */
#define XO_SAVE_RSP		0x08
#define XO_SAVE_FS		0x10 /* FS base of the thread whose call has the slot; 0: free */
#define XO_SAVE_GS		0x18
#define XO_SAVE_CALLS		0x20 /* quadword: homecomings, whatever their status: also INTR */
#define XO_SAVE_MXCSR		0x28
#define XO_SAVE_FCW		0x2c /* word: the x87 control word */
#define XO_SAVE_FLAGS                                                              \
	0x30 /* quadword: RFLAGS after a call; nobody needs to write it, 0 will do \
	      */

/* struct xo_gate_ssa: where an interrupted service waits */
#define XO_SSA_BUSY    0x00 /* 0: free; else, and above 4 GiB: a call has the slot's stack */
#define XO_SSA_VALID   0x08 /* 1: registers below are an interrupted service's */
#define XO_SSA_RIP     0x10
#define XO_SSA_RFLAGS  0x18
#define XO_SSA_REGS    0x20 /* 16 quadwords, in the processor's order: RAX RCX RDX RBX RSP ... */
#define XO_SSA_FS      0xa0
#define XO_SSA_GS      0xa8
#define XO_SSA_IDTR    0xb6 /* 10 bytes: the runtime looks at where the caller's IDT is */

/* struct xo_gate_visit, host-written, read by runtime and service */
#define XO_VISIT_ENTRY 0x000 /* the service's entry point */
#define XO_VISIT_XINIT 0x040 /* 576 bytes: an XSAVE image of the initial state, MXCSR 0x1f80 */
#define XO_VISIT_PUBLIC                                                          \
	0x300 /* struct xo_visit: what the service is told, its seventh argument \
	       */

/* Vector state that is saved, cleared and restored: x87, SSE, AVX, AVX-512. Not MPX, PKRU, AMX:
 * vCPUs that have those switched on do not qualify. (SDM vol. 1, 13.1: state components.) */
#define XO_GATE_XSTATE 0xe7

#ifndef __ASSEMBLER__
#include <linux/types.h>

/*
 * What a service is told of a call; on `vmfunc` at XO_VISIT_PUBLIC, read-only. The service is
 * called as a C function of seven: six in RDI to R9, and on the stack, at 8(%rsp), the address of
 * this.
 */
struct xo_visit {
	__u64 wid;	   /* the caller's kernel world, vouched for by the host */
	void *buffer;	   /* shared with the caller, who may write it at any moment: hostile */
	__u64 buffer_size; /* bytes */
	__u32 engine;	   /* enum xo_engine that carries the call */
	__u32 reserved;	   /* 0 */
	char caller[32];   /* name of the caller's VM, vouched for by the host */
};
#endif

#endif
