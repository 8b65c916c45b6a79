/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The shared ABI of CrossOver: everything that two sides agree on.
 *
 *   guest kernel  <-> host module    hypercalls, board           (part 1, 2)
 *   caller VM     <-> callee VM      window, slots, messages     (part 3)
 *   host user     <-> host module    ioctls XO_H_*               (part 4)
 *   guest user    <-> guest module   ioctls XO_G_*               (part 5)
 *
 * Compiles as C17, C++, kernel C. All integers are little endian and naturally aligned; padding is
 * named and must be zero. "hostile" marks a field that the other side may change at any moment:
 * copy it once, then check the copy.
 */
#ifndef CROSSOVER_ABI_H
#define CROSSOVER_ABI_H

#include <linux/types.h>
#include <linux/ioctl.h>

/*
 * Raised by any change to this file that an old part would misread. Compared at first contact by
 * every pair of parts; unequal is refused (XO_REASON_VERSION), never guessed.
 * Tests build "old" parts by defining XO_ABI_REVISION on the command line.
 */
#ifndef XO_ABI_REVISION
#define XO_ABI_REVISION 7
#endif

#define XO_NAME_MAX	  32	 /* VM names, with NUL; [a-z][a-z0-9-]{0,30} */
#define XO_HOST_NAME	  "host" /* as a callee; no VM can have that name */
#define XO_LINKS_PER_VM	  16	 /* quota: links in which one VM takes part, either role */
#define XO_SLOTS_PER_LINK 64	 /* calls under way at once on one link */
#define XO_WORLDS_PER_VM  256	 /* quota: worlds registered by one VM */
#define XO_VMS_MAX	  64	 /* quota: enrolled VMs */
#define XO_REASONS_MAX	  64	 /* codes of errors.def are below */
#define XO_EXIT_REASONS	  80	 /* of VM exits, told apart; higher ones count as the last */

typedef __u64 xo_wid_t; /* never 0, never reused while the host is up */

/* ------------------------------------------------------------------ part 1: hypercalls
 *
 * VMCALL at CPL 0, 64-bit mode. RAX = XO_HC_BASE + operation; arguments in RBX, RCX, RDX, RSI.
 * Returns: RAX = 0 or a negative errno; RCX, RDX = results where said. All other registers are
 * kept. A VM that is not enrolled, or a host without the module, answers as KVM does to an unknown
 * hypercall: RAX = -1000 (KVM_ENOSYS). From CPL 3 KVM itself answers -1 (EPERM).
 * KVM's own numbers are below 100 (include/uapi/linux/kvm_para.h).
 */
#define XO_HC_BASE 0x584f0000UL /* "XO" */

enum xo_hypercall {
	/*
	 * RBX = XO_ABI_REVISION, RCX = vector | apic_id << 32 of the event interrupt.
	 * RCX out: guest-physical address of the board; RDX out: host's revision.
	 * -EPROTO: revisions differ (RDX tells the host's). -EINVAL: no such vector or processor.
	 * -EBUSY: said too often (a VM may 32 times a second). -EHOSTDOWN: the host is letting this
	 * VM go. Starts a new incarnation of the VM's kernel world: calls of an earlier one end
	 * with EHOSTDOWN. Before it, CALL, VECTOR and WORLD_ADD answer -ENOTCONN.
	 */
	XO_HC_HELLO = 1,
	/* RCX = vector | apic_id << 32: the event interrupt moved. */
	XO_HC_VECTOR = 2,
	/* The guest module goes: as if the VM's kernel world died. */
	XO_HC_BYE = 3,
	/*
	 * Caller: post the call in a slot. RBX = link id, RCX = slot, RDX = sequence number
	 * (chosen by the caller, told to the callee, echoed by XO_HC_RETURN).
	 * -ENOENT no such link with this VM as caller, -EINVAL bad slot, -EBUSY the slot's last
	 * call has not ended, -EHOSTDOWN the callee has no guest module up.
	 */
	XO_HC_CALL = 4,
	/* Callee: end the call. RBX = link id, RCX = slot, RDX = sequence number, RSI = status: 0
	 * (a reply is in the slot) or a negative errno (there is none). -ENOENT, -EINVAL,
	 * -ESTALE: no such call under way. */
	XO_HC_RETURN = 5,
	/*
	 * Caller: give the call up. RBX = link id, RCX = slot, RDX = sequence number. The callee is
	 * told (board.cancelled); the slot stays taken until the callee returns, which sets
	 * board.done as for any call (status as returned). -ESTALE: it has ended already.
	 */
	XO_HC_CANCEL = 6,
	/* RBX = enum xo_world_kind, RCX = claimed pid. RCX out: WID. -EDQUOT: XO_WORLDS_PER_VM. */
	XO_HC_WORLD_ADD = 7,
	/* RBX = WID. -ENOENT: not a world of this VM. */
	XO_HC_WORLD_DEL = 8,
	/*
	 * Something that the host must sleep for. RBX = guest-physical address (whole page) of a
	 * struct xo_request, which the host reads once, works on, and writes back; then it sets
	 * XO_EVENT_REQUEST. -EBUSY: this VM's last one is not through, or it asks too often
	 * (256 a second): again later. -EINVAL bad address,
	 * -ENOTCONN before HELLO.
	 */
	XO_HC_REQUEST = 9,
	/*
	 * Callee, on a link whose system calls go by visits (docs/visitors.md): the stub of record
	 * RBX can be visited from here, with RCX as the cookie that its function is called with
	 * (RDX; the call's slot and sequence number in RDI, RSI). If RDX is not 0, and it parks,
	 * the call in slot RSI with that sequence number then ends as by XO_HC_RETURN with status
	 * 0: the caller's next call finds the stub parked. Interrupts on. Returns as HLT
	 * does, with RAX = 0, when the virtual CPU has something else to do; or not at all, if a
	 * visitor was evicted: then that goes on where it is. -ENOENT, -EHOSTDOWN it is over,
	 * -EBUSY it is parked already, -EOPNOTSUPP this virtual CPU does not qualify.
	 */
	XO_HC_PARK = 10,
	/*
	 * Caller: this virtual CPU, and no other, may visit record RBX. Tells the host what it has
	 * to restore: say it with the kernel's own tables loaded. -EAGAIN: in a moment;
	 * -EOPNOTSUPP: the two virtual CPUs differ; -ENOENT, -EHOSTDOWN it is over. RCX out: which
	 * virtual CPU this is, for XO_KREGION_CPU().
	 */
	XO_HC_BIND = 11,
	/* A visitor: go on in the server CPU. Elsewhere it does nothing. */
	XO_HC_EVICT = 12,
};

/* ---- requests of XO_HC_REQUEST; each may sleep in the host, one at a time for each VM */

enum xo_request_op {
	/* Owner: offer a service. name, flags, entry, count and list (guest-physical address of
	 * `count` struct xo_request_page, contiguous). Out: id. -EINVAL an address or protection
	 * that cannot be, -E2BIG, -EDQUOT. */
	XO_REQ_SERVICE_ADD = 1,
	/* Owner: id. Ends its connections; when it is through, the host touches no page of it. */
	XO_REQ_SERVICE_DEL = 2,
	/* Owner: id. Out: info. */
	XO_REQ_SERVICE_INFO = 3,
	/* Owner: allow the caller's session (link, session, slot = the one whose data area is the
	 * shared buffer) to attach to service id. The host believes nobody else about that. */
	XO_REQ_GRANT = 4,
	/* Owner: take that back (link, session); ends the connection made of it. */
	XO_REQ_GRANT_DEL = 5,
	/* Caller: make the connection of (link, session, slot) to what was granted, for the process
	 * whose CR3 in ring 3 is `cr3`, in region `index`, with `slots` slots; entry =
	 * XO_GATE_BUILD of its gate text (gate_blob.h). Out: id of the connection, save_gpa (one
	 * page for each slot). -EACCES no such grant, -EPROTO another gate text, -EOPNOTSUPP the
	 * link does not qualify (info.reason says why), -EXDEV the link's engine is not vmfunc,
	 * -EDQUOT, -EEXIST region or session in use. */
	XO_REQ_ATTACH = 6,
	XO_REQ_DETACH = 7, /* Caller: id of the connection */
	XO_REQ_REVIVE = 8, /* Caller: id: make its revoked context anew. -EHOSTDOWN: it cannot be */
	XO_REQ_RESET = 9,  /* Caller: id, slot: forget the interrupted call in it. -ENODATA: none */
	/* Callee: a stub of (link, session) can be visited; entry = XO_KGATE_BUILD (kgate_blob.h),
	 * save_gpa = the page of its own memory that its stubs' page tables have in the runtime's
	 * place. Out: id. -EXDEV: not on this link (now); -EINVAL: no such page. */
	XO_REQ_RECORD_ADD = 11,
	XO_REQ_RECORD_DEL = 12, /* Callee: id; a visitor that is inside is evicted first */
	/* Caller: the record of (link, session), -ENOENT none; entry as above. Out: id, save_gpa =
	 * its region, count = how many virtual CPUs have their pages there, flags = XO_LINK_* as
	 * long as there is this record. */
	XO_REQ_VISIT = 13,
	XO_REQ_PROCESS_DEL = 10, /* Caller: every connection of `cr3` ends, then the page is free */
};

#define XO_SERVICE_PAGES     1024 /* at most, of one service */
#define XO_SERVICES_PER_VM   64
#define XO_CONNS_PER_VM	     64	 /* as caller */
#define XO_GATE_SLOTS_PER_VM 256 /* as caller, over all its connections */

/* xo_service flags, also in xo_g_service and the library */
#define XO_SERVICE_GPR	     1U /* general registers only; what it puts in others is lost */

#define XO_PAGE_WRITE	     1ULL /* low bits of xo_request_page.gpa and xo_region.prot */
#define XO_PAGE_EXEC	     2ULL /* neither: read-only; both: refused */

struct xo_request_page {
	__u64 va;  /* of the owner, page-aligned; ascending */
	__u64 gpa; /* page-aligned | XO_PAGE_* */
};

/* How a service and its connections fare. */
struct xo_service_info {
	__u64 connections; /* now */
	__u64 calls;	   /* XO_SAVE_CALLS: interrupted ones count again. The callers' claim */
	__u64 interrupts;  /* exits while away */
	__u64 restarts;	   /* of those, before the call had begun */
	__u64 faults;	   /* calls that the service ended badly */
	__u64 fault;	   /* the last of them: XO_GATE_FAULT_* << 56 | RIP (gate.h) */
	__u64 revocations; /* its pages moved or went */
	__u64 revivals;
	__u32 live;   /* 1: calls are taken */
	__u32 reason; /* enum xo_reason: why a link does not qualify */
};

struct xo_request {
	__u32 op;     /* enum xo_request_op */
	__s32 status; /* out: 0 or negative errno */
	__u32 revision;
	__u32 flags; /* XO_SERVICE_* */
	__u64 id;
	__u64 link;
	__u64 session;
	__u64 cr3;
	__u64 entry;
	__u64 list;
	__u64 save_gpa;
	__u32 count;
	__u32 slot;
	__u32 slots;
	__u32 index;
	__s32 pid; /* of owner or caller, as claimed */
	__u32 reserved;
	char name[XO_NAME_MAX];
	struct xo_service_info info;
};

enum xo_world_kind {
	XO_WORLD_KERNEL = 1,  /* a VM's kernel; made by HELLO */
	XO_WORLD_STUB = 2,    /* a process that lends its context to callers */
	XO_WORLD_SESSION = 3, /* a process whose system calls are routed */
};

/* ------------------------------------------------------------------ part 2: the board
 *
 * Host memory, one per enrolled VM, mapped into that VM (and no other) as a KVM memory slot. The
 * host writes, and never reads anything back; what the guest scribbles on it harms only itself.
 * The guest clears the event words with an atomic exchange.
 */
#define XO_BOARD_MAGIC 0x44524f42U /* "BORD" */
#define XO_BOARD_SIZE  0x6000	   /* bytes, whole pages */

enum xo_role {
	XO_ROLE_CALLER = 1,
	XO_ROLE_CALLEE = 2,
};

enum xo_engine {
	XO_ENGINE_EXIT = 1,
	XO_ENGINE_RING = 2,
	XO_ENGINE_VMFUNC = 3,
	XO_ENGINE_HW = 4,
};
/* In the library's xo_link(), with XO_ENGINE_VMFUNC: XO_LINK_KERNEL; and with it XO_LINK_IBPB. */
#define XO_ENGINE_KERNEL 0x100U
#define XO_ENGINE_IBPB	 0x200U

struct xo_board_link {
	__u64 id;		/* 0: entry unused. Link ids are never reused */
	__u64 peer_wid;		/* kernel world of the peer; 0 while its guest module is down */
	__u64 window_gpa;	/* guest-physical address of the window in this VM */
	__u32 role;		/* enum xo_role of this VM */
	__u32 engine;		/* enum xo_engine, as the host can have it now */
	__u32 slots;		/* number of slots in the window */
	__u32 up;		/* 1: calls are taken; 0: link is going down */
	char peer[XO_NAME_MAX]; /* the peer's name, vouched for by the host */
	__u64 reserved[3];	/* [0]: the peer's incarnation; [1]: XO_LINK_* */
};

#define XO_EVENT_LINKS	 (1ULL << 0) /* the links[] entries changed: read them again */
#define XO_EVENT_GOODBYE (1ULL << 1) /* the host lets this VM go (unenrolled, module unload) */
#define XO_EVENT_REQUEST (1ULL << 2) /* the VM's request (XO_HC_REQUEST) is through */
#define XO_EVENT_SERVICE (1ULL << 3) /* a service of this VM faulted, was revoked or revived */

struct xo_board {
	__u32 magic;		/* XO_BOARD_MAGIC */
	__u32 revision;		/* XO_ABI_REVISION of the host */
	__u32 size;		/* XO_BOARD_SIZE */
	__u32 generation;	/* odd while the host changes links[]; a seqcount */
	__u64 wid;		/* this VM's kernel world */
	char name[XO_NAME_MAX]; /* this VM's name */
	__u64 reserved[8];
	struct xo_board_link links[XO_LINKS_PER_VM];
	/* event words: host sets bits (then interrupts), guest exchanges with 0 */
	__u64 events;			  /* XO_EVENT_* */
	__u64 posted[XO_LINKS_PER_VM];	  /* callee: bit = slot with a new call */
	__u64 cancelled[XO_LINKS_PER_VM]; /* callee: bit = slot whose caller gave up */
	__u64 done[XO_LINKS_PER_VM];	  /* caller: bit = slot whose call ended */
	/* valid when the bit above is seen set */
	__s32 status[XO_LINKS_PER_VM][XO_SLOTS_PER_LINK]; /* caller: 0 or negative errno */
	__u64 seq[XO_LINKS_PER_VM][XO_SLOTS_PER_LINK];	  /* sequence number of posted/done call */
	__u64 given_up[XO_LINKS_PER_VM][XO_SLOTS_PER_LINK]; /* and of the cancelled one */
};

/* ------------------------------------------------------------------ part 3: window and messages
 *
 * A window is an array of slots, host memory mapped into both VMs of a link (and no other). One
 * slot carries one call at a time. The host moves no bytes of it and believes none.
 */
#define XO_SLOT_HEADER	      0x1000  /* struct xo_msg, at the start of the slot */
#define XO_SLOT_DATA	      0x10000 /* data area behind the header */
#define XO_SLOT_SIZE	      (XO_SLOT_HEADER + XO_SLOT_DATA)
#define XO_WINDOW_SIZE(slots) ((__u64)(slots)*XO_SLOT_SIZE + XO_RING_SIZE)

/*
 * Behind the slots: one entry for each, of the two kernels alone (no process sees it). The engine
 * `ring` (docs/ring.md) carries a call's beginning and end here; with every engine the caller notes
 * in it which call a slot has. Nobody reads back what he wrote himself.
 */
#define XO_RING_SIZE	      0x1000

struct xo_ring {
	__u64 call;   /* caller writes, last: sequence number of the slot's call; hostile */
	__u64 done;   /* callee writes, last: that of the call that ended. Caller zeroes it before a
		       * call; hostile */
	__s32 status; /* callee writes: 0 (a reply is in the slot) or a negative errno; hostile */
	__u32 busy;   /* callee writes: 1 while it works on a call taken from here, so that a later
		       * life of the caller leaves the slot alone; hostile */
	__u64 reserved[5];
};

enum xo_op {
	XO_OP_OPEN = 1,	   /* new session; data: struct xo_open */
	XO_OP_CLOSE = 2,   /* the session ends; its stub exits after the reply */
	XO_OP_SYSCALL = 3, /* run system call nr with args in the session's stub */
	XO_OP_PING = 4,	   /* reply 0: null call, served by whoever serves the session */
	XO_OP_INVOKE = 5,  /* a service's session: call it with args[]. The reply's file_mode is
			    * XO_GATE_OK: result is its value; or XO_GATE_FAULT: why (gate.h) */
	XO_OP_NOTICE = 6,  /* never sent: what XO_G_SERVE tells a service's master, see there */
};

#define XO_NO_POINTER (~0ULL) /* args[]: the caller passed NULL */

/*
 * Request (written by the caller, hostile to the callee) and reply (written by the callee, hostile
 * to the caller) stand side by side. Pointer arguments are offsets into the data area, 8-byte
 * aligned; which arguments are pointers, and to how much, says include/crossover/syscalls.def.
 */
struct xo_msg {
	/* request */
	__u32 op;      /* enum xo_op */
	__u32 nr;      /* XO_OP_SYSCALL: x86-64 system call number */
	__u64 session; /* 0 for XO_OP_OPEN, else what OPEN's reply told */
	__u64 args[6]; /* values; descriptors as the callee numbers them */
	__u32 in_len;  /* bytes of the data area that the request uses */
	__u32 reserved0;
	/* reply */
	__s64 result;	 /* value, or negative errno; OPEN: session id */
	__u32 out_len;	 /* bytes of the data area that the reply uses */
	__u32 file_mode; /* result is a new descriptor: its st_mode, else 0 */
	__u64 reserved1[16];
};

/* Data of XO_OP_OPEN. All of it is the caller's claim; only the link tells who calls. */
struct xo_open {
	__u32 revision; /* XO_ABI_REVISION */
	__u32 uid;	/* claimed user and group of the routed program */
	__u32 gid;
	__u32 pid;
	__u32 umask;
	__u32 reserved;
	char comm[16];		   /* program, NUL-terminated */
	char cwd[256];		   /* wished working directory; "" = home of the stub's user */
	char service[XO_NAME_MAX]; /* "": system calls; else the service of that name. The slot of
				    * this very call stays the session's: its data area is the
				    * connection's shared buffer */
};

/* Data of OPEN's reply. */
struct xo_opened {
	__u32 revision;
	__u32 pid; /* the stub, as the callee numbers it */
	__u32 uid; /* the user it runs as */
	__u32 gid;
	__u64 wid; /* its world */
};

/* ------------------------------------------------------------------ part 4: host ioctls
 *
 * On the host's /dev/crossover (root, 0600). Every structure begins with the caller's revision;
 * another one: -1/EPROTO with reason XO_REASON_VERSION. On failure `reason` says which refusal of
 * include/crossover/errors.def it was. Context: may sleep.
 */
#define XO_IOC 'X'

struct xo_h_version {
	__u32 revision; /* in: ours; out: the module's, also when they differ */
	__u32 reason;
	char build[64]; /* out: kernel release the module was built for */
};
#define XO_H_VERSION _IOWR(XO_IOC, 0x00, struct xo_h_version)

struct xo_h_enrol {
	__u32 revision;
	__u32 reason; /* out */
	__s32 vm_fd;  /* KVM VM descriptor in the calling process */
	__s32 pid;    /* QEMU, for listing only */
	char name[XO_NAME_MAX];
	__u64 wid; /* out: WID of the VM's (future) kernel world */
};
#define XO_H_ENROL   _IOWR(XO_IOC, 0x01, struct xo_h_enrol)
#define XO_H_UNENROL _IOWR(XO_IOC, 0x02, struct xo_h_enrol) /* name only */

struct xo_h_link {
	__u32 revision;
	__u32 reason; /* out */
	__u32 engine; /* enum xo_engine */
	__u32 slots;  /* 0: XO_SLOTS_PER_LINK */
	char caller[XO_NAME_MAX];
	char callee[XO_NAME_MAX];
	__u64 id;	/* out */
	__u32 switched; /* out: 1: the link was there, and its engine was changed */
	__u32 flags;	/* XO_LINK_* */
};
/* With XO_ENGINE_VMFUNC: system calls too, by visits. Experimental; the caller trusts its callee.
 */
#define XO_LINK_KERNEL 1U
/* With it: indirect branch predictors are cleared on the way there and back (IA32_PRED_CMD.IBPB;
 * SDM 4, table 2-2), so that neither kernel trains the other's. Refused by a processor without. */
#define XO_LINK_IBPB   2U

/* On a link that is there: changes its engine, with calls in flight and none lost (slots: 0, or as
 * many as it has). */
#define XO_H_LINK      _IOWR(XO_IOC, 0x03, struct xo_h_link)
#define XO_H_UNLINK    _IOWR(XO_IOC, 0x04, struct xo_h_link) /* caller, callee only */

/* Lists: `after` = 0 gives the first, then pass the key of the last one; ENOENT at the end. */
struct xo_h_vm_info {
	__u32 revision;
	__u32 reason;
	__u64 after; /* in: wid of the last one; out fields below */
	__u64 wid;
	char name[XO_NAME_MAX];
	__s32 pid;
	__u32 up; /* 1: its guest module said HELLO */
	__u32 links;
	__u32 worlds;
	__u64 incarnation;  /* how often it said HELLO */
	__u64 hypercalls;   /* ours, served */
	__u64 refused;	    /* ours, refused */
	__u64 exits;	    /* all VM exits seen while enrolled */
	__u64 interrupts;   /* event interrupts sent to it */
	__u64 pinned_pages; /* host pages held for its board and windows */
};
#define XO_H_VM_INFO _IOWR(XO_IOC, 0x05, struct xo_h_vm_info)

struct xo_h_link_info {
	__u32 revision;
	__u32 reason;
	__u64 after; /* in: id of the last one */
	__u64 id;
	char caller[XO_NAME_MAX];
	char callee[XO_NAME_MAX];
	__u64 caller_wid;
	__u64 callee_wid;
	__u32 engine;
	__u32 slots;
	__u64 calls;	 /* posted */
	__u64 ok;	 /* ended with status 0 */
	__u64 errors;	 /* ended with another status, by the callee */
	__u64 hostdown;	 /* ended by teardown */
	__u64 cancelled; /* given up by the caller */
	__u64 refused;	 /* CALL, RETURN or CANCEL refused */
	__u64 exits;	 /* VM exits that the calls themselves took (VMCALLs) */
	__u64 interrupts;
	__u64 busy; /* slots in use now */

	/* Of a link whose system calls go by visits; else 0 */
	__u32 kernel;  /* XO_LINK_*: they do, where they can */
	__u32 by_exit; /* enum xo_reason: why none can at present; 0: nothing is known to be in the
			  way */
	__u64 kept_off[XO_REASONS_MAX]; /* by enum xo_reason: how often PARK, BIND or a record was
					 * refused for it */
	/* What it takes of the host, in pages. Links of one VM share most of it: it is told of
	 * each. */
	__u64 window_pages; /* with any engine */
	__u64 added_pages;  /* for visits: tables, contexts, the gates of the caller */
	__u64 ram_pages;    /* of the callee, pinned for visits */
};
#define XO_H_LINK_INFO _IOWR(XO_IOC, 0x06, struct xo_h_link_info)

struct xo_h_world_info {
	__u32 revision;
	__u32 reason;
	__u64 after; /* in: wid of the last one */
	__u64 wid;
	__u32 kind; /* enum xo_world_kind */
	__s32 pid;  /* as claimed by its kernel; 0 for kernel worlds */
	char vm[XO_NAME_MAX];
};
#define XO_H_WORLD_INFO _IOWR(XO_IOC, 0x07, struct xo_h_world_info)

struct xo_h_service_info {
	__u32 revision;
	__u32 reason;
	__u64 after; /* in: id of the last one */
	__u64 id;
	char vm[XO_NAME_MAX]; /* of its owner */
	char name[XO_NAME_MAX];
	__s32 pid;    /* the owner, as claimed by its kernel */
	__u32 flags;  /* XO_SERVICE_* */
	__u32 pages;  /* declared */
	__u32 grants; /* sessions that may use it */
	struct xo_service_info info;
};
#define XO_H_SERVICE_INFO _IOWR(XO_IOC, 0x08, struct xo_h_service_info)

struct xo_h_conn_info {
	__u32 revision;
	__u32 reason;
	__u64 after; /* in: id of the last one */
	__u64 id;
	__u64 link;
	__u64 service;
	char caller[XO_NAME_MAX];
	char callee[XO_NAME_MAX];
	char name[XO_NAME_MAX]; /* the service's */
	__s32 pid;		/* the caller, as claimed by its kernel */
	__u32 slots;
	struct xo_service_info info; /* of this connection alone */
};
#define XO_H_CONN_INFO _IOWR(XO_IOC, 0x09, struct xo_h_conn_info)

/* May that VM call over `vmfunc`? 0, or refused with the reason. Of XO_HOST_NAME: has the processor
 * what the engine needs? */
struct xo_h_qualify {
	__u32 revision;
	__u32 reason;
	char name[XO_NAME_MAX];
};
#define XO_H_QUALIFY _IOWR(XO_IOC, 0x0a, struct xo_h_qualify)

/* Stubs that can be visited, and how that goes. Lists as above. */
struct xo_h_record_info {
	__u32 revision;
	__u32 reason;
	__u64 after; /* in: id of the last one */
	__u64 id;
	__u64 link;
	char caller[XO_NAME_MAX];
	char callee[XO_NAME_MAX];
	__u32 state; /* 0 runs natively, 1 parked, 2 evicted (waits for its CPU), 3 suspended */
	__u32 reserved;
	__u64 parks;
	__u64 wakes;	 /* the server CPU woke from it */
	__u64 kicks;	 /* and a vCPU that could be inside had to come out first */
	__u64 evictions; /* calls that went on in the server CPU */
	__u64 again;	 /* exits before anything had happened */
	__u64 finished;	 /* exits when the result stood */
	__u64 faults;
	__u64 refused;
	__u64 evicted_by[XO_EXIT_REASONS]; /* by exit reason */
	__u64 suspensions; /* events of the host at which a visitor stayed where it was, */
	__u64 resumptions; /* and went on at its caller's next entry; or it was evicted, as */
	__u64 taken_over;  /* the server CPU woke before, */
	__u64 descheduled; /* the caller's thread left its processor, or KVM_RUN, */
	__u64 injected;	   /* something was to be injected into the caller, or */
	__u64 unfit;	   /* the record ended, or the caller was not as it was bound */
};
#define XO_H_RECORD_INFO _IOWR(XO_IOC, 0x0b, struct xo_h_record_info)

/* ------------------------------------------------------------------ part 5: guest ioctls
 *
 * Processes of the host offer services too, to the VMs of links to XO_HOST_NAME: XO_G_SERVICE,
 * XO_G_SERVE, XO_G_ADOPT, XO_G_CANCELLED, XO_G_SERVICE_INFO and mmap() are the same there.
 *
 * On a guest's /dev/crossover (root, 0600). Results by errno; a descriptor plays one part (idle,
 * caller's session, callee's master, callee's session), chosen by its first ioctl, for its life.
 */
struct xo_g_version {
	__u32 revision;		/* in: ours; out: the module's, also when they differ */
	__u32 host_revision;	/* out; 0 while there is no host module */
	__u64 wid;		/* out: this VM's kernel world, 0 if not enrolled */
	char name[XO_NAME_MAX]; /* out */
};
#define XO_G_VERSION _IOWR(XO_IOC, 0x20, struct xo_g_version)

/* Caller: open a session with a VM. ENOENT no such link, EACCES refused by the callee's policy,
 * EHOSTDOWN, EBUSY no slot or no stub free, EISCONN already one, EPROTO versions. */
struct xo_g_connect {
	__u32 revision;
	__u32 umask;
	char callee[XO_NAME_MAX];
	char cwd[256];
	__u64 session;		   /* out */
	__u64 wid;		   /* out: the stub's world */
	__u32 pid;		   /* out: as the callee numbers it */
	__u32 uid;		   /* out */
	char service[XO_NAME_MAX]; /* "": system calls; else a service there */
};
#define XO_G_CONNECT _IOWR(XO_IOC, 0x21, struct xo_g_connect)

/* Caller: route the system calls of this process from its next execve() on. */
struct xo_g_arm {
	__u64 loader_span; /* bytes from the program interpreter's base to its end; 0: static */
	__u32 self_fd;	   /* number of this very descriptor, hidden from the program */
	__u32 flags;	   /* XO_ARM_* */
};
#define XO_ARM_STDIO_REMOTE 1U /* descriptors 0 to 2 are the callee's (reserved, EINVAL) */
#define XO_G_ARM	    _IOW(XO_IOC, 0x22, struct xo_g_arm)
/* What a rewritten system call becomes; not for programs (EINVAL outside of one). */
#define XO_G_ROUTED	    _IO(XO_IOC, 0x23)

/* Caller: one raw message on the session. User buffers; in_len, out_len <= XO_SLOT_DATA.
 * EINTR, EHOSTDOWN, EBUSY, EFAULT. For the library, tests and measurements. */
struct xo_g_call {
	__u32 op; /* enum xo_op; | XO_CALL_NOWAIT */
	__u32 nr;
	__u64 args[6];
	__u64 in;  /* user address of the request's data */
	__u64 out; /* user address for the reply's data */
	__u32 in_len;
	__u32 out_len; /* in: room; out: bytes written */
	__s64 result;  /* out */
};
#define XO_G_CALL      _IOWR(XO_IOC, 0x24, struct xo_g_call)
/* EBUSY, and nothing has happened, instead of waiting until a slot is free; and, where the stub can
 * be visited, until its virtual CPU has time for it. A call that goes by exit (no stub can be
 * visited just now; a path that the policy looks at; a 32-bit caller), or that has begun, is waited
 * for as ever. */
#define XO_CALL_NOWAIT 0x80000000U

/*
 * Callee: wait for the next request to this descriptor. A master gets XO_OP_OPEN of every link in
 * which this VM is callee; a descriptor that adopted a session gets that session's. With
 * `reply` != 0 the call in `slot` is ended first (its reply is in the slot), in the same ioctl.
 * EINTR by a signal; ENOLINK: the session's caller or link is gone (a session's stub exits then).
 * EPERM: the process that uses a descriptor is not the one that opened it.
 */
struct xo_g_serve {
	__u32 revision;
	__u32 reply;		/* in: 1: end the call in `slot` with `status` first */
	__s32 status;		/* in: 0 or negative errno */
	__u32 slot;		/* in with reply; out: the slot of the new request */
	__u64 link;		/* likewise */
	__u64 seq;		/* likewise */
	__u64 peer_wid;		/* out: caller's kernel world, vouched for by the host */
	char peer[XO_NAME_MAX]; /* out: caller's name, vouched for by the host */
	__u32 idle;		/* out: other threads now waiting on this descriptor */
	__u32 timeout_ms;	/* in: 0 waits for ever; ETIMEDOUT */
};
#define XO_G_SERVE _IOWR(XO_IOC, 0x25, struct xo_g_serve)

/* Callee: a fresh descriptor takes over the OPEN call in (link, slot, seq) from the master; it is
 * ended, and the session begins, with this descriptor's next XO_G_SERVE with reply. */
struct xo_g_adopt {
	__u32 revision;
	__u32 slot;
	__u64 link;
	__u64 seq;
	__u64 session; /* out: to be told in OPEN's reply */
	__u64 wid;     /* out: the stub's world */
};
#define XO_G_ADOPT		 _IOWR(XO_IOC, 0x26, struct xo_g_adopt)

/* Callee: has the caller of (link, slot, seq) given up? 0 no, 1 yes. A thread that serves such a
 * call is also sent XO_CANCEL_SIGNAL, so that a blocking system call ends with EINTR. */
#define XO_G_CANCELLED		 _IOW(XO_IOC, 0x27, struct xo_g_adopt)
#define XO_CANCEL_SIGNAL	 10 /* SIGUSR1 */
/* A service's threads are sent this one instead, with SI_KERNEL: the library's handler stops the
 * service's code if the call in its hands has been given up. */
#define XO_CANCEL_SERVICE_SIGNAL 31 /* SIGSYS */

/* mmap() on a descriptor with a session or an adopted call: offset = slot * XO_SLOT_SIZE, length =
 * XO_SLOT_SIZE, shared, read and write; EACCES for a slot that is not bound to this session. */

/* List, as on the host: ENOENT at the end. */
struct xo_g_link_info {
	__u32 revision;
	__u32 reason;
	__u64 after;
	__u64 id;
	char peer[XO_NAME_MAX];
	__u64 peer_wid;
	__u32 role;
	__u32 engine;
	__u32 slots;
	__u32 sessions;
	__u64 calls; /* made (caller) or taken (callee) */
	__u64 errors;
	__u64 bytes;  /* moved through the window by this side */
	__u64 ring;   /* of the calls: those that needed no host from beginning to end */
	__u64 visits; /* of calls, those that were visits from beginning to end */
};
#define XO_G_LINK_INFO _IOWR(XO_IOC, 0x28, struct xo_g_link_info)

/* Router's counters, by system call number: local, routed, refused with ENOSYS. ENOENT: at end. */
struct xo_g_route_stat {
	__u32 after; /* in: number of the last one, ~0 for the first */
	__u32 nr;
	__u64 local;
	__u64 remote;
	__u64 enosys;
	__u64 errors;
};
#define XO_G_ROUTE_STAT _IOWR(XO_IOC, 0x29, struct xo_g_route_stat)

/* ---- services: owner's side */

struct xo_region {
	__u64 start;  /* page-aligned */
	__u64 length; /* whole pages */
	__u64 prot;   /* XO_PAGE_* */
};

/*
 * Owner: this descriptor becomes the master of a service of this process: XO_G_SERVE on it takes
 * the OPEN calls that name it (each adopted by a fresh descriptor, or refused, as a master's).
 * XO_G_SERVE also returns with slot = XO_SLOT_NOTICE, to which there is no reply, when
 * XO_G_SERVICE_INFO has news. The pages are held until the descriptor is closed or the service is
 * revoked by a change of the mapping. EEXIST a service of that name is offered in this VM, EINVAL
 * regions overlap, are not mapped so, are both writable and executable, or lie in the gate's
 * addresses; E2BIG, EDQUOT.
 */
struct xo_g_service {
	__u32 revision;
	__u32 flags; /* XO_SERVICE_* */
	char name[XO_NAME_MAX];
	__u64 entry;   /* in an executable region */
	__u64 regions; /* user address of struct xo_region[count] */
	__u32 count;
	__u32 reason; /* out: enum xo_reason, if the engine vmfunc cannot serve it; exit can */
	__u64 id;     /* out */
};
#define XO_G_SERVICE	  _IOWR(XO_IOC, 0x2a, struct xo_g_service)
#define XO_SLOT_NOTICE	  (~0U)

/* On a service's master: how it fares. */
#define XO_G_SERVICE_INFO _IOR(XO_IOC, 0x2b, struct xo_service_info)

/* ---- services: caller's side, on a session with a service */

/*
 * Use the link's engine for this session: with `vmfunc` make (or find) the connection's context.
 * The process then maps its slots from this descriptor: offset XO_MMAP_TEXT (one page, read and
 * execute) at each slot window, XO_MMAP_SAVE + slot * page (read, write) at XO_GATE_SAVE of it;
 * XO_MMAP_BUFFER (read, write) anywhere, usually at XO_GATE_BUFFER. Out: engine, what to use now:
 * XO_ENGINE_VMFUNC with base, or XO_ENGINE_EXIT: call by XO_G_INVOKE, `reason` says why if the link
 * says vmfunc. To be said again after XO_GATE_REVOKED; EHOSTDOWN: the service is gone.
 */
struct xo_g_attach {
	__u32 revision;
	__u32 slots;  /* in: wished, 1 to XO_GATE_SLOTS; out: got */
	__u32 engine; /* in: XO_ENGINE_VMFUNC if a call is interrupted inside, which nothing but
		       * this very context can finish; else 0. Out: see above */
	__u32 reason; /* out */
	__u64 base;   /* out: the region's address */
	__u64 id;     /* out: the connection, at the host */
};
#define XO_G_ATTACH    _IOWR(XO_IOC, 0x2c, struct xo_g_attach)
#define XO_MMAP_TEXT   0x10000000
#define XO_MMAP_SAVE   0x20000000
#define XO_MMAP_BUFFER 0x30000000

/*
 * One call over `exit`. A signal does not end it: the ioctl returns with status XO_GATE_INTR and a
 * ticket, as a gate does, and is said again with XO_INVOKE_RESUME to wait on. With timeout_ns over,
 * or XO_INVOKE_ABANDON, the callee is told to give up, and what it still answers counts nowhere;
 * its slot is taken until then. ETIMEDOUT, EHOSTDOWN, EBUSY no slot free, ESTALE no such ticket,
 * EINTR a signal came before the call was made: nothing happened.
 */
enum xo_invoke_op {
	XO_INVOKE_CALL = 0,
	XO_INVOKE_RESUME = 1,  /* ticket: go on waiting for that call */
	XO_INVOKE_ABANDON = 2, /* ticket: give it up; does not wait */
};

struct xo_g_invoke {
	__u64 args[6];
	__u64 value;	  /* out: with XO_GATE_OK the result, with XO_GATE_FAULT why (gate.h) */
	__u64 timeout_ns; /* in: from now on; 0: none */
	__u64 ticket;	  /* out with XO_GATE_INTR; in with the two above */
	__u32 op;	  /* enum xo_invoke_op */
	__u32 status;	  /* out: XO_GATE_OK, _INTR or _FAULT */
	__u32 engine;	  /* out: enum xo_engine that calls could use now: if another, attach */
	__u32 reserved;
};
#define XO_G_INVOKE	_IOWR(XO_IOC, 0x2d, struct xo_g_invoke)

/* Forget the interrupted call in a slot (a __u32). May sleep; no signal ends it. ENODATA: there was
 * none, as far as the service, who can write that, tells. */
#define XO_G_SLOT_RESET _IOW(XO_IOC, 0x2e, __u32)

/*
 * Stub: what the module needs to serve its caller's visits (docs/visitors.md), which the stub's
 * user space does not see. `allowed` are those system calls, by number, that the policy lets pass
 * whatever the arguments; all others come by XO_G_SERVE as ever. The rest are addresses in this
 * process, good until it ends. A visit can block in the thread that waits in XO_G_SERVE, so that
 * ioctl returns once with slot = XO_SLOT_NOTICE and idle = 0 (no call, no reply): another thread
 * is wanted.
 */
struct xo_g_visits {
	__u32 revision;
	__u32 descriptors; /* numbers that there are words for */
	__u64 allowed[8];  /* bits */
	__u64 slot;	   /* __u64[XO_SLOTS_PER_LINK]: where each slot is mapped; 0: not yet */
	__u64 descriptor;  /* __u32[descriptors]: XO_DESCRIPTOR_* and how many calls hold it */
	__u64 room;	   /* for strings and structures of a call in each slot */
	__u64 room_size;   /* bytes per slot; as the module has it, else EINVAL */
};
#define XO_G_VISITS	      _IOW(XO_IOC, 0x2f, struct xo_g_visits)

/* Whose is the stub's descriptor with that number? Changed by compare-and-exchange only. */
#define XO_DESCRIPTOR_GIVEN   0x80000000U /* the caller's; else the word is 0 */
#define XO_DESCRIPTOR_CLOSING 0x40000000U /* whoever holds it last closes it */

#ifdef __cplusplus
#define XO_ASSERT(c, t) static_assert(c, t)
#else
#define XO_ASSERT(c, t) _Static_assert(c, t)
#endif
XO_ASSERT(sizeof(struct xo_board_link) == 96, "board link");
XO_ASSERT(sizeof(struct xo_board) <= XO_BOARD_SIZE, "board");
XO_ASSERT(sizeof(struct xo_msg) <= XO_SLOT_HEADER, "message header");
XO_ASSERT(sizeof(struct xo_msg) == 216, "message header");
XO_ASSERT(sizeof(struct xo_ring) == 64, "ring");
XO_ASSERT(sizeof(struct xo_ring) * XO_SLOTS_PER_LINK <= XO_RING_SIZE, "ring");
XO_ASSERT(sizeof(struct xo_open) == 328, "open");
XO_ASSERT(sizeof(struct xo_opened) == 24, "opened");

#endif
