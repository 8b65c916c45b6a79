// SPDX-License-Identifier: GPL-2.0
/*
 * Explores gate text from every byte offset. A path ends at what leaves the gate context: a VMFUNC
 * (which must be allowed by what the path has proved), a VMCALL or another exit, a fault.
 *
 * Who arrives has RAX = x:00000000 (VMFUNC's leaf) and a list as the host or a verified gate left
 * it: that is where every path begins (CLEAN), and where it may be again behind a VMFUNC. All ways
 * of arriving are VMFUNCs: no branch to an address in a register is let pass, and a return only
 * with a clean list, when no bytes that can be read are an address of gate text (docs/gates.md).
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "gate/state.h"

#define MAX_STATES 65536

struct explorer {
	struct xo_gate_check *c;
	const unsigned char *text;
	ZydisDecoder decoder;
	struct state seen[MAX_STATES];
	unsigned int count, done;
	bool reported[XO_PAGE][XO_PAGE]; /* by place and store */
	bool store[XO_PAGE];
};

__attribute__((format(printf, 3, 4))) static void wrong(struct explorer *e, const struct state *s,
							const char *format, ...)
{
	va_list list;

	e->c->wrong++;
	if (e->reported[s->at][s->store] || !e->c->out)
		return;
	e->reported[s->at][s->store] = true;
	fprintf(e->c->out, "gate text + 0x%03x: ", s->at);
	va_start(list, format);
	vfprintf(e->c->out, format, list);
	va_end(list);
	fputc('\n', e->c->out);
}

static void reach(struct explorer *e, const struct state *s)
{
	if (s->at >= XO_PAGE) {
		e->c->paths++; /* the next page cannot be executed */
		return;
	}
	for (unsigned int i = 0; i < e->count; i++)
		if (e->seen[i].at == s->at && !memcmp(&e->seen[i], s, sizeof(*s)))
			return;
	if (e->count == MAX_STATES) {
		wrong(e, s, "more than %d different states: not gate text", MAX_STATES);
		return;
	}
	e->seen[e->count++] = *s;
}

static bool has_all(const struct state *s, uint8_t facts)
{
	return (s->facts & facts) == facts;
}

static const char *missing(const struct state *s, bool kernel)
{
	if (has_all(s, SVC_IS_CONST | HOME_IS_ZERO) && !kernel)
		return "the caller's ring was not tested (CS)";
	if (has_all(s, SVC_IS_CONST | HOME_IS_ZERO))
		return "entry 1 was not found to be zero";
	if (has_all(s, HOME_IS_CONST | SVC_IS_ZERO))
		return "entry 1 was not compared with the vCPU's constant";
	if (s->facts & SVC_IS_CONST)
		return "entry 0 was not found to be zero";
	if (s->facts & HOME_IS_ZERO)
		return "entry 2 was not compared with the slot's constant";
	if (s->facts & HOME_IS_CONST)
		return "entry 2 was not found to be zero";
	if (s->facts & SVC_IS_ZERO)
		return "entry 0 was not compared with the vCPU's constant";
	return "no entry of it was compared with a constant";
}

static void at_vmfunc(struct explorer *e, const struct state *s)
{
	uint8_t out = e->c->kernel ? KERNEL_TO_CALLEE : TO_SERVICE;
	uint8_t home = e->c->kernel ? KERNEL_TO_HOME : TO_HOME;

	e->c->paths++;
	if (s->list == POISONED)
		wrong(e, s,
		      "VMFUNC is reached although any entry of the EPTP list may have been written "
		      "at 0x%03x, by a store whose address the gate does not fix",
		      s->store);
	else if (s->list == DIRTY && !has_all(s, out) && !has_all(s, home))
		wrong(e, s,
		      "VMFUNC is reached with an unverified EPTP list: behind the store at 0x%03x "
		      "%s",
		      s->store, missing(s, e->c->kernel));
	if (s->list == DIRTY) {
		e->c->to_service |= has_all(s, out);
		e->c->home |= has_all(s, home);
	}
}

/* To an address in memory that the arriving may choose. */
static void at_return(struct explorer *e, const struct state *s)
{
	e->c->paths++;
	if (s->list != CLEAN)
		wrong(e, s,
		      "a return leads to any byte of gate text, with the store at 0x%03x "
		      "unverified",
		      s->store);
}

static void branch(struct explorer *e, struct state *s, const struct decoded *d)
{
	int64_t to = s->at + d->in.length + d->op[0].imm.value.s;
	struct state next;

	state_step(s, d); /* LOOP counts */
	next = *s;

	if (d->in.mnemonic == ZYDIS_MNEMONIC_JZ)
		state_zero(&next);
	if (to >= 0 && to < XO_PAGE) {
		next.at = to;
		reach(e, &next);
	} else if (to + XO_GATE_TEXT >= 0 && to + XO_GATE_TEXT < XO_GATE_SLOT_SIZE) {
		e->c->paths++; /* a page that cannot be executed here: an exit */
	} else if (s->list != CLEAN) {
		wrong(e, s, "branches out of its window with the store at 0x%03x unverified",
		      s->store);
	} else {
		e->c->paths++; /* nothing there, or another slot's text: an arrival like any */
	}
	if (d->in.meta.category == ZYDIS_CATEGORY_UNCOND_BR)
		return;
	next = *s;
	if (d->in.mnemonic == ZYDIS_MNEMONIC_JNZ)
		state_zero(&next);
	next.at = s->at + d->in.length;
	reach(e, &next);
}

/*
 * Instructions that no byte of gate text may begin: they change where code or tables are. Those of
 * the second switch are let pass in ring 0's gate, as long as nothing was written: who arrives
 * there can have executed them before.
 */
static const char *forbidden(const struct decoded *d, bool clean)
{
	switch (d->in.meta.category) {
	case ZYDIS_CATEGORY_SYSCALL:
	case ZYDIS_CATEGORY_SYSRET:
		return "changes the ring and goes where an MSR or register says";
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_UNCOND_BR:
		if (d->op[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
			return "goes where a register or memory says";
		return d->in.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR ? "is a far transfer" : NULL;
	default:
		break;
	}
	for (int i = 0; i < d->in.operand_count; i++)
		if (d->op[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    ZydisRegisterGetClass(d->op[i].reg.value) == ZYDIS_REGCLASS_SEGMENT &&
		    d->op[i].visibility != ZYDIS_OPERAND_VISIBILITY_HIDDEN &&
		    (d->op[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			return "loads a segment, and so may write the accessed bit of a descriptor";
	switch (d->in.mnemonic) {
	case ZYDIS_MNEMONIC_LSS:
	case ZYDIS_MNEMONIC_LFS:
	case ZYDIS_MNEMONIC_LGS:
		return "loads a segment, and so may write the accessed bit of a descriptor";
	default:
		break;
	}
	if (d->kernel && clean)
		return NULL;
	switch (d->in.mnemonic) {
	case ZYDIS_MNEMONIC_WRMSR:
	case ZYDIS_MNEMONIC_LIDT:
	case ZYDIS_MNEMONIC_LGDT:
	case ZYDIS_MNEMONIC_LLDT:
	case ZYDIS_MNEMONIC_LTR:
	case ZYDIS_MNEMONIC_LMSW:
	case ZYDIS_MNEMONIC_INVPCID:
	case ZYDIS_MNEMONIC_SWAPGS:
	case ZYDIS_MNEMONIC_XSETBV:
		return "changes the processor's tables or mode, in ring 0";
	case ZYDIS_MNEMONIC_MOV:
		if (d->op[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    ZydisRegisterGetClass(d->op[0].reg.value) == ZYDIS_REGCLASS_CONTROL)
			return "loads a control register, in ring 0";
		return NULL;
	default:
		return NULL;
	}
}

/* Vector, x87, control and debug registers: CR0.TS (#NM), alignment and CPL (#GP) are the caller's
 * choice. */
static bool uses_other_registers(const struct decoded *d)
{
	for (int i = 0; i < d->in.operand_count; i++) {
		if (d->op[i].type != ZYDIS_OPERAND_TYPE_REGISTER)
			continue;
		switch (ZydisRegisterGetClass(d->op[i].reg.value)) {
		case ZYDIS_REGCLASS_GPR8:
		case ZYDIS_REGCLASS_GPR16:
		case ZYDIS_REGCLASS_GPR32:
		case ZYDIS_REGCLASS_GPR64:
		case ZYDIS_REGCLASS_FLAGS:
		case ZYDIS_REGCLASS_IP:
		case ZYDIS_REGCLASS_SEGMENT:
			break;
		default:
			return true;
		}
	}
	return false;
}

/* With a written list a fault must be an exit, and not the caller's handler, whose tables may be
 * what was written. These raise none themselves; their memory operands are looked at apart. */
static bool never_faults(const struct decoded *d)
{
	if (uses_other_registers(d) || d->in.mnemonic == ZYDIS_MNEMONIC_CLI ||
	    d->in.mnemonic == ZYDIS_MNEMONIC_STI)
		return false;
	switch (d->in.meta.category) {
	case ZYDIS_CATEGORY_BINARY:
		return d->in.mnemonic != ZYDIS_MNEMONIC_DIV &&
		       d->in.mnemonic != ZYDIS_MNEMONIC_IDIV;
	case ZYDIS_CATEGORY_DATAXFER:
	case ZYDIS_CATEGORY_BITBYTE:
	case ZYDIS_CATEGORY_LOGICAL:
	case ZYDIS_CATEGORY_SHIFT:
	case ZYDIS_CATEGORY_ROTATE:
	case ZYDIS_CATEGORY_SETCC:
	case ZYDIS_CATEGORY_CMOV:
	case ZYDIS_CATEGORY_NOP:
	case ZYDIS_CATEGORY_WIDENOP:
	case ZYDIS_CATEGORY_FLAGOP:
	case ZYDIS_CATEGORY_CONVERT:
	case ZYDIS_CATEGORY_PUSH:
	case ZYDIS_CATEGORY_POP:
	case ZYDIS_CATEGORY_CALL:
		return true;
	case ZYDIS_CATEGORY_MISC:
		return d->in.mnemonic == ZYDIS_MNEMONIC_LEA;
	default:
		return false;
	}
}

static bool by_stack(const ZydisDecodedOperand *op)
{
	return op->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN &&
	       op->mem.base == ZYDIS_REGISTER_RSP;
}

static void stored_anywhere(struct state *s, const ZydisDecodedOperand *op)
{
	/* Nothing else can be written, so a push that succeeds shows where RSP is. */
	s->near = by_stack(op);
	state_stored(s, POISONED);
}

/* One memory operand. False: the path ends here. */
static bool memory(struct explorer *e, struct state *s, const struct decoded *d,
		   const ZydisDecodedOperand *op)
{
	bool write = op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
	enum place place = access_place(s, d, op, write);

	if (place == EXITS)
		return false;
	if (place == ANYWHERE && s->list != CLEAN && !(by_stack(op) && s->near)) {
		wrong(e, s,
		      "may fault with the store at 0x%03x unverified (address by register), and so "
		      "run a handler of the caller's kernel",
		      s->store);
		return false;
	}
	if (!write)
		return true;
	if (place == LIST_ENTRY_HOME || place == LIST_ENTRY_SVC || place == LIST_ENTRY_GATE) {
		e->c->stores += !e->store[s->at];
		e->store[s->at] = true;
		state_stored(s, DIRTY);
	} else {
		stored_anywhere(s, op);
	}
	return true;
}

static bool operands(struct explorer *e, struct state *s, const struct decoded *d)
{
	for (int i = 0; i < d->in.operand_count; i++) {
		const ZydisDecodedOperand *op = &d->op[i];

		if (op->type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    op->mem.type != ZYDIS_MEMOP_TYPE_AGEN && !memory(e, s, d, op))
			return false;
	}
	return true;
}

static void step(struct explorer *e, struct state s, const struct decoded *d)
{
	const char *why = forbidden(d, s.list == CLEAN);
	struct state before;

	if (why) {
		wrong(e, &s, "%s %s", ZydisMnemonicGetString(d->in.mnemonic), why);
		return;
	}
	if (d->in.mnemonic == ZYDIS_MNEMONIC_VMFUNC) {
		at_vmfunc(e, &s);
		return;
	}
	if (d->in.meta.category == ZYDIS_CATEGORY_RET) {
		at_return(e, &s);
		return;
	}
	if (d->in.mnemonic == ZYDIS_MNEMONIC_VMCALL || d->in.mnemonic == ZYDIS_MNEMONIC_UD0 ||
	    d->in.mnemonic == ZYDIS_MNEMONIC_UD1 || d->in.mnemonic == ZYDIS_MNEMONIC_UD2) {
		e->c->paths++;
		return;
	}
	if (d->in.meta.category == ZYDIS_CATEGORY_INTERRUPT && s.list == CLEAN) {
		e->c->paths++; /* no gate of an IDT can be in the constants: docs/gates.md */
		return;
	}
	if (d->in.meta.category == ZYDIS_CATEGORY_COND_BR ||
	    d->in.meta.category == ZYDIS_CATEGORY_UNCOND_BR) {
		branch(e, &s, d);
		return;
	}
	if (s.list != CLEAN && !never_faults(d)) {
		wrong(e, &s, "%s may fault with the store at 0x%03x unverified",
		      ZydisMnemonicGetString(d->in.mnemonic), s.store);
		return;
	}
	before = s;
	if (!operands(e, &s, d)) {
		e->c->paths++;
		return;
	}
	/* The busy bit of a descriptor, wherever the arriving's GDT is. */
	if (d->in.mnemonic == ZYDIS_MNEMONIC_LTR)
		state_stored(&s, POISONED);
	/* Loads are of the list as it was; what they tell of it ends with the store. */
	state_step(&before, d);
	if (s.store != before.store || s.list != before.list || s.near != before.near) {
		uint8_t list = s.list, near = s.near;

		s = before;
		state_stored(&s, list);
		s.near = near;
	} else {
		s = before;
	}
	if (d->in.meta.category == ZYDIS_CATEGORY_CALL) {
		branch(e, &s, d);
		return;
	}
	s.at += d->in.length;
	reach(e, &s);
}

static void visit(struct explorer *e, const struct state *s)
{
	struct decoded d;

	memset(&d, 0, sizeof(d));
	d.kernel = e->c->kernel;
	if (ZYAN_FAILED(ZydisDecoderDecodeFull(&e->decoder, e->text + s->at, XO_PAGE - s->at, &d.in,
					       d.op))) {
		e->c->paths++; /* invalid opcode: intercepted; or cut off by the page's end */
		return;
	}
	step(e, *s, &d);
}

static void explore(struct explorer *e)
{
	while (e->done < e->count) {
		struct state s = e->seen[e->done++];

		visit(e, &s);
	}
}

bool xo_gate_check_text(struct xo_gate_check *c, const unsigned char *text)
{
	struct explorer *e = calloc(1, sizeof(*e));
	static const unsigned char vmfunc[3] = { 0x0f, 0x01, 0xd4 };

	if (!e)
		abort();
	e->c = c;
	e->text = text;
	ZydisDecoderInit(&e->decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (c->offsets = 0; c->offsets < XO_PAGE; c->offsets++) {
		struct state s;

		memset(&s, 0, sizeof(s));
		s.at = c->offsets;
		s.reg[0].kind = LOW_ZERO;
		c->vmfuncs += c->offsets + 3 <= XO_PAGE && !memcmp(text + s.at, vmfunc, 3);
		reach(e, &s);
		explore(e);
	}
	c->states = e->count;
	if (!c->to_service || !c->home) {
		c->wrong++;
		if (c->out)
			fprintf(c->out, "gate text: no path verifies the list on its way %s\n",
				c->to_service ? "home" : "to the service");
	}
	free(e);
	return !c->wrong;
}
