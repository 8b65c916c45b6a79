// SPDX-License-Identifier: GPL-2.0
/* The abstract registers, flags and facts of a path through gate text. */
#include "gate/state.h"

static int number(ZydisRegister r)
{
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r);

	return whole >= ZYDIS_REGISTER_RAX && whole <= ZYDIS_REGISTER_R15
		       ? (int)(whole - ZYDIS_REGISTER_RAX)
		       : -1;
}

/* Facts that follow from the value being 0. */
static uint8_t if_zero(struct value v)
{
	switch (v.kind) {
	case LIST_SVC:
		return SVC_IS_ZERO;
	case LIST_HOME:
		return HOME_IS_ZERO;
	case LIST_GATE:
		return GATE_IS_ZERO;
	case TELLS:
		return v.facts;
	}
	return 0;
}

static struct value tells(uint8_t facts)
{
	return facts ? (struct value){ TELLS, facts } : (struct value){ UNKNOWN, 0 };
}

/* Facts that follow from two values being equal. */
static uint8_t if_equal(struct value a, struct value b)
{
	if ((a.kind == CONST_SVC && b.kind == LIST_SVC) ||
	    (a.kind == LIST_SVC && b.kind == CONST_SVC))
		return SVC_IS_CONST;
	if ((a.kind == CONST_HOME && b.kind == LIST_HOME) ||
	    (a.kind == LIST_HOME && b.kind == CONST_HOME))
		return HOME_IS_CONST;
	if ((a.kind == CONST_GATE && b.kind == LIST_GATE) ||
	    (a.kind == LIST_GATE && b.kind == CONST_GATE))
		return GATE_IS_CONST;
	if (a.kind == IS_ZERO)
		return if_zero(b);
	if (b.kind == IS_ZERO)
		return if_zero(a);
	return 0;
}

static struct value load(const struct state *s, const struct decoded *d,
			 const ZydisDecodedOperand *op)
{
	if (op->size != 64)
		return (struct value){ UNKNOWN, 0 };
	switch (access_place(s, d, op, false)) {
	case LIST_ENTRY_HOME:
		return (struct value){ LIST_HOME, 0 };
	case LIST_ENTRY_SVC:
		return (struct value){ LIST_SVC, 0 };
	case SLOT_CONST:
		return (struct value){ CONST_SVC, 0 };
	case VCPU_CONST:
		return (struct value){ CONST_HOME, 0 };
	case GATE_CONST:
		return (struct value){ CONST_GATE, 0 };
	case LIST_ENTRY_GATE:
		return (struct value){ LIST_GATE, 0 };
	default:
		return (struct value){ UNKNOWN, 0 };
	}
}

/* What an operand holds. Of narrow registers only CS, read into 32 bits, is anything. */
static struct value read_operand(const struct state *s, const struct decoded *d,
				 const ZydisDecodedOperand *op)
{
	int n;

	switch (op->type) {
	case ZYDIS_OPERAND_TYPE_MEMORY:
		return op->mem.type == ZYDIS_MEMOP_TYPE_MEM ? load(s, d, op)
							    : (struct value){ UNKNOWN, 0 };
	case ZYDIS_OPERAND_TYPE_IMMEDIATE:
		return (struct value){ op->imm.value.u ? UNKNOWN : IS_ZERO, 0 };
	case ZYDIS_OPERAND_TYPE_REGISTER:
		if (op->reg.value == ZYDIS_REGISTER_CS)
			return (struct value){ SELECTOR, 0 };
		n = number(op->reg.value);
		if (n >= 0 && (op->size == 64 || (op->size == 32 && s->reg[n].kind == SELECTOR)))
			return s->reg[n];
		return (struct value){ UNKNOWN, 0 };
	default:
		return (struct value){ UNKNOWN, 0 };
	}
}

/* The result of an instruction of two operands, as far as comparisons are made of it. */
static struct value result(const struct state *s, const struct decoded *d)
{
	const ZydisDecodedOperand *op = d->op;
	struct value a = read_operand(s, d, &op[0]), b = read_operand(s, d, &op[1]);
	bool same = op[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    op[1].type == ZYDIS_OPERAND_TYPE_REGISTER && op[0].reg.value == op[1].reg.value;

	switch (d->in.mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
		if (b.kind == SELECTOR && op[0].size < 32)
			break;
		return b;
	case ZYDIS_MNEMONIC_LEA:
		if (op[0].size == 64 && access_place(s, d, &op[1], false) == EXITS &&
		    op[1].mem.base == ZYDIS_REGISTER_RIP)
			return (struct value){ UNMAPPED, 0 };
		break;
	case ZYDIS_MNEMONIC_XOR:
	case ZYDIS_MNEMONIC_SUB:
	case ZYDIS_MNEMONIC_CMP:
		if (same && op[0].size >= 32)
			return (struct value){ IS_ZERO, 0 };
		if (a.kind == SELECTOR && op[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
		    op[1].imm.value.u == 0x33)
			return tells(FROM_RING_3);
		return tells(if_equal(a, b));
	case ZYDIS_MNEMONIC_OR:
		return tells(if_zero(a) | if_zero(b));
	case ZYDIS_MNEMONIC_TEST:
		return same ? tells(if_zero(a)) : (struct value){ UNKNOWN, 0 };
	default:
		break;
	}
	return (struct value){ UNKNOWN, 0 };
}

void state_stored(struct state *s, enum list how)
{
	if (how >= s->list) {
		s->list = how;
		s->store = s->at;
	}
	s->facts &= FROM_RING_3;
	s->zf &= FROM_RING_3;
	for (int i = 0; i < 16; i++) {
		struct value *v = &s->reg[i];

		if (v->kind == LIST_SVC || v->kind == LIST_HOME || v->kind == LIST_GATE)
			*v = (struct value){ UNKNOWN, 0 };
		if (v->kind == TELLS)
			*v = tells(v->facts & FROM_RING_3);
	}
}

void state_zero(struct state *s)
{
	s->facts |= s->zf;
}

static bool changes_zf(const struct decoded *d)
{
	const ZydisAccessedFlags *f = d->in.cpu_flags;

	return f && ((f->modified | f->set_0 | f->set_1 | f->undefined) & ZYDIS_CPUFLAG_ZF);
}

void state_step(struct state *s, const struct decoded *d)
{
	struct value v = d->in.operand_count >= 2 ? result(s, d) : (struct value){ UNKNOWN, 0 };
	bool first_is_result =
		d->in.mnemonic != ZYDIS_MNEMONIC_CMP && d->in.mnemonic != ZYDIS_MNEMONIC_TEST;

	for (int i = 0; i < d->in.operand_count; i++) {
		const ZydisDecodedOperand *op = &d->op[i];
		int n;

		if (op->type != ZYDIS_OPERAND_TYPE_REGISTER ||
		    !(op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			continue;
		n = number(op->reg.value);
		if (n < 0)
			continue;
		s->reg[n] = (struct value){ UNKNOWN, 0 };
		if (i == 0 && first_is_result && op->size >= 32)
			s->reg[n] = v;
		if (n == 4)
			s->near &= d->in.meta.category == ZYDIS_CATEGORY_PUSH ||
				   d->in.meta.category == ZYDIS_CATEGORY_POP;
	}
	if (changes_zf(d))
		s->zf = if_zero(v);
}
