/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of crossover_guest.ko share.
 *
 *   main.c     steps of init and exit, HELLO and BYE          dev.c      /dev/crossover
 *   irq.c      the event interrupt                            session.c  caller: sessions
 *   board.c    event words, list of links                     call.c     caller: one call
 *   link.c     links, their windows and slots                 serve.c    callee: taking calls
 *   stub.c     callee: stubs, mmap of slots                   master.c   callee: masters
 *   ring.c     both: calls that need no host           visit*.c, park.c, decode.c  visits
 *   invoke.c   caller: calls of services                      map.c      caller: mmap
 *   router*.c, marshal*.c  routed system calls
 *
 * Locks, in order: xo.host (mutex: HELLO, GOODBYE, re-reading the links; may sleep), map_lock of a
 * stub, or xo.map_lock for all callers' sessions (rw_semaphore: page faults on slots against their
 * end; may sleep), xo.lock (spinlock, taken in the event interrupt: all links, slots, sessions,
 * masters and stubs).
 */
#ifndef XO_GUEST_H
#define XO_GUEST_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/preempt.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <crossover/gate.h>
#include <crossover/kgate.h>
#include <crossover/syscalls.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <crossover/abi.h>

#define XO_SLOTS_PER_SESSION 8 /* calls of one caller's session under way at once */
#define XO_SESSIONS_PER_LINK 64
#define XO_NO_SLOT	     (~0U)

enum xo_reason {
	XO_REASON_NONE = 0,
#define XO_REASON(code, name, error, sentence, remedy) XO_REASON_##name = (code),
#include <crossover/errors.def>
#undef XO_REASON
};

struct xo_session;
struct xo_stub;
struct xo_master;

/* ------------------------------------------------------------------ for the router: calls
 *
 * One call on a session. fill() writes the request's data to the window and may set args[] (offsets
 * of pointer arguments); drain() takes the reply's data out of it. Both run in process context,
 * may sleep and fault, and are called at most once, drain() only when the callee replied.
 *
 * `data` in drain() is hostile and may change at any moment: copy once, check the copy. out_len is
 * already a checked copy (<= XO_SLOT_DATA), result and file_mode are copies.
 */
struct xo_call {
	/* in */
	u32 op; /* enum xo_op */
	u32 nr;
	u64 args[6];
	int (*fill)(struct xo_call *c, void *data);	   /* bytes used, or -errno; may be NULL */
	int (*drain)(struct xo_call *c, const void *data); /* 0 or -errno; may be NULL */
	void *ctx;					   /* the caller's own */
	bool nowait; /* -EBUSY instead of waiting until it can begin: XO_CALL_NOWAIT */
	/* out */
	s64 result; /* the callee's value or negative errno; hostile */
	u32 out_len;
	u32 file_mode;
	u32 slot;	  /* that carried it */
	bool interrupted; /* a signal came and the callee was told to give up */
};

/*
 * Makes the call and waits for its end. 0: the callee replied; the result stands in c->result and
 * drain() returned 0. Else a negative errno of this VM, and nothing of the reply counts:
 *   -EFAULT &c. from fill() (the call was not made) or drain() (it was)
 *   -EHOSTDOWN  callee, its stub, its link or the host module is gone
 *   -EBUSY      no slot free          -EINTR  given up before the callee answered
 *   other       refusal by the callee's kernel or stub (-EACCES, -EPROTO, ...)
 * A signal makes the callee give up; what it then answers, within 2 s, counts (interrupted = true;
 * result is -EINTR if nothing happened). After that, or when killed, the call is abandoned: -EINTR,
 * interrupted = true. Context: process, may sleep; several threads may call on one session.
 */
int xo_session_call(struct xo_session *s, struct xo_call *c);

/* What is known of a session from CONNECT on; does not change. */
struct xo_session_info {
	const char *callee; /* name of the VM, vouched for by the host */
	u64 wid;	    /* of the stub, as claimed by the callee */
	u32 pid;	    /* of the stub, as claimed */
	u32 uid;	    /* the user it runs as, as claimed */
};
const struct xo_session_info *xo_session_info(const struct xo_session *s);

/* False once every further call can only end with EHOSTDOWN. */
bool xo_session_alive(const struct xo_session *s);

/* The session behind an open /dev/crossover; NULL if the file is something else. The session lives
 * as long as the file: hold a reference on the file. */
struct xo_session *xo_session_of_file(struct file *file);

/* Is it an open /dev/crossover? For who has no reference yet. */
bool xo_is_device(const struct file *file);

/* The router's own state for a session, NULL at first. Set it once (cmpxchg); xo_router_release()
 * frees it. */
void **xo_session_router(struct xo_session *s);

/* ------------------------------------------------------------------ the router (router.c)
 *
 * init/exit: steps of the module. release(): the last reference of the session's file is gone, no
 * ioctl runs any more, the session is still alive. The others are the ioctls of abi.h; `file` is
 * the session's.
 */
int xo_router_init(void);
void xo_router_exit(void);
int xo_router_arm(struct file *file, struct xo_session *s, const struct xo_g_arm *arm);
long xo_router_routed(struct file *file, struct xo_session *s, unsigned long arg);
int xo_router_stat(struct xo_g_route_stat *st);
void xo_router_release(struct xo_session *s);

/* ------------------------------------------------------------------ links and slots (link.c) */

enum xo_slot_state {
	XO_SLOT_IDLE,	   /* no call */
	XO_SLOT_BUSY,	   /* caller: a call is being made, somebody waits for it */
	XO_SLOT_ABANDONED, /* caller: under way, nobody waits any more */
	XO_SLOT_POSTED,	   /* callee: waits to be taken */
	XO_SLOT_SERVED,	   /* callee: a thread works on it */
};

struct xo_slot { /* all under xo.lock */
	u64 seq;
	enum xo_slot_state state;
	u32 op;
	/* caller */
	struct xo_session *session; /* whose it is; NULL: in the pool */
	bool bound;		 /* the callee knows that; of the thread that makes a call in it */
	u64 ticket;		 /* of a service call; 0: none */
	bool ended;		 /* that call, though nobody waits for it just now */
	struct completion *done; /* of the thread that waits */
	s32 status;
	/* callee */
	struct xo_stub *stub;	  /* bound to it; NULL: to none */
	struct xo_master *wanted; /* OPEN call of its service; NULL: of no service */
	struct xo_master *master; /* OPEN call in its hands */
	struct pid *thread;	  /* who works on it */
	bool cancelled;
	bool ring; /* the call was taken from the ring; `ended`, with `status`: and ended there */
	bool told; /* but the host knows of it by now, and waits for its end */
};

struct xo_link {
	struct kref ref; /* the table's, each session's and stub's */
	u64 id;
	u32 index; /* in board.links[] */
	u32 role;
	u32 slots;
	u64 peer_incarnation;
	u64 window_gpa;
	void *window;
	char peer[XO_NAME_MAX];
	atomic64_t calls, errors, bytes, ring, visits;
	struct work_struct free;
	/* under xo.lock */
	u64 peer_wid;
	u32 engine;	  /* read without it too */
	u32 engine_epoch; /* counts its changes, from 1 */
	bool up;
	u64 flags;		  /* XO_LINK_*; read without the lock too */
	u32 sessions;		  /* caller's sessions or callee's stubs */
	struct list_head members; /* of them */
	u64 opens;		  /* callee: OPEN calls that wait for a master */
	struct xo_slot slot[XO_SLOTS_PER_LINK];
};

/* As the board says, xo.host held; may sleep. */
void xo_link_add(u32 index, const struct xo_board_link *bl, u64 peer_incarnation);
void xo_link_remove(struct xo_link *l);
void xo_link_peer_changed(struct xo_link *l, u64 peer_wid, u64 peer_incarnation);
void xo_link_engine_changed(struct xo_link *l, const struct xo_board_link *bl);

void xo_link_put(struct xo_link *l);			     /* any context */
struct xo_link *xo_link_by_peer(const char *peer, u32 role); /* takes a reference */
struct xo_link *xo_link_by_id(u64 id, u32 role);	     /* xo.lock held */
int xo_link_info(struct xo_g_link_info *info);

static inline struct xo_msg *xo_slot_msg(const struct xo_link *l, u32 slot)
{
	return l->window + (size_t)slot * XO_SLOT_SIZE;
}

static inline void *xo_slot_data(const struct xo_link *l, u32 slot)
{
	return l->window + (size_t)slot * XO_SLOT_SIZE + XO_SLOT_HEADER;
}

/* ------------------------------------------------------------------ caller: sessions (session.c)
 */

struct xo_session {
	struct xo_link *link;
	struct list_head member; /* of link->members; xo.lock */
	struct xo_session_info info;
	u64 world; /* ours, at the host; 0: none */
	void *router;
	u64 record;		    /* at the host: its stub, that can be visited; 0: not known */
	unsigned long record_asked; /* jiffies: in vain, and not to be again within */
	unsigned long record_pause; /* so many; 0: never asked in vain */
	bool ibpb;		    /* visits of that record clear the branch predictors */
	bool visiting;		    /* one of its threads is there, or about to be */
	struct xo_conn *conn;	    /* with a service, or NULL: its maps and context */
	wait_queue_head_t wait;	    /* for one of its slots */
	u32 ring_misses; /* calls in a row that nobody polled for; read and written loosely */
	u32 ring_skip;	 /* so many more do not try; likewise */
	/* under xo.lock */
	u64 id;	    /* the callee's name for it; 0: not open */
	u64 own;    /* bits: slots bound to it */
	u32 buffer; /* with a service: the slot of OPEN, which carries no calls; else XO_NO_SLOT */
	bool dead;  /* callee or link is gone */
	bool closing; /* its file is gone */
	bool close_posted;
	bool closed; /* CLOSE has ended, or need not be made */
};

int xo_session_connect(struct file *file, struct xo_g_connect *req, struct xo_session **out);
void xo_session_release(struct xo_session *s); /* file is gone; frees it in the end */
void xo_session_down(struct xo_session *s);    /* xo.lock held; may free it */
void xo_session_settle(struct xo_session *s);  /* xo.lock held; may free it */

/* A free slot of the session, BUSY; waits for one of its own. -EINTR, -EBUSY, -EHOSTDOWN, and
 * -ETIMEDOUT after `timeout` jiffies. */
int xo_slot_get(struct xo_session *s, u32 *slot, long timeout);
void xo_slot_put(struct xo_session *s, u32 slot);
int xo_call_write(struct xo_session *s, struct xo_call *c, u32 slot);
int xo_call_post(struct xo_session *s, struct xo_call *c, u32 slot, struct completion *done);
void xo_call_done(struct xo_link *l, u32 slot, u64 seq, s32 status); /* xo.lock held; any context */
u64 xo_next_seq(void);

/* ------------------------------------------------------------------ caller: a service
 *
 * conn.c, map.c, invoke.c. Only the process that connected may use it: `mm` tells.
 */
struct xo_process; /* of whom there are connections at the host; attach.c */

struct xo_conn {
	struct kref ref;
	struct mm_struct *mm; /* grabbed; compared, never entered */
	struct inode *inode;  /* of the device node, to zap by */
	u64 map_id;
	bool mapped; /* under xo.lock: has mappings that must be zapped when the session is dead */
	/* under attach.c's lock */
	struct xo_process *process;
	struct list_head attached; /* of those with an id */
	u64 id;			   /* at the host; 0: none */
	u32 index;		   /* region; kept for life once there is a process */
	u32 slots;		   /* likewise */
	u32 refused; /* link's engine_epoch when the host would not have it; 0: never */
	unsigned long refused_at; /* jiffies; it is asked again a second later */
	u64 save_gpa;		  /* with an id */
	/* under xo.map_lock: what is seen of the save pages */
	void *save; /* the host's; NULL: the spare ones */
	unsigned long save_pfn;
	struct page *spare[XO_GATE_SLOTS];
};

struct xo_conn *xo_conn_make(struct file *file);
void xo_conn_put(struct xo_conn *conn);
int xo_conn_mmap(struct xo_session *s, struct vm_area_struct *vma);
/* Sessions of the link that are dead lose their mappings. May sleep. */
void xo_conn_zap_dead(struct xo_link *l);
/* From now on the process sees these save pages: the host's, or (0) the connection's own. What is
 * in them goes along, so that nobody who uses them notices. */
int xo_conn_set_save(struct xo_conn *conn, u64 gpa);
long xo_conn_attach(struct xo_session *s, struct xo_g_attach *req);
void xo_conn_detach(struct xo_conn *conn); /* its file is gone */
int xo_conn_reset(struct xo_session *s, u32 slot);
u32 xo_conn_engine(const struct xo_session *s); /* worth trying */
long xo_conn_invoke(struct xo_session *s, struct xo_g_invoke *req);
/* Its file is gone: calls that nobody waits for are given up. xo.lock held. */
void xo_conn_drop_calls(struct xo_session *s);
int xo_conn_init(void);
void xo_conn_exit(void);
int xo_text_init(void);
void xo_text_exit(void);

static inline bool xo_conn_is_mine(const struct xo_session *s)
{
	return s->conn && s->conn->mm == current->mm;
}

/* ------------------------------------------------------------------ callee: serve.c, stub.c,
 * master.c */

struct xo_master {
	struct list_head all; /* of xo.masters; xo.lock */
	u32 idle;	      /* threads waiting; xo.lock */
	wait_queue_head_t wait;
	struct pid *owner;	    /* thread group */
	char name[XO_NAME_MAX];	    /* of its service; "": system calls */
	struct xo_service *service; /* NULL: system calls */
	bool news;		    /* xo.lock: XO_SLOT_NOTICE is due */
};

struct xo_stub {
	struct kref ref;
	struct xo_link *link;
	struct list_head member; /* of link->members; xo.lock */
	wait_queue_head_t wait;
	struct rw_semaphore map_lock; /* faults on slots against their unbinding */
	struct inode *inode;	      /* of the device node, to zap by */
	u64 id;			      /* the session's */
	u64 world;		      /* ours, at the host; 0: none */
	/* under xo.lock */
	u64 bound;   /* bits: slots */
	u64 pending; /* bits: posted calls that nobody has taken */
	u32 idle;    /* threads waiting */
	u32 buffer;  /* with a service: the slot of OPEN, which carries no calls; else XO_NO_SLOT */
	u64 service; /* the host's name for it; 0: not known there */
	unsigned long polled; /* bit 0: a thread polls; atomic */
	bool granted; /* its caller may attach; of who answers OPEN, then of who ends the session */
	bool opened;  /* OPEN was answered with success */
	bool dead;
	struct list_head parkings; /* its threads in xo_park_wait() */
	/* park.c, visit_serve.c */
	struct task_struct *parker;		    /* the thread that can be visited; atomic */
	bool thread_wanted;			    /* and it was said so */
	u64 cancelled;				    /* sequence number of the last call so */
	u64 record;				    /* at the host; 0: none */
	unsigned long record_asked;		    /* jiffies; 0: never */
	struct mm_struct *mm;			    /* whose root has the window */
	struct xo_g_visits visits;		    /* revision 0: it is not to be visited */
	DECLARE_BITMAP(visited, XO_SLOTS_PER_LINK); /* slots whose calls are under way */
};

void xo_serve_posted(struct xo_link *l, u32 slot, u64 seq);    /* xo.lock held; any context */
void xo_serve_cancelled(struct xo_link *l, u32 slot, u64 seq); /* xo.lock held; any context */
long xo_serve_master(struct xo_master *m, struct xo_g_serve *req);
long xo_serve_stub(struct xo_stub *s, struct xo_g_serve *req);
int xo_serve_is_cancelled(const struct xo_g_adopt *req);

/* ------------------------------------------------------------------ the engine `ring` (ring.c) */

/* Caller. note(): before the callee is told of a call in whatever way. call(): true if it ended by
 * the ring, which completes it; else it is still to be posted, with the same sequence number.
 * free(): xo.lock held; nobody there works in a slot of the pool for a former life of this VM. */
void xo_ring_note(const struct xo_link *l, u32 slot, u64 seq);
bool xo_ring_call(struct xo_session *s, const struct xo_call *c, u32 slot, u64 seq);
bool xo_ring_free(const struct xo_link *l, u32 slot);

/* Callee. poll(): true if take_call() may find something; false: sleep, it is not for this thread
 * to poll (any more). end(): xo.lock held; true if the caller has been told so. */
bool xo_ring_poll(struct xo_stub *s, unsigned long start, long timeout);
bool xo_ring_end(struct xo_link *l, u32 slot, s32 status);
void xo_ring_forget(struct xo_link *l, u32 slot); /* xo.lock held: nobody wants its end */
void xo_ring_reset(struct xo_link *l);		  /* a callee's new life */

void xo_slot_reset(struct xo_slot *slot);			       /* callee's; xo.lock held */
void xo_slot_refuse(struct xo_link *l, u32 slot, u64 seq, s32 status); /* xo.lock held */

u64 xo_map_id(void);
struct xo_master *xo_master_make(void);
int xo_master_make_service(struct xo_g_service *req, struct xo_master **out);
void xo_master_release(struct xo_master *m);
struct xo_master *xo_master_find(const char *name); /* xo.lock held; "": any for system calls */
void xo_master_wake_all(void);
void xo_master_news(void); /* xo.lock held: every service's owner is told to look */
int xo_stub_adopt(struct file *file, struct xo_g_adopt *req, struct xo_stub **out);
/* Ends the session: its calls (but that in `keep`) with EHOSTDOWN, mappings, waiters. May sleep. */
void xo_stub_end(struct xo_stub *s, u32 keep);
void xo_stub_release(struct xo_stub *s); /* file is gone */
void xo_stub_put(struct xo_stub *s);
int xo_stub_mmap(struct xo_stub *s, struct vm_area_struct *vma);

/* ------------------------------------------------------------------ callee: services (service.c,
 * pages.c)
 *
 * What the host knows of a service. Without the host all goes over `exit`, and req->reason says
 * why.
 */
struct xo_service;
int xo_service_begin(struct xo_g_service *req, struct xo_service **out);
void xo_service_end(struct xo_service *v);
void xo_service_refresh(struct xo_service *v); /* after a HELLO: offered to that host, too */
u64 xo_service_id(const struct xo_service *v); /* at the host; 0: not there (any more) */
void xo_service_info(struct xo_service *v, struct xo_service_info *info);
void xo_service_grant(struct xo_stub *s);   /* before its OPEN is answered */
void xo_service_ungrant(struct xo_stub *s); /* before its slots are another session's */

/* The pages of a service, pinned; changed() is called, from a work item, when the process has
 * others there. -EINVAL &c. as XO_G_SERVICE. */
struct xo_pages;
int xo_pages_get(const struct xo_g_service *req, void (*changed)(void *arg), void *arg,
		 struct xo_pages **out);
u64 xo_pages_list(const struct xo_pages *p, u32 *count); /* physical: struct xo_request_page[] */
void xo_pages_unpin(struct xo_pages *p);		 /* the host touches none any more */
void xo_pages_leak(struct xo_pages *p);			 /* the host may touch them for ever */
void xo_pages_put(struct xo_pages *p);

/* ------------------------------------------------------------------ requests (request.c)
 *
 * 0 and *req as the host answers, or a negative errno, its or ours: -EHOSTDOWN it is gone,
 * -ETIMEDOUT it does not answer. Sleeps.
 */
int xo_request(struct xo_request *req);
int xo_request_try(struct xo_request *req); /* -EBUSY instead of waiting until it can be made */
void xo_request_event(void);		    /* any context */
int xo_request_init(void);
void xo_request_exit(void);

/* ------------------------------------------------------------------ the module (main.c, irq.c,
 * board.c, dev.c) */

struct xo_guest {
	spinlock_t lock;
	struct mutex host;
	struct workqueue_struct *wq;
	u32 host_revision; /* of the last HELLO's answer; under host */
	u32 hellos;	   /* that succeeded; under host */
	struct rw_semaphore map_lock;
	/* under lock */
	struct xo_board *board; /* NULL: the host does not know us */
	struct xo_link *link[XO_LINKS_PER_VM];
	u64 posted[XO_LINKS_PER_VM]; /* taken off the board, not yet handled */
	u64 cancelled[XO_LINKS_PER_VM];
	u32 links_told, links_read; /* unequal: links[] is to be read before the two above */
	bool lost;		    /* the host let go, xo_goodbye() is still to be called */
	u64 told;		    /* where the host sends the event interrupt */
	struct list_head masters;
	wait_queue_head_t open_wait; /* threads of the masters for system calls */
	/* under host */
	bool stopping; /* no HELLO any more */
	bool unknown;  /* the last HELLO was no known hypercall */
};

extern struct xo_guest xo;

/* Makes sure that the host knows this VM: 0; -ENODEV no host module or not enrolled, -EPROTO, ...
 * Says why in the log, at a limited rate. Context: process, may sleep. */
int xo_hello(void);
void xo_goodbye(bool tell_host);		     /* xo.host held; ends everything; may sleep */
void xo_gone(void);				     /* xo.lock held: the host let this VM go */
int xo_world_add(enum xo_world_kind kind, u64 *wid); /* for the current process */

int xo_irq_init(void);
void xo_irq_exit(void);
void xo_irq_tell(void);	      /* tells the host if the interrupt moved; any context */
u64 xo_irq_destination(void); /* vector | apic_id << 32 */

void xo_board_interrupt(void); /* looks at all event words; any context */
void xo_board_refresh(void);   /* xo.host held: reads links[] again */
void xo_board_sync(void);      /* the links are as the host shows them now; may sleep */
int xo_board_init(void);
void xo_board_exit(void);

int xo_dev_init(void);
void xo_dev_exit(void);

#endif
