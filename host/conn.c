// SPDX-License-Identifier: GPL-2.0
/*
 * Connections: a process's slots, each with a service context of its own.
 *
 * A slot's context is the image, and around the page that the caller's CR3 names (in the same
 * 2 MiB, so that four EPT tables do for all): its page tables, runtime, save area, stack, and the
 * buffer. The slot is entered while its constants hold the context's EPTP, and by nobody while
 * they hold 0.
 */
#include "away.h"
#include <linux/hashtable.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include "gate_blob.h"

static DEFINE_HASHTABLE(slots_by_eptp, 8);

#define BUFFER_PAGES  (XO_GATE_BUFFER_SIZE >> PAGE_SHIFT)

/* An XSAVE image of the initial state (SDM vol. 1, 13.6): all zeros, but for MXCSR's default. */
#define XSAVE_MXCSR   24
#define MXCSR_DEFAULT 0x1f80

struct xo_gslot *xo_gslot_by_eptp(u64 eptp)
{
	struct xo_gslot *slot;

	hash_for_each_possible_rcu(slots_by_eptp, slot, hash,
				   eptp) if (slot->eptp == eptp) return slot;
	return NULL;
}

/* ------------------------------------------------------------------ a slot's service context */

/* Puts pages one behind the other into the 2 MiB around the CR3 page. */
struct placer {
	struct xo_gslot *slot;
	u64 *ept_pt;
	u64 cr3;
	u32 used;
	u64 *pt; /* guest page table of the slot's window */
};

static u64 place(struct placer *p, u64 hpa, u64 rights)
{
	u64 at = (p->cr3 & ~(u64)(SZ_2M - 1)) |
		 ((p->cr3 + ((u64)++p->used << PAGE_SHIFT)) & (SZ_2M - 1));

	WRITE_ONCE(p->ept_pt[xo_level_index(at, 0)], xo_ept_leaf(hpa, rights));
	return at;
}

/* At that offset of the connection's region. */
static void show(struct placer *p, u64 offset, u64 hpa, u64 rights)
{
	u64 va = (p->slot->va & ~(u64)(XO_GATE_CONN_SIZE - 1)) + offset;

	p->pt[xo_level_index(va, 0)] = place(p, hpa, rights) | XO_PTE;
}

/* A page of the slot's window, with the rights that all windows have there. */
static void show_own(struct placer *p, u32 page, const void *what)
{
	u64 window = p->slot->va & (XO_GATE_CONN_SIZE - 1);

	show(p, window + page, virt_to_phys((void *)what), xo_gate_rights(page, true));
}

static int show_stack(struct placer *p)
{
	u32 i;

	for (i = 1; i <= XO_GATE_STACK_PAGES; i++) {
		u64 *page = xo_page_new(&p->slot->pages);

		if (!page)
			return -ENOMEM;
		show_own(p, XO_GATE_STACK_TOP - i * PAGE_SIZE, page);
	}
	return 0;
}

static void show_window(struct placer *p, const struct xo_conn_spec *spec)
{
	struct xo_gslot *slot = p->slot;
	u64 *rt = slot->conn->image->flags & XO_SERVICE_GPR ? xo_rt_gpr_page : xo_rt_vector_page;
	u32 i;

	show_own(p, XO_GATE_TEXT, xo_text_page);
	show_own(p, XO_GATE_CONST, slot->visit);
	show_own(p, XO_GATE_RT, rt);
	show_own(p, XO_GATE_SSA, slot->ssa);
	show_own(p, XO_GATE_XSAVE, slot->xsave);
	for (i = 0; i < BUFFER_PAGES; i++)
		show(p, XO_GATE_BUFFER + ((u64)i << PAGE_SHIFT), page_to_phys(spec->buffer[i]),
		     XO_EPT_R | XO_EPT_W);
}

/* EPT: root, and the three tables above the CR3 page; the image's GiB beside. */
static int make_ept(struct placer *p)
{
	struct xo_gslot *slot = p->slot;
	u64 *root = xo_page_new(&slot->pages), *pdpt = xo_page_new(&slot->pages);
	u64 *pd = xo_page_new(&slot->pages);

	p->ept_pt = xo_page_new(&slot->pages);
	if (!root || !pdpt || !pd || !p->ept_pt)
		return -ENOMEM;
	root[0] = xo_ept_table(pdpt);
	pdpt[xo_level_index(p->cr3, 2)] = xo_ept_table(pd);
	pdpt[xo_level_index(XO_AWAY_IMAGE, 2)] = xo_ept_table(slot->conn->image->pd);
	pd[xo_level_index(p->cr3, 1)] = xo_ept_table(p->ept_pt);
	p->ept_pt[xo_level_index(p->cr3, 0)] = xo_ept_leaf(virt_to_phys(slot->pml4), XO_EPT_R);
	slot->eptp = xo_eptp(root);
	return xo_eptp_ok(slot->eptp) ? 0 : -ENOMEM;
}

/* Page tables: the image's, but for the root entry of the gates. */
static int make_tables(struct placer *p)
{
	struct xo_gslot *slot = p->slot;
	u64 *pdpt = xo_page_new(&slot->pages), *pd = xo_page_new(&slot->pages);

	p->pt = xo_page_new(&slot->pages);
	if (!pdpt || !pd || !p->pt)
		return -ENOMEM;
	memcpy(slot->pml4, slot->conn->image->pml4, PAGE_SIZE);
	slot->pml4[xo_level_index(slot->va, 3)] = place(p, virt_to_phys(pdpt), XO_EPT_R) | XO_PTE;
	pdpt[xo_level_index(slot->va, 2)] = place(p, virt_to_phys(pd), XO_EPT_R) | XO_PTE;
	pd[xo_level_index(slot->va, 1)] = place(p, virt_to_phys(p->pt), XO_EPT_R) | XO_PTE;
	return 0;
}

static void tell_visit(struct xo_gslot *slot, const struct xo_conn_spec *spec)
{
	u8 *page = (u8 *)slot->visit;
	struct xo_visit *visit = (struct xo_visit *)(page + XO_VISIT_PUBLIC);

	*(u32 *)(page + XO_VISIT_XINIT + XSAVE_MXCSR) = MXCSR_DEFAULT;
	visit->wid = spec->caller_wid;
	visit->buffer = (void *)((slot->va & ~(u64)(XO_GATE_CONN_SIZE - 1)) + XO_GATE_BUFFER);
	visit->buffer_size = XO_GATE_BUFFER_SIZE;
	visit->engine = XO_ENGINE_VMFUNC;
	strscpy(visit->caller, spec->caller_name, sizeof(visit->caller));
}

static int make_context(struct xo_gslot *slot, const struct xo_conn_spec *spec)
{
	struct placer p = { .slot = slot, .cr3 = spec->cr3 };

	slot->pml4 = xo_page_new(&slot->pages);
	slot->visit = xo_page_new(&slot->pages);
	slot->ssa = (struct xo_ssa *)xo_page_new(&slot->pages);
	slot->xsave = (u8 *)xo_page_new(&slot->pages);
	if (!slot->pml4 || !slot->visit || !slot->ssa || !slot->xsave)
		return -ENOMEM;
	if (make_ept(&p) || make_tables(&p))
		return -ENOMEM;
	show_window(&p, spec);
	tell_visit(slot, spec);
	return show_stack(&p);
}

/* ------------------------------------------------------------------ a slot in the gate context */

static void gate_pte(struct xo_gslot *slot, u64 page, u64 gpa)
{
	slot->conn->pt[xo_level_index(slot->va + page, 0)] = gpa | XO_PTE;
}

/*
 * First save page of so many in a row, since the caller's kernel maps them so; aligned to their
 * number, so that what is free is not in pieces that nobody can use. Those that were given back
 * last come last: a thread whose connection has ended may still have to come home by one, until its
 * kernel knows.
 */
static int take_save(struct xo_gate_vm *gate, u32 slots)
{
	unsigned long align = roundup_pow_of_two(slots) - 1;
	unsigned long first = bitmap_find_next_zero_area(gate->save_used, XO_GATE_SLOTS_PER_VM,
							 gate->save_next, slots, align);

	if (first >= XO_GATE_SLOTS_PER_VM)
		first = bitmap_find_next_zero_area(gate->save_used, XO_GATE_SLOTS_PER_VM, 0, slots,
						   align);
	if (first >= XO_GATE_SLOTS_PER_VM)
		return -EDQUOT;
	bitmap_set(gate->save_used, first, slots);
	gate->save_next = first + slots;
	return first;
}

static int open_slot(struct xo_gslot *slot, struct xo_gate_vm *gate)
{
	u64 constants, page;

	slot->constants = xo_page_new(&slot->pages);
	if (!slot->constants)
		return -ENOMEM;
	constants = xo_gate_map(slot->conn->caller, slot->constants,
				xo_gate_rights(XO_GATE_CONST, false), &slot->gpa);
	if (constants == ~0ULL)
		return -ENOMEM;
	/* What the gate context does not have is an address that its EPT does not have. */
	for (page = 0; page < XO_GATE_SLOT_SIZE; page += PAGE_SIZE)
		gate_pte(slot, page, XO_AWAY_NOWHERE);
	gate_pte(slot, XO_GATE_TEXT, XO_AWAY_GATE + ((u64)gate->gpa_text << PAGE_SHIFT));
	gate_pte(slot, XO_GATE_CONST, constants);
	gate_pte(slot, XO_GATE_LIST, XO_AWAY_VCPU);
	gate_pte(slot, XO_GATE_VCPU, XO_AWAY_VCPU + PAGE_SIZE);
	hash_add_rcu(slots_by_eptp, &slot->hash, slot->eptp);
	return 0;
}

static int make_slot(struct xo_conn *conn, u32 i, u32 save, const struct xo_conn_spec *spec)
{
	struct xo_gate_vm *gate = conn->caller->gate;
	struct xo_gslot *slot = &conn->slot[i];

	INIT_LIST_HEAD(&slot->pages);
	slot->conn = conn;
	slot->va = XO_GATE_BASE + (u64)conn->index * XO_GATE_CONN_SIZE + i * XO_GATE_SLOT_SIZE;
	slot->save = save + i;
	slot->saved = (struct xo_gate_saved *)(gate->save_va + ((u64)slot->save << PAGE_SHIFT));
	conn->slots++;
	return make_context(slot, spec) ?: open_slot(slot, gate);
}

/* ------------------------------------------------------------------ connections */

static void set_slot(struct xo_gslot *slot, bool open)
{
	WRITE_ONCE(slot->constants[XO_CONST_SVC / 8], open ? slot->eptp : 0);
}

/* Do calls begin in it? If not, the runtime turns back who enters, and who is inside goes on. */
static void admit(struct xo_gslot *slot, bool calls)
{
	const struct xo_image *image = slot->conn->image;
	u64 closed = slot->va + XO_GATE_RT + xo_labels_of(image)->closed;

	WRITE_ONCE(slot->visit[XO_VISIT_ENTRY / 8], calls ? image->entry : closed);
}

void xo_conn_start(struct xo_conn *conn)
{
	u32 i;

	for (i = 0; i < conn->slots; i++) {
		admit(&conn->slot[i], true);
		set_slot(&conn->slot[i], true);
	}
}

void xo_conn_stop(struct xo_conn *conn)
{
	u32 i;

	for (i = 0; i < conn->slots; i++)
		set_slot(&conn->slot[i], false);
}

void xo_conn_stop_idle(struct xo_conn *conn)
{
	u32 i;

	for (i = 0; i < conn->slots; i++) {
		admit(&conn->slot[i], false);
		if (!READ_ONCE(conn->slot[i].ssa->busy))
			set_slot(&conn->slot[i], false);
	}
}

bool xo_conn_busy(struct xo_conn *conn, bool open)
{
	bool busy = false;
	u32 i;

	for (i = 0; i < conn->slots; i++) {
		if (!READ_ONCE(conn->slot[i].ssa->busy))
			continue;
		busy = true;
		if (open)
			set_slot(&conn->slot[i], true);
	}
	return busy;
}

int xo_conn_reset_slot(struct xo_conn *conn, u32 number)
{
	struct xo_gslot *slot;
	bool busy;

	if (number >= conn->slots)
		return -EINVAL;
	slot = &conn->slot[number];
	set_slot(slot, false);
	xo_away_flush(); /* nobody runs in it */
	busy = slot->ssa->busy;
	memset(slot->ssa, 0, PAGE_SIZE);
	memset(slot->xsave, 0, PAGE_SIZE);
	return busy ? 0 : -ENODATA;
}

/* Takes down whatever of it there is; nobody knows it any more but by what is taken down first. */
static void dismantle(struct xo_conn *conn)
{
	struct xo_gate_vm *gate = conn->caller->gate;
	u32 i;

	for (i = 0; i < conn->slots; i++) {
		struct xo_gslot *slot = &conn->slot[i];

		if (hash_hashed(&slot->hash)) {
			set_slot(slot, false);
			hash_del_rcu(&slot->hash);
			xo_gate_unmap(conn->caller, slot->gpa);
		}
		bitmap_clear(gate->save_used, slot->save, 1);
	}
	if (conn->process->conn[conn->index] == conn) {
		/* Never "not present": who runs there just now has a page fault then, where an
		 * exit is wanted, with whatever it wrote to its list. */
		WRITE_ONCE(conn->process->pd[conn->index], XO_AWAY_NOWHERE | XO_PTE);
		WRITE_ONCE(conn->process->conn[conn->index], NULL);
		conn->process->conns--;
		xo_gate_unmap(conn->caller, conn->gpa_pt);
		gate->conns--;
	}
}

static void free_conn(struct xo_conn *conn)
{
	u32 i;

	for (i = 0; i < conn->slots; i++)
		xo_pages_free(&conn->slot[i].pages);
	xo_pages_free(&conn->pages);
	kfree(conn);
}

void xo_conn_free(struct xo_conn *conn)
{
	struct xo_vm *caller = conn->caller;
	struct xo_process *process = conn->process;

	/* First everybody out, who finds the way home by what dismantle() takes down. */
	xo_conn_stop(conn);
	xo_away_flush();
	dismantle(conn);
	xo_away_flush();
	synchronize_rcu();
	free_conn(conn);
	xo_process_put(caller, process);
}

static int fill_conn(struct xo_conn *conn, const struct xo_conn_spec *spec)
{
	struct xo_gate_vm *gate = conn->caller->gate;
	int save = take_save(gate, spec->slots), error;
	u32 i;
	u64 gpa;

	if (save < 0)
		return save;
	for (i = 0, error = 0; i < spec->slots && !error; i++)
		error = make_slot(conn, i, save, spec);
	/* What was taken and not given to a slot that dismantle() sees. */
	bitmap_clear(gate->save_used, save + conn->slots, spec->slots - conn->slots);
	if (error)
		return error;
	gpa = xo_gate_map(conn->caller, conn->pt, XO_EPT_R, &conn->gpa_pt);
	if (gpa == ~0ULL)
		return -ENOMEM;
	conn->process->conns++;
	gate->conns++;
	WRITE_ONCE(conn->process->conn[conn->index], conn);
	WRITE_ONCE(conn->process->pd[conn->index], gpa | XO_PTE);
	return 0;
}

static struct xo_conn *new_conn(struct xo_vm *caller, struct xo_process *process,
				struct xo_image *image, u32 index)
{
	struct xo_conn *conn = kzalloc(sizeof(*conn), GFP_KERNEL_ACCOUNT);

	if (!conn)
		return NULL;
	INIT_LIST_HEAD(&conn->pages);
	conn->caller = caller;
	conn->process = process;
	conn->image = image;
	conn->index = index;
	conn->pt = xo_page_new(&conn->pages);
	if (conn->pt)
		return conn;
	kfree(conn);
	return NULL;
}

static enum xo_reason reason_of(int error)
{
	switch (error) {
	case -EDQUOT:
		return XO_REASON_CONNS_FULL;
	case -EINVAL:
		return XO_REASON_SERVICE_BAD;
	default:
		return XO_REASON_NO_MEMORY;
	}
}

static int connect(struct xo_vm *caller, struct xo_process *process, struct xo_image *image,
		   const struct xo_conn_spec *spec, struct xo_conn **out)
{
	struct xo_conn *conn;
	int error;

	if (spec->index >= XO_GATE_CONNS || !spec->slots || spec->slots > XO_GATE_SLOTS ||
	    process->conn[spec->index])
		return -EINVAL;
	if (caller->gate->conns >= XO_CONNS_PER_VM)
		return -EDQUOT;
	conn = new_conn(caller, process, image, spec->index);
	if (!conn)
		return -ENOMEM;
	error = fill_conn(conn, spec);
	if (error) {
		dismantle(conn);
		xo_away_flush();
		synchronize_rcu();
		free_conn(conn);
		return error;
	}
	*out = conn;
	return 0;
}

enum xo_reason xo_conn_make(struct xo_vm *caller, struct xo_image *image,
			    const struct xo_conn_spec *spec, struct xo_conn **out, u64 *save_gpa)
{
	struct xo_gate_vm *gate = xo_gate_vm_get(caller);
	struct xo_process *process;
	int error;

	if (!gate || xo_gate_add_cpus(caller) || xo_gate_save_get(caller))
		return XO_REASON_NO_MEMORY;
	process = xo_process_get(caller, spec->cr3);
	if (IS_ERR(process))
		return reason_of(PTR_ERR(process));
	error = connect(caller, process, image, spec, out);
	if (error) {
		xo_process_put(caller, process);
		return reason_of(error);
	}
	*save_gpa = gate->save_mapping.gpa + ((u64)(*out)->slot[0].save << PAGE_SHIFT);
	WRITE_ONCE(gate->active, true);
	return XO_REASON_NONE;
}

void xo_conn_stat(const struct xo_conn *conn, struct xo_service_info *info)
{
	u32 i;

	for (i = 0; i < conn->slots; i++)
		info->calls += READ_ONCE(conn->slot[i].saved->calls);
	info->interrupts += atomic64_read(&conn->interrupts);
	info->restarts += atomic64_read(&conn->restarts);
	info->faults += atomic64_read(&conn->faults);
	if (READ_ONCE(conn->fault))
		info->fault = READ_ONCE(conn->fault);
}
