// SPDX-License-Identifier: GPL-2.0
/* xo link: permit one VM to call into another. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "doctor.h"

static const char help[] =
	"usage: xo link [--engine ENGINE] [--kernel [--ibpb]] [--slots N] CALLER CALLEE\n\n"
	"Permits the enrolled VM CALLER to call into the enrolled VM CALLEE (on the host, as\n"
	"root). What CALLER may do there is up to CALLEE: see `xo serve --help`. CALLEE 'host':\n"
	"the services of the host's processes. On a link that is there, changes its engine;\n"
	"calls in flight end as they began, none is lost.\n\n"
	"  --engine ENGINE  how calls cross: exit (a new link's default), by VM exits and\n"
	"                   interrupts;\n"
	"                   vmfunc, calls of services (libcrossover(3)) without an exit,\n"
	"                   and `xo sh` still by exits; ring (experimental), system\n"
	"                   calls without an exit, while CALLEE spends a CPU on looking\n"
	"                   for them; services still by exits\n"
	"  --kernel         with vmfunc: system calls too, by visits. Experimental: CALLER trusts\n"
	"                   CALLEE, whose kernel runs on CALLER's virtual CPUs. While a condition\n"
	"                   does not hold they go by exit, and `xo stat` says which and why\n"
	"  --ibpb           with --kernel: each visit clears the branch predictors there and "
	"back,\n"
	"                   so that neither kernel steers what the other runs by speculation;\n"
	"                   it takes two WRMSR a call, which are slow\n"
	"  --slots N        calls under way at once, 1 to 64 (the default)\n";

/* What was done, and what it means for whom. */
static void tell(uint64_t id, const char *caller, const char *callee, unsigned int flags,
		 bool switched)
{
	unsigned int engine = flags & ~(XO_ENGINE_KERNEL | XO_ENGINE_IBPB);

	printf("link %llu: %s may call %s, engine %s%s\n", (unsigned long long)id, caller, callee,
	       xo_engine_name(engine), switched ? " (switched)" : "");
	if (!strcmp(callee, XO_HOST_NAME))
		puts("that is for services of the host's processes (libcrossover(3)); the host "
		     "makes\n"
		     "no system calls for VMs: xo sh and xo ping need a VM as callee");
	else if (flags & XO_ENGINE_KERNEL)
		printf("experimental: simple system calls run on %s's own virtual CPUs, in the "
		       "kernel "
		       "of %s,\nwhich %s has to trust; services are called without exits%s\n",
		       caller, callee, caller,
		       flags & XO_ENGINE_IBPB ? "\neach visit clears the branch predictors, twice"
					      : "");
	else if (engine == XO_ENGINE_VMFUNC)
		puts("services are called without exits; system calls (xo sh) still go by exit");
	else if (engine == XO_ENGINE_RING && sysconf(_SC_NPROCESSORS_ONLN) < 2)
		puts("this host has one CPU, where nobody can answer while somebody polls: all "
		     "calls\n"
		     "go by exit; say it again once there are two");
	else if (engine == XO_ENGINE_RING)
		puts("experimental: each session of system calls (xo sh) keeps a CPU of the callee "
		     "busy, as far "
		     "as it\n"
		     "has CPUs, and needs no exits; services still go by exit");
}

static bool find(struct xo *x, const char *caller, const char *callee, struct xo_h_link_info *l)
{
	memset(l, 0, sizeof(*l));
	while (xo_next_link(x, l) > 0)
		if (!strcmp(l->caller, caller) && !strcmp(l->callee, callee))
			return true;
	return false;
}

/* Why its system calls are no visits, if that is known. */
static void tell_at_present(struct xo *x, const char *caller, const char *callee)
{
	char object[2 * XO_NAME_MAX + 8], text[512];
	struct xo_h_link_info l;

	if (!find(x, caller, callee, &l) || !l.kernel || !l.by_exit)
		return;
	snprintf(object, sizeof(object), "%s -> %s", caller, callee);
	printf("its system calls go by exit at present; %s\n",
	       xo_reason_text(l.by_exit, object, text, sizeof(text)));
}

/* What was refused, the engine `exit` can do: how calls go now. */
static void tell_instead(struct xo *x, const char *caller, const char *callee)
{
	struct xo_h_link_info l;

	if (find(x, caller, callee, &l))
		fprintf(stderr, "xo link: the link %s -> %s is as it was, its engine is %s\n",
			caller, callee, xo_engine_name(l.engine));
	else
		fprintf(stderr,
			"xo link: no link was made; for one whose calls go by exit, run: xo link "
			"%s "
			"%s\n",
			caller, callee);
}

/* No processor is refused for it: who links may know that the two VMs trust each other. */
static void warn_of_speculation(const char *caller, const char *callee, bool kernel)
{
	struct finding f;

	if (!xo_keeps_secrets(&f))
		fprintf(stderr,
			"xo link: warning: unsafe on this processor (%s): by speculation %s may "
			"read what "
			"services%s of %s leave in the caches: link only VMs that may know it\n",
			f.found, caller, kernel ? " and the kernel" : "", callee);
}

/* Those that links can have; the ABI has numbers for others too. */
static unsigned int to_engine(const char *name)
{
	unsigned int engine = xo_engine_by_name(name);

	return engine == XO_ENGINE_EXIT || engine == XO_ENGINE_RING || engine == XO_ENGINE_VMFUNC
		       ? engine
		       : 0;
}

static unsigned int to_slots(const char *s)
{
	char *end;
	unsigned long n = strtoul(s, &end, 10);

	return s[0] < '0' || s[0] > '9' || *end || n > XO_SLOTS_PER_LINK ? 0 : (unsigned int)n;
}

int xo_cmd_link(int argc, char **argv)
{
	static const struct option options[] = { { "engine", required_argument, NULL, 'e' },
						 { "kernel", no_argument, NULL, 'k' },
						 { "ibpb", no_argument, NULL, 'i' },
						 { "slots", required_argument, NULL, 's' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	unsigned int engine = 0, slots = 0, kernel = 0;
	const char *caller, *callee;
	uint64_t id = 0;
	int status, c, done;
	struct xo *x;

	while ((c = xo_option(argc, argv, ":e:kis:h", options, help, &status)) >= 0) {
		if (c == 'e' && !(engine = to_engine(optarg)))
			return xo_bad_usage(argv[0],
					    "'%s' is no engine of links: exit, ring or vmfunc",
					    optarg);
		if (c == 'k')
			kernel |= XO_ENGINE_KERNEL;
		if (c == 'i')
			kernel |= XO_ENGINE_IBPB;
		if (c == 's' && !(slots = to_slots(optarg)))
			return xo_bad_usage(argv[0], "'%s' is not a number from 1 to %d", optarg,
					    XO_SLOTS_PER_LINK);
	}
	if (c == -1 && kernel && engine != XO_ENGINE_VMFUNC)
		return xo_bad_usage(argv[0], "--kernel and --ibpb are for --engine vmfunc");
	if (c == -1 && kernel == XO_ENGINE_IBPB)
		return xo_bad_usage(argv[0], "--ibpb is for --kernel");
	if (c == -2 || !xo_words(argc, argv, 2, "two VMs: CALLER CALLEE", &status) ||
	    !xo_names(argv[0], argv + optind, 2, &status))
		return status;
	caller = argv[optind];
	callee = argv[optind + 1];
	x = xo_cli_open(argv[0], XO_SIDE_HOST);
	if (!x)
		return XO_REFUSED;
	done = xo_link(x, caller, callee, engine | kernel, slots, &id);
	/* A script may say what it needs once more. */
	if (done < 0 && xo_error_reason(x) == XO_REASON_LINK_EXISTS) {
		printf("%s\n", xo_error(x));
		tell_at_present(x, caller, callee);
		xo_free(x);
		return XO_OK;
	}
	if (done < 0) {
		xo_fail(argv[0], "%s", xo_error(x));
		if (engine == XO_ENGINE_VMFUNC)
			tell_instead(x, caller, callee);
		xo_free(x);
		return XO_REFUSED;
	}
	tell(id, caller, callee, (engine ? engine : XO_ENGINE_EXIT) | kernel, done > 0);
	tell_at_present(x, caller, callee);
	if (engine == XO_ENGINE_VMFUNC)
		warn_of_speculation(caller, callee, kernel);
	xo_free(x);
	return XO_OK;
}
