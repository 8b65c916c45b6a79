// SPDX-License-Identifier: GPL-2.0
/*
 * xo_touch PID START BYTES protect|replace: the memory of a VM's process (QEMU), in the host. START
 *is relative to the largest mapping, which is the VM's RAM.
 *
 *	protect   changes what the pages allow and changes it back: they stay where they are
 *	replace   puts other page frames in their place, with the same bytes in them, as migration
 *does. Nobody may write there meanwhile: stop the VM
 *
 * The process's main thread makes the system calls: it waits in one, and is made to do ours
 *instead, then that again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#define DIE(...)     (fprintf(stderr, "xo_touch: " __VA_ARGS__), fputc('\n', stderr), exit(1))
#define SYSCALL_INSN 2 /* bytes */

static unsigned long ram_of(pid_t pid)
{
	unsigned long start, end, best = 0, size = 0;
	char path[64], line[512];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "r");
	if (!f)
		DIE("%s: %m", path);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx rw", &start, &end) == 2 && strstr(line, " rw") &&
		    end - start > size) {
			best = start;
			size = end - start;
		}
	fclose(f);
	if (size < 64UL << 20)
		DIE("process %d has no RAM of a VM", pid);
	return best;
}

static void stopped(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
		DIE("process %d does not stop", pid);
}

static struct user_regs_struct home; /* at its SYSCALL, that makes its own system call once more */

static void take(pid_t pid)
{
	if (ptrace(PTRACE_ATTACH, pid, 0, 0))
		DIE("PTRACE_ATTACH: %m");
	stopped(pid);
	if (ptrace(PTRACE_GETREGS, pid, 0, &home))
		DIE("PTRACE_GETREGS: %m");
	home.rip -= SYSCALL_INSN;
	if ((long)home.orig_rax < 0 ||
	    (ptrace(PTRACE_PEEKTEXT, pid, home.rip, 0) & 0xffff) != 0x050f)
		DIE("the main thread is in no system call: try again");
	home.rax = home.orig_rax;
	home.orig_rax = -1;
}

static void let_go(pid_t pid)
{
	if (ptrace(PTRACE_SETREGS, pid, 0, &home) || ptrace(PTRACE_DETACH, pid, 0, 0))
		DIE("PTRACE_DETACH: %m");
}

static long made(pid_t pid, long nr, unsigned long a, unsigned long b, unsigned long c)
{
	struct user_regs_struct regs = home;
	int i;

	regs.rax = nr;
	regs.rdi = a;
	regs.rsi = b;
	regs.rdx = c;
	if (ptrace(PTRACE_SETREGS, pid, 0, &regs))
		DIE("PTRACE_SETREGS: %m");
	for (i = 0; i < 2; i++) { /* before it, and behind it */
		if (ptrace(PTRACE_SYSCALL, pid, 0, 0))
			DIE("PTRACE_SYSCALL: %m");
		stopped(pid);
	}
	if (ptrace(PTRACE_GETREGS, pid, 0, &regs))
		DIE("PTRACE_GETREGS: %m");
	return regs.rax;
}

static void must(long ret, const char *what)
{
	if (ret)
		DIE("%s: %s", what, strerror(-ret));
}

static void protect(pid_t pid, unsigned long at, unsigned long bytes)
{
	must(made(pid, SYS_mprotect, at, bytes, PROT_READ | PROT_WRITE | PROT_EXEC), "mprotect");
	must(made(pid, SYS_mprotect, at, bytes, PROT_READ | PROT_WRITE), "mprotect back");
}

static void replace(pid_t pid, unsigned long at, unsigned long bytes)
{
	char *copy = malloc(bytes);
	struct iovec here = { copy, bytes }, there = { (void *)at, bytes };

	if (!copy || process_vm_readv(pid, &here, 1, &there, 1, 0) != (ssize_t)bytes)
		DIE("process_vm_readv: %m");
	must(made(pid, SYS_madvise, at, bytes, MADV_DONTNEED), "madvise");
	if (process_vm_writev(pid, &here, 1, &there, 1, 0) != (ssize_t)bytes)
		DIE("process_vm_writev: %m, and the VM's memory is lost");
}

int main(int argc, char **argv)
{
	unsigned long at, bytes;
	pid_t pid;

	if (argc != 5 || (strcmp(argv[4], "protect") && strcmp(argv[4], "replace")))
		DIE("see the top of xo_touch.c");
	pid = atoi(argv[1]);
	at = ram_of(pid) + strtoul(argv[2], NULL, 0);
	bytes = strtoul(argv[3], NULL, 0);
	take(pid);
	if (!strcmp(argv[4], "protect"))
		protect(pid, at, bytes);
	else
		replace(pid, at, bytes);
	let_go(pid);
	return 0;
}
