// SPDX-License-Identifier: GPL-2.0
/* Counts the instructions of a call that nothing disturbs, by walking gate text and runtime. */
#include <Zydis/Zydis.h>
#include "gate/check.h"

#define NULL_SERVICE 3 /* xor, nop or endbr64, ret */
#define TOO_LONG     1000

struct walk {
	ZydisDecoder decoder;
	const unsigned char *text, *runtime;
	int64_t at; /* in the window */
	unsigned int *part, *next_part;
	FILE *out;
};

static const unsigned char *bytes(const struct walk *w, size_t *left)
{
	int64_t page = w->at & ~(int64_t)(XO_PAGE - 1);

	*left = page + XO_PAGE - w->at;
	if (page == XO_GATE_TEXT)
		return w->text + (w->at - page);
	return page == XO_GATE_RT ? w->runtime + (w->at - page) : NULL;
}

static bool decode(const struct walk *w, int64_t at, ZydisDecodedInstruction *in,
		   ZydisDecodedOperand *op)
{
	struct walk here = *w;
	const unsigned char *p;
	size_t left;

	here.at = at;
	p = bytes(&here, &left);
	return p && ZYAN_SUCCESS(ZydisDecoderDecodeFull(&w->decoder, p, left, in, op));
}

/* A conditional branch is taken only over a VMCALL: all others lead to what went wrong. */
static bool taken(const struct walk *w, int64_t behind)
{
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in;

	return decode(w, behind, &in, op) && in.mnemonic == ZYDIS_MNEMONIC_VMCALL;
}

/* VMFUNCs and the call of the service part the way; runtime and gate text change by a jump. */
static void pass(struct walk *w, ZydisMnemonic mnemonic, struct xo_gate_count *n)
{
	unsigned int *order[] = { &n->home_in,	   &n->gate_in,	 &n->runtime_in, &n->service,
				  &n->runtime_out, &n->gate_out, &n->home_out,	 NULL };
	int i = 0;

	if (mnemonic == ZYDIS_MNEMONIC_CALL) {
		n->service = NULL_SERVICE;
		w->part = &n->runtime_out;
		return;
	}
	while (order[i] != w->part)
		i++;
	w->part = order[i + 1];
}

static bool move(struct walk *w, struct xo_gate_count *n, bool *end)
{
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction in;
	int64_t behind;

	if (!decode(w, w->at, &in, op) || !w->part) {
		fprintf(w->out, "gate-check: a call leads to window + 0x%05x, where no code is\n",
			(unsigned int)w->at);
		return false;
	}
	++*w->part;
	behind = w->at + in.length;
	w->at = behind;
	if (in.mnemonic == ZYDIS_MNEMONIC_RET)
		*end = true;
	else if (in.mnemonic == ZYDIS_MNEMONIC_VMFUNC || in.mnemonic == ZYDIS_MNEMONIC_CALL)
		pass(w, in.mnemonic, n);
	else if (in.meta.category == ZYDIS_CATEGORY_UNCOND_BR ||
		 (in.meta.category == ZYDIS_CATEGORY_COND_BR && taken(w, behind)))
		w->at = behind + op[0].imm.value.s;
	return true;
}

bool xo_gate_count_call(struct xo_gate_count *n, const unsigned char *text,
			const unsigned char *runtime, FILE *out)
{
	struct walk w = { .text = text, .runtime = runtime, .out = out };
	bool end = false;

	*n = (struct xo_gate_count){ 0 };
	w.at = XO_GATE_TEXT + XO_GATE_ENTRY;
	w.part = &n->home_in;
	ZydisDecoderInit(&w.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (int i = 0; i < TOO_LONG && !end; i++)
		if (!move(&w, n, &end))
			return false;
	if (!end || w.part != &n->home_out) {
		fprintf(out, "gate-check: a call does not return by all four VMFUNCs\n");
		return false;
	}
	return true;
}
