// SPDX-License-Identifier: GPL-2.0
/* Where the memory operands of gate text lead, in the gate context. */
#include "gate/kcontext.h"
#include "gate/state.h"

/*
 * [rax + d] or [rax] with RAX = x:00000000, as VMFUNC's leaf leaves it, and a byte's displacement:
 * within 128 bytes of a multiple of 4 GiB. In all windows that can only be the first page of the
 * first, which is gate text, or what lies before it, where nothing is.
 */
_Static_assert(XO_GATE_BASE % 0x100000000 == 0 && XO_GATE_TEXT == 0, "see above");
_Static_assert(XO_KGATE_BASE % 0x100000000 == 0 && XO_KGATE_TEXT == 0, "see above");
_Static_assert(XO_KLIST_HOME == XO_LIST_HOME && XO_KLIST_CALLEE == XO_LIST_SVC, "in_list()");
_Static_assert(XO_GATE_CONNS *XO_GATE_CONN_SIZE < 0xffffff00, "see above");

static bool beside_4g(const struct state *s, const ZydisDecodedOperand *op)
{
	const ZydisDecodedOperandMem *m = &op->mem;
	int64_t d = m->disp.has_displacement ? m->disp.value : 0;

	return m->base == ZYDIS_REGISTER_RAX && m->index == ZYDIS_REGISTER_NONE && d >= -128 &&
	       d < 128 && op->size <= 512 &&
	       (s->reg[0].kind == LOW_ZERO || s->reg[0].kind == IS_ZERO) &&
	       m->segment != ZYDIS_REGISTER_FS && m->segment != ZYDIS_REGISTER_GS;
}

/* PUSH, POP and their like with the stack where the gate puts it: in the save page. */
static bool by_unmapped_stack(const struct state *s, const ZydisDecodedOperand *op)
{
	return op->mem.base == ZYDIS_REGISTER_RSP && op->mem.index == ZYDIS_REGISTER_NONE &&
	       s->reg[4].kind == UNMAPPED && op->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN;
}

static enum place in_list(int64_t at, int64_t size)
{
	if (at >= XO_LIST_HOME && at + size <= XO_LIST_HOME + 8)
		return LIST_ENTRY_HOME;
	if (at >= XO_LIST_SVC && at + size <= XO_LIST_SVC + 8)
		return LIST_ENTRY_SVC;
	return at + size <= XO_PAGE ? LIST_OTHER : ANYWHERE;
}

/* The window of the kernel worlds' gate: gate/kcontext.h. Its tables have 2 MiB present. */
static enum place kernel_place(int64_t at, int64_t size, bool write)
{
	int64_t page = at & ~(int64_t)(XO_PAGE - 1), in = at - page;

	if (at < 0 || at + size > XO_KGATE_SPAN || in + size > XO_PAGE)
		return ANYWHERE;
	if (!(xo_kgate_rights(at) & (write ? XO_MAP_W : XO_MAP_R)))
		return EXITS;
	if (page == XO_KGATE_LIST) {
		if (in >= XO_KLIST_GATE && in + size <= XO_KLIST_GATE + 8)
			return LIST_ENTRY_GATE;
		return in_list(in, size);
	}
	if (page != XO_KGATE_VCPU || size != 8)
		return LIST_OTHER;
	switch (in) {
	case XO_KVCPU_CALLEE:
		return SLOT_CONST;
	case XO_KVCPU_HOME:
		return VCPU_CONST;
	case XO_KVCPU_GATE:
		return GATE_CONST;
	default:
		return LIST_OTHER;
	}
}

enum place access_place(const struct state *s, const struct decoded *d,
			const ZydisDecodedOperand *op, bool write)
{
	int64_t size = op->size / 8, at, page;

	if (beside_4g(s, op))
		return EXITS;
	if (by_unmapped_stack(s, op))
		return EXITS;
	if (op->mem.base != ZYDIS_REGISTER_RIP || op->mem.index != ZYDIS_REGISTER_NONE ||
	    op->mem.segment == ZYDIS_REGISTER_FS || op->mem.segment == ZYDIS_REGISTER_GS || !size)
		return ANYWHERE;
	at = XO_GATE_TEXT + s->at + d->in.length + op->mem.disp.value;
	if (d->kernel)
		return kernel_place(at, size, write);
	if (at < 0 || at + size > XO_GATE_SLOT_SIZE)
		return ANYWHERE;
	page = at & ~(int64_t)(XO_PAGE - 1);
	if (at + size > page + XO_PAGE)
		return ANYWHERE;
	if (!(xo_gate_rights(at, 0) & (write ? XO_MAP_W : XO_MAP_R)))
		return EXITS;
	if (page == XO_GATE_LIST)
		return in_list(at - page, size);
	if (size == 8 && at == XO_GATE_CONST + XO_CONST_SVC)
		return SLOT_CONST;
	if (size == 8 && at == XO_GATE_VCPU + XO_VCPU_HOME)
		return VCPU_CONST;
	return page == XO_GATE_CONST || page == XO_GATE_VCPU ? LIST_OTHER : ANYWHERE;
}
