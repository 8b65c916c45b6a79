// SPDX-License-Identifier: GPL-2.0
/*
 * What a program may expect of its system calls, as a program that does not know whether it is
 * routed: run it in the callee and through `xo sh`, both must pass. With "routed" as its argument
 * it also checks what the router promises to refuse. Prints what is wrong with its line; status 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int wrong, checks;

#define CHECK(claim)                                                                             \
	do {                                                                                     \
		__atomic_add_fetch(&checks, 1, __ATOMIC_RELAXED);                                \
		if (!(claim)) {                                                                  \
			int e = errno;                                                           \
			printf("%s:%d: not so: %s (errno %d, %s)\n", __func__, __LINE__, #claim, \
			       e, strerror(e));                                                  \
			__atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);                         \
		}                                                                                \
	} while (0)

#define BIG (1 << 20)

static char *big, *back;

static char *in_dir(const char *name)
{
	static __thread char path[4][PATH_MAX];
	static __thread unsigned int next;
	char *p = path[next++ % 4];

	snprintf(p, PATH_MAX, "xo-routed.d/%s", name);
	return p;
}

static void long_buffers_arrive_whole(void)
{
	int fd = open(in_dir("big"), O_CREAT | O_TRUNC | O_RDWR, 0600);
	static const size_t sizes[] = { 1, 4095, 65535, 65536, 65537, 200000, BIG };

	CHECK(fd >= 0);
	for (size_t i = 0; i < BIG; i++)
		big[i] = (char)(i * 7 + i / 255);
	CHECK(write(fd, big, BIG) == BIG);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		memset(back, 0, BIG);
		CHECK(pread(fd, back, sizes[i], 0) == (ssize_t)sizes[i]);
		CHECK(!memcmp(big, back, sizes[i]));
	}
	CHECK(pread(fd, back, BIG, BIG - 10) == 10);
	CHECK(pread(fd, back, BIG, BIG) == 0);
	CHECK(lseek(fd, 0, SEEK_CUR) == BIG);
	CHECK(pwrite(fd, "x", 1, BIG + 5) == 1);
	CHECK(ftruncate(fd, 3) == 0);
	CHECK(close(fd) == 0);
	CHECK(close(fd) < 0 && errno == EBADF);
	CHECK(read(fd, back, 1) < 0 && errno == EBADF);
}

static void vectors_are_taken_apart_and_put_together(void)
{
	int fd = open(in_dir("vec"), O_CREAT | O_TRUNC | O_RDWR, 0600);
	struct iovec out[3] = { { "ab", 2 }, { NULL, 0 }, { "cde", 3 } };
	char a[2], b[9];
	struct iovec in[2] = { { a, 2 }, { b, 9 } };

	CHECK(writev(fd, out, 3) == 5);
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	CHECK(readv(fd, in, 2) == 5 && !memcmp(a, "ab", 2) && !memcmp(b, "cde", 3));
	close(fd);
}

static void descriptors_are_dup_ed_shared_and_closed_as_ever(void)
{
	int fd = open(in_dir("dup"), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600), other, high;
	char c[2];

	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	CHECK(write(fd, "0123456789", 10) == 10);
	other = dup(fd);
	CHECK(fcntl(other, F_GETFD) == 0);
	CHECK(lseek(other, 4, SEEK_SET) == 4);
	CHECK(read(fd, c, 1) == 1 && c[0] == '4');
	high = fcntl(fd, F_DUPFD, 100);
	CHECK(high >= 100);
	close(fd);
	close(other);
	CHECK(read(high, c, 1) == 1 && c[0] == '5');
	CHECK(dup2(high, 90) == 90);
	CHECK(fcntl(high, F_SETFL, O_APPEND) == 0);
	CHECK(fcntl(90, F_GETFL) & O_APPEND);
	CHECK((fcntl(90, F_GETFL) & O_ACCMODE) == O_RDWR);
	CHECK(ioctl(90, 0x12345678, 0) < 0 && errno == ENOTTY);
	CHECK(isatty(90) == 0 && errno == ENOTTY);
	CHECK(close_range(80, 200, 0) == 0);
	CHECK(read(90, c, 1) < 0 && errno == EBADF);
}

static void a_close_has_happened_when_it_returns(void)
{
	int a = open(in_dir("lock"), O_CREAT | O_RDWR, 0600), b = open(in_dir("lock"), O_RDWR);

	for (int i = 0; i < 20; i++) {
		CHECK(flock(a, LOCK_EX | LOCK_NB) == 0);
		CHECK(flock(b, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK);
		close(a);
		CHECK(flock(b, LOCK_EX | LOCK_NB) == 0);
		flock(b, LOCK_UN);
		a = open(in_dir("lock"), O_RDWR);
	}
	close(a);
	close(b);
}

static void bad_pointers_are_efault(void)
{
	int fd = open(in_dir("big"), O_CREAT | O_RDWR, 0600);
	char *none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char path[PATH_MAX + 2];
	struct stat st;

	CHECK(write(fd, none, 10) < 0 && errno == EFAULT);
	CHECK(pwrite(fd, "data", 4, 0) == 4);
	CHECK(pread(fd, none, 4, 0) < 0 && errno == EFAULT);
	CHECK(open((char *)8, O_RDONLY) < 0 && errno == EFAULT);
	CHECK(syscall(SYS_open, NULL, O_RDONLY) < 0 && errno == EFAULT);
	CHECK(syscall(SYS_stat, in_dir("big"), none) < 0 && errno == EFAULT);
	CHECK(syscall(SYS_uname, none) < 0 && errno == EFAULT);
	CHECK(pread(fd, NULL, 0, 0) == 0);
	memset(path, 'a', sizeof(path));
	path[PATH_MAX + 1] = '\0';
	CHECK(stat(path, &st) < 0 && errno == ENAMETOOLONG);
	close(fd);
	munmap(none, 4096);
}

static volatile bool stop;

static void *scribble(void *arg)
{
	volatile char *p = arg;

	while (!stop)
		for (int i = 0; i < 65536; i += 64)
			p[i]++;
	return NULL;
}

static void a_buffer_rewritten_meanwhile_harms_only_itself(void)
{
	int fd = open(in_dir("race"), O_CREAT | O_TRUNC | O_RDWR, 0600);
	char *name = malloc(65536);
	struct stat st;
	pthread_t t;

	memset(name, 'n', 65536);
	stop = false;
	CHECK(pthread_create(&t, NULL, scribble, name) == 0);
	for (int i = 0; i < 20; i++) {
		CHECK(pwrite(fd, name, 65536, 0) == 65536);
		CHECK(pread(fd, name, 65536, 0) == 65536);
		CHECK(stat(name, &st) < 0);
	}
	stop = true;
	pthread_join(t, NULL);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 65536);
	close(fd);
	free(name);
}

static void *one_thread(void *arg)
{
	char name[32], c[8], expect[8];
	int fd;

	snprintf(name, sizeof(name), "thread-%ld", (long)arg);
	snprintf(expect, sizeof(expect), "%07ld", (long)arg);
	for (int i = 0; i < 20; i++) {
		fd = open(in_dir(name), O_CREAT | O_TRUNC | O_RDWR, 0600);
		CHECK(fd >= 0);
		CHECK(write(fd, expect, 7) == 7);
		CHECK(pread(fd, c, 7, 0) == 7 && !memcmp(c, expect, 7));
		CHECK(close(fd) == 0);
	}
	CHECK(unlink(in_dir(name)) == 0);
	return NULL;
}

static void threads_call_at_once(void)
{
	pthread_t t[12];

	for (long i = 0; i < 12; i++)
		CHECK(pthread_create(&t[i], NULL, one_thread, (void *)i) == 0);
	for (int i = 0; i < 12; i++)
		pthread_join(t[i], NULL);
}

static void *write_later(void *arg)
{
	usleep(200000);
	CHECK(write((int)(long)arg, "late", 4) == 4);
	return NULL;
}

static void polls_see_what_comes(void)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct pollfd p = { .events = POLLIN };
	struct timeval soon = { 5, 0 };
	int file, fifo, ep;
	char c[8];
	pthread_t t;
	fd_set set;

	CHECK(mkfifo(in_dir("fifo"), 0600) == 0);
	fifo = open(in_dir("fifo"), O_RDWR | O_NONBLOCK);
	p.fd = fifo;
	CHECK(poll(&p, 1, 0) == 0);
	CHECK(read(fifo, c, 8) < 0 && errno == EAGAIN);
	pthread_create(&t, NULL, write_later, (void *)(long)fifo);
	CHECK(poll(&p, 1, 5000) == 1 && p.revents == POLLIN);
	pthread_join(t, NULL);
	FD_ZERO(&set);
	FD_SET(fifo, &set);
	CHECK(select(fifo + 1, &set, NULL, NULL, &soon) == 1);
	CHECK(read(fifo, c, 8) == 4 && !memcmp(c, "late", 4));
	ep = epoll_create1(0);
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, fifo, &ev) == 0);
	CHECK(epoll_wait(ep, &ev, 1, 0) == 0);
	pthread_create(&t, NULL, write_later, (void *)(long)fifo);
	CHECK(epoll_wait(ep, &ev, 1, 5000) == 1);
	pthread_join(t, NULL);
	file = open(in_dir("big"), O_RDONLY);
	p.fd = file;
	CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLIN);
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, file, &ev) < 0 && errno == EPERM);
	close(ep);
	close(file);
	close(fifo);
}

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
	signals++;
}

static void signals_interrupt_and_restart(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	int fifo = open(in_dir("fifo"), O_RDWR);
	char c[8];
	pthread_t t;

	sigaction(SIGALRM, &sa, NULL);
	signals = 0;
	ualarm(100000, 0);
	CHECK(read(fifo, c, 8) < 0 && errno == EINTR);
	CHECK(signals == 1);
	sa.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &sa, NULL);
	ualarm(100000, 0);
	pthread_create(&t, NULL, write_later, (void *)(long)fifo);
	CHECK(read(fifo, c, 8) == 4);
	CHECK(signals == 2);
	pthread_join(t, NULL);
	close(fifo);
}

static void signals_to_oneself_stay(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &sa, NULL);
	signals = 0;
	CHECK(kill(getpid(), SIGUSR1) == 0 && signals == 1);
	CHECK(raise(SIGUSR1) == 0 && signals == 2);
	CHECK(pthread_kill(pthread_self(), SIGUSR1) == 0 && signals == 3);
	CHECK(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1) == 0 && signals == 4);
	CHECK(syscall(SYS_tkill, gettid(), SIGUSR1) == 0 && signals == 5);
	CHECK(gettid() == getpid());
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
}

static void a_pipe_without_readers_is_sigpipe(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	int r = open(in_dir("fifo"), O_RDONLY | O_NONBLOCK), w = open(in_dir("fifo"), O_WRONLY);

	sigaction(SIGPIPE, &sa, NULL);
	signals = 0;
	close(r);
	CHECK(write(w, "x", 1) < 0 && errno == EPIPE);
	CHECK(signals == 1);
	close(w);
}

static void directories_lead_to_files(void)
{
	int dir = open("xo-routed.d", O_RDONLY | O_DIRECTORY), fd;
	char here[PATH_MAX], there[PATH_MAX];
	struct stat a, b;

	CHECK(mkdirat(dir, "sub", 0700) == 0);
	CHECK(getcwd(here, sizeof(here)) != NULL);
	CHECK(fchdir(dir) == 0);
	CHECK(chdir("sub") == 0);
	CHECK(getcwd(there, sizeof(there)) != NULL && strlen(there) > strlen(here));
	fd = open("file", O_CREAT | O_RDWR, 0600);
	CHECK(fd >= 0);
	CHECK(fstat(fd, &a) == 0);
	CHECK(fstatat(dir, "sub/file", &b, 0) == 0 && a.st_ino == b.st_ino);
	CHECK(fchmod(fd, 0640) == 0);
	CHECK(fstatat(fd, "", &b, AT_EMPTY_PATH) == 0 && (b.st_mode & 07777) == 0640);
	CHECK(futimens(fd, (struct timespec[2]){ { 1, 0 }, { 2, 0 } }) == 0);
	CHECK(fstat(fd, &b) == 0 && b.st_mtime == 2);
	CHECK(linkat(AT_FDCWD, "file", dir, "hard", 0) == 0);
	CHECK(symlinkat("hard", dir, "soft") == 0);
	CHECK(readlinkat(dir, "soft", there, sizeof(there)) == 4);
	CHECK(renameat(dir, "soft", dir, "softer") == 0);
	CHECK(unlinkat(dir, "softer", 0) == 0 && unlinkat(dir, "hard", 0) == 0);
	CHECK(unlink("file") == 0);
	CHECK(chdir(here) == 0);
	CHECK(unlinkat(dir, "sub", AT_REMOVEDIR) == 0);
	close(fd);
	close(dir);
}

static void a_mapped_file_reads_as_it_is(void)
{
	int fd = open(in_dir("map"), O_CREAT | O_TRUNC | O_RDWR, 0600);
	char *p;

	CHECK(write(fd, big, 200001) == 200001);
	p = mmap(NULL, 200001, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	if (p != MAP_FAILED) {
		CHECK(!memcmp(p, big, 200001) && !p[200001]);
		p[5]++;
		CHECK(pread(fd, back, 10, 0) == 10 && back[5] == big[5]);
		munmap(p, 200001);
	}
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, open(in_dir("map"), O_RDONLY), 65536);
	CHECK(p != MAP_FAILED && !memcmp(p, big + 65536, 4096));
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, open("/", O_RDONLY), 0) == MAP_FAILED &&
	      errno == ENODEV);
	close(fd);
}

/* ------------------------------------------------------------------ only when routed */

static void what_is_not_there_is_refused_by_name(void)
{
	long ret;
	pid_t child = fork();

	CHECK(child < 0 && errno == ENOSYS);
	if (!child)
		_exit(0);
	CHECK(execl("/no/such/program", "program", NULL) < 0 && errno == ENOSYS);
	CHECK(socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == ENOSYS);
	CHECK(syscall(511) < 0 && errno == ENOSYS);
	CHECK(syscall(100000) < 0 && errno == ENOSYS);
	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(20) : "memory");
	CHECK((int)ret == -ENOSYS);
}

static void the_sessions_descriptor_is_not_there(void)
{
	char there[256];

	CHECK(fcntl(1023, F_GETFD) < 0 && errno == EBADF);
	CHECK(close(1023) < 0 && errno == EBADF);
	CHECK(dup2(0, 1023) < 0 && errno == EBADF);
	CHECK(dup(1023) < 0 && errno == EBADF);
	CHECK(ioctl(1023, 0x5823, 0) < 0 && errno == EBADF);
	CHECK(close_range(3, ~0U, 0) == 0);
	CHECK(close_range(1023, 1023, 0) == 0);
	CHECK(gethostname(there, sizeof(there)) == 0);
	CHECK(access("xo-routed.d", F_OK) == 0);
}

static void fast_ways_are_refused_so_that_programs_take_the_slow_one(void)
{
	int a = open(in_dir("big"), O_RDWR), b = open(in_dir("fast"), O_CREAT | O_RDWR, 0600);

	CHECK(copy_file_range(a, NULL, b, NULL, 10, 0) < 0 && errno == EXDEV);
	CHECK(sendfile(b, a, NULL, 10) < 0 && errno == EINVAL);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, a, 0) == MAP_FAILED &&
	      errno == ENODEV);
	close(a);
	close(b);
}

static void clean(void)
{
	static const char *const names[] = { "big",  "vec",  "dup", "lock",
					     "race", "fifo", "map", "fast" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unlink(in_dir(names[i]));
	rmdir("xo-routed.d");
}

int main(int argc, char **argv)
{
	big = malloc(BIG);
	back = malloc(BIG);
	if (!big || !back || chdir("/tmp"))
		return 2;
	clean();
	CHECK(mkdir("xo-routed.d", 0700) == 0);
	long_buffers_arrive_whole();
	vectors_are_taken_apart_and_put_together();
	descriptors_are_dup_ed_shared_and_closed_as_ever();
	a_close_has_happened_when_it_returns();
	bad_pointers_are_efault();
	a_buffer_rewritten_meanwhile_harms_only_itself();
	threads_call_at_once();
	polls_see_what_comes();
	signals_interrupt_and_restart();
	signals_to_oneself_stay();
	a_pipe_without_readers_is_sigpipe();
	directories_lead_to_files();
	a_mapped_file_reads_as_it_is();
	if (argc > 1 && !strcmp(argv[1], "routed")) {
		fast_ways_are_refused_so_that_programs_take_the_slow_one();
		what_is_not_there_is_refused_by_name();
		the_sessions_descriptor_is_not_there();
	}
	clean();
	printf("%d checks, %d wrong\n", checks, wrong);
	return wrong ? 1 : 0;
}
