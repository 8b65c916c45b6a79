/* SPDX-License-Identifier: GPL-2.0 */
/* Inside of the checker: what is known at a point of a path, and how an instruction changes it. */
#ifndef XO_GATE_STATE_H
#define XO_GATE_STATE_H

#include <Zydis/Zydis.h>
#include <stdint.h>
#include "gate/check.h"

/* Facts that a comparison can prove. */
enum {
	SVC_IS_CONST = 1, /* list entry 2 is the slot's constant */
	HOME_IS_ZERO = 2, /* list entry 0 is 0 */
	HOME_IS_CONST = 4,
	SVC_IS_ZERO = 8,
	FROM_RING_3 = 16,
	GATE_IS_ZERO = 32, /* the kernel worlds' gate: list entry 1, and so on */
	GATE_IS_CONST = 64,
	TO_SERVICE = SVC_IS_CONST | HOME_IS_ZERO | FROM_RING_3,
	TO_HOME = HOME_IS_CONST | SVC_IS_ZERO,
	KERNEL_TO_CALLEE = SVC_IS_CONST | HOME_IS_ZERO | GATE_IS_ZERO,
	KERNEL_TO_HOME = HOME_IS_CONST | GATE_IS_CONST | SVC_IS_ZERO,
};

/* What a register or a memory operand holds. */
enum kind {
	UNKNOWN,
	IS_ZERO,   /* all 64 bits */
	LOW_ZERO,  /* bits 31:0, as VMFUNC's leaf in RAX */
	CONST_SVC, /* the constants of the pages, which nobody changes */
	CONST_HOME,
	CONST_GATE,
	LIST_GATE,
	LIST_SVC, /* list entries as they are now */
	LIST_HOME,
	SELECTOR, /* CS */
	TELLS,	  /* if it is 0, `facts` hold */
	UNMAPPED, /* the address of something in the window that is not there */
};

struct value {
	uint8_t kind;
	uint8_t facts;
};

enum list {
	CLEAN,	  /* as the host or a verified gate left it */
	DIRTY,	  /* entries that gate text verifies were written */
	POISONED, /* any byte may have been written */
};

struct state {
	uint16_t at;
	uint16_t store; /* the last store to the list, if not CLEAN */
	uint8_t list;
	uint8_t facts;
	uint8_t zf;   /* facts that hold if ZF is set */
	uint8_t near; /* POISONED by a push: RSP is in the list page or beside it */
	struct value reg[16];
};

struct decoded {
	ZydisDecodedInstruction in;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
	bool kernel; /* of the kernel worlds' gate */
};

/* Where a memory operand leads. */
enum place {
	ANYWHERE, /* a register says */
	LIST_ENTRY_HOME,
	LIST_ENTRY_SVC,
	LIST_ENTRY_GATE, /* which the kernel worlds' gate disarms too */
	LIST_OTHER,	 /* mapped, known, and none of the above */
	SLOT_CONST,
	VCPU_CONST,
	GATE_CONST,
	EXITS, /* the EPT does not allow it */
};

/* The place of memory operand `op` of an instruction at s->at; write: what it does there. */
enum place access_place(const struct state *s, const struct decoded *d,
			const ZydisDecodedOperand *op, bool write);
/* The effect of an instruction that is no branch on registers, flags and facts. */
void state_step(struct state *s, const struct decoded *d);
/* A store to the list happened. */
void state_stored(struct state *s, enum list how);
/* Facts that are known where ZF is set. */
void state_zero(struct state *s);

#endif
