// SPDX-License-Identifier: GPL-2.0
/* The TLB model: what is flushed, what a virtual CPU believes to be flushed, and what is revoked.
 */
#include <string.h>

#include "tlb_impl.h"

#define NAMES	    64
#define REVOCATIONS 32 /* under way */

static struct name {
	uint16_t vpid;
	uint64_t ep4ta; /* 0: all others */
	uint32_t name;	/* 0: unused */
} names[NAMES];
static unsigned int named;

static struct {
	uint64_t token, began; /* 0: unused */
} revocations[REVOCATIONS];

void tlb_flush_reset(void)
{
	memset(names, 0, sizeof(names));
	memset(revocations, 0, sizeof(revocations));
	named = 0;
}

/* ---- virtual CPUs */

static struct name *find_name(uint16_t vpid, uint64_t ep4ta)
{
	for (unsigned int i = 0; i < NAMES; i++)
		if (names[i].name && names[i].vpid == vpid && names[i].ep4ta == ep4ta)
			return &names[i];
	return NULL;
}

bool tlb_name(uint16_t vpid, uint64_t ep4ta, uint32_t name)
{
	struct name *n = find_name(vpid, ep4ta);

	if (!n && !name)
		return true;
	if (!n)
		for (n = names; n < names + NAMES && n->name; n++)
			;
	if (n == names + NAMES)
		return false;
	*n = (struct name){ .vpid = vpid, .ep4ta = ep4ta, .name = name };
	named = 0;
	for (unsigned int i = 0; i < NAMES; i++)
		named += names[i].name != 0;
	return true;
}

static uint32_t name_of(uint16_t vpid, uint64_t ep4ta)
{
	const struct name *n = named ? find_name(vpid, ep4ta) : NULL;

	if (named && !n)
		n = find_name(vpid, 0);
	return n ? n->name : vpid;
}

/* ---- flush */

/* Which translations a flush is about, of those that it reaches at all. */
struct scope {
	bool local, global, physical;
	bool one_pcid, one_vpid, one_ep4ta;
	bool ept_only; /* INVEPT: not those without EPT */
	uint16_t pcid, vpid;
	uint64_t ep4ta, address; /* TLB_NO_ADDR: all */
};

/* By the VM that c is of: all of one VPID. */
static struct scope vm_scope(const struct tlb_context *c, const struct tlb_flush *flush)
{
	struct scope s = { .local = true,
			   .one_vpid = true,
			   .vpid = c->vpid,
			   .one_pcid = true,
			   .pcid = flush->pcid,
			   .address = TLB_NO_ADDR };

	switch (flush->kind) {
	case TLB_INVLPG:
		s.global = true;
		s.pcid = c->pcid;
		s.address = flush->address;
		break;
	case TLB_INVPCID_ADDRESS:
		s.address = flush->address;
		break;
	case TLB_MOV_CR_OWN:
		s.pcid = c->pcid;
		break;
	case TLB_TASK_SWITCH:
		s.pcid = 0;
		break;
	case TLB_MOV_CR_ALL:
	case TLB_INVPCID_ALL:
		s.global = true;
		s.one_pcid = false;
		break;
	case TLB_INVPCID_ALL_LOCAL:
		s.one_pcid = false;
		break;
	default: /* TLB_MOV_CR3, TLB_INVPCID_SINGLE */
		break;
	}
	return s;
}

static struct scope host_scope(const struct tlb_flush *flush)
{
	struct scope s = { .local = true,
			   .global = true,
			   .one_vpid = true,
			   .vpid = flush->vpid,
			   .address = TLB_NO_ADDR };

	switch (flush->kind) {
	case TLB_INVVPID_ADDRESS:
		s.address = flush->address;
		break;
	case TLB_INVVPID_LOCAL:
		s.global = false;
		break;
	case TLB_INVVPID_ALL: /* of all VPIDs but 0: that has nothing while VPIDs are on */
		s.one_vpid = false;
		break;
	case TLB_INVEPT_SINGLE:
	case TLB_INVEPT_ALL:
		s.one_vpid = false;
		s.physical = true;
		s.ept_only = true;
		s.one_ep4ta = flush->kind == TLB_INVEPT_SINGLE;
		s.ep4ta = flush->ep4ta;
		break;
	default: /* TLB_INVVPID_SINGLE, TLB_VMX_TRANSITION */
		break;
	}
	return s;
}

static bool is_by_vm(enum tlb_kind kind)
{
	return kind >= TLB_MOV_CR3 && kind <= TLB_INVPCID_ALL_LOCAL;
}

/* As far as a virtual CPU knows: it has PCIDs and no other tags. */
static bool is_meant(const struct scope *scope, const struct tlb_space *s)
{
	switch (s->kind) {
	case TLB_LOCAL:
		return scope->local && (!scope->one_pcid || scope->pcid == s->pcid);
	case TLB_GLOBAL:
		return scope->global;
	default:
		return scope->physical;
	}
}

static bool is_reached(const struct scope *scope, const struct tlb_space *s)
{
	return is_meant(scope, s) &&
	       (!scope->one_vpid || (s->kind != TLB_PHYSICAL && scope->vpid == s->vpid)) &&
	       (!scope->ept_only || s->ep4ta != TLB_NO_EPT) &&
	       (!scope->one_ep4ta || scope->ep4ta == s->ep4ta);
}

/* The page of that address, and the large ones that it may be a part of. */
static unsigned int pages_at(unsigned int cpu, unsigned int space, uint64_t address,
			     struct tlb_page *pages[1 + TLB_SIZES])
{
	unsigned int count = 0;
	struct tlb_page *p = tlb_page_find(cpu, (int)space, address, 12);

	if (p)
		pages[count++] = p;
	for (int i = 0; i < TLB_SIZES; i++) {
		if (!tlb_space(cpu, space)->large[i])
			continue;
		p = tlb_page_find(cpu, (int)space, address, tlb_shift[i]);
		if (p)
			pages[count++] = p;
	}
	return count;
}

static void flush_space(unsigned int cpu, unsigned int number, const struct scope *scope)
{
	struct tlb_space *s = tlb_space(cpu, number);
	struct tlb_page *pages[1 + TLB_SIZES];
	unsigned int count;

	if (tlb_space_empty(s))
		return;
	if (scope->address == TLB_NO_ADDR) {
		s->fate.flushed = tlb_time();
		return;
	}
	count = pages_at(cpu, number, scope->address, pages);
	for (unsigned int i = 0; i < count; i++)
		pages[i]->fate.flushed = tlb_time();
}

/* What was filled before `time` is condemned; true if that is news to anything. */
static bool condemn(struct tlb_fate *fate, uint64_t filled, uint64_t time, uint32_t cause)
{
	if (filled <= fate->flushed || filled <= fate->condemned || fate->condemned >= time)
		return false;
	fate->condemned = time;
	fate->cause = cause;
	tlb_n.condemned++;
	return true;
}

static bool condemn_space(unsigned int cpu, unsigned int number, uint64_t address, uint64_t time,
			  uint32_t cause)
{
	struct tlb_space *s = tlb_space(cpu, number);
	struct tlb_page *pages[1 + TLB_SIZES];
	unsigned int count;
	bool news = false;

	if (tlb_space_empty(s))
		return false;
	if (address == TLB_NO_ADDR)
		return condemn(&s->fate, s->filled, time, cause);
	count = pages_at(cpu, number, address, pages);
	for (unsigned int i = 0; i < count; i++)
		news |= condemn(&pages[i]->fate, pages[i]->filled, time, cause);
	return news;
}

/*
 * What the virtual CPU believes gone: on all processors, under all its tags. VPID 0 is no virtual
 * CPU: what is under it ends with each entry and exit.
 */
static void believe(const struct tlb_context *c, const struct tlb_flush *flush,
		    const struct scope *scope, uint16_t vpid, uint32_t name)
{
	uint64_t time = tlb_time();
	uint32_t cause = 0;

	for (unsigned int cpu = 0; cpu < TLB_CPUS; cpu++) {
		bool news = false;

		for (unsigned int i = 0; i < tlb_space_count(cpu); i++) {
			const struct tlb_space *s = tlb_space(cpu, i);

			if (s->kind == TLB_PHYSICAL || !s->vpid || !is_meant(scope, s) ||
			    (cpu == c->cpu && s->vpid == vpid) || tlb_space_empty(s) ||
			    name_of(s->vpid, s->ep4ta) != name)
				continue;
			if (!cause)
				cause = tlb_new_cause(c, flush);
			news |= condemn_space(cpu, i, scope->address, time, cause);
		}
		if (news && cpu != c->cpu)
			tlb_hooks.forget(cpu);
	}
}

void tlb_flush(const struct tlb_context *c, const struct tlb_flush *flush)
{
	bool by_vm = is_by_vm(flush->kind);
	struct scope scope = by_vm ? vm_scope(c, flush) : host_scope(flush);

	if (flush->kind == TLB_KEEPS || flush->kind == TLB_REVOKED)
		return;
	tlb_n.flushes++;
	for (unsigned int i = 0; i < tlb_space_count(c->cpu); i++)
		if (is_reached(&scope, tlb_space(c->cpu, i)))
			flush_space(c->cpu, i, &scope);
	if (by_vm && c->vpid)
		believe(c, flush, &scope, c->vpid, name_of(c->vpid, c->ep4ta));
	/* The host does these for one virtual CPU; the others are its own business. */
	if (flush->vpid && (flush->kind == TLB_INVVPID_ADDRESS ||
			    flush->kind == TLB_INVVPID_SINGLE || flush->kind == TLB_INVVPID_LOCAL))
		believe(c, flush, &scope, flush->vpid, name_of(flush->vpid, 0));
}

/* ---- revocation */

void tlb_revoke_begin(uint64_t token)
{
	unsigned int slot = 0;

	for (unsigned int i = 0; i < REVOCATIONS; i++) {
		if (revocations[i].began && revocations[i].token == token) {
			slot = i;
			break;
		}
		if (revocations[i].began < revocations[slot].began)
			slot = i;
	}
	revocations[slot].token = token;
	revocations[slot].began = tlb_time();
}

static uint64_t revocation_began(uint64_t token)
{
	for (unsigned int i = 0; i < REVOCATIONS; i++) {
		uint64_t began = revocations[i].began;

		if (!began || revocations[i].token != token)
			continue;
		revocations[i].began = 0;
		return began;
	}
	return 0;
}

void tlb_revoke_end(const struct tlb_context *c, uint64_t token, uint64_t ep4ta)
{
	struct tlb_flush flush = { .kind = TLB_REVOKED, .ep4ta = ep4ta };
	uint64_t began = revocation_began(token);
	uint32_t cause = 0;

	if (!began)
		return;
	for (unsigned int cpu = 0; cpu < TLB_CPUS; cpu++) {
		bool news = false;

		for (unsigned int i = 0; i < tlb_space_count(cpu); i++) {
			const struct tlb_space *s = tlb_space(cpu, i);

			if (tlb_space_empty(s) || (ep4ta ? s->ep4ta != ep4ta : !s->away))
				continue;
			if (!cause)
				cause = tlb_new_cause(c, &flush);
			news |= condemn_space(cpu, i, TLB_NO_ADDR, began, cause);
		}
		if (news)
			tlb_hooks.forget(cpu);
	}
}
