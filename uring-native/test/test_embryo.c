/* SPDX-License-Identifier: MIT */
/* Processes that have not run, and how they are signalled and dropped. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "embryo.h"
#include "pack.h"
#include "pidfd_spawn.h"
#include "reap.h"

static void wait_for_none(void)
{
	CHECK(waitpid(-1, NULL, __WALL) < 0 && errno == ECHILD);
}

static void test_drop(void)
{
	_Atomic int embryo = pidfd_open_empty(0);

	CHECK(embryo >= 0 && !embryo_check(embryo));
	CHECK(embryo_pid(embryo) > 0);
	embryo_drop(&embryo);
	CHECK(embryo == -1);
	CHECK(embryo_signal(&embryo, SIGKILL) == -EAGAIN);
	wait_for_none();
}

/* No pidfd reaches it, and what ends it leaves no zombie. */
static void test_signal(int sig)
{
	_Atomic int embryo = pidfd_open_empty(0);
	struct pollfd over = {embryo, POLLIN, 0};

	CHECK(reap_signal(embryo, embryo_pid(embryo), sig) == -ESRCH);
	CHECK(!embryo_signal(&embryo, 0));
	CHECK(embryo_signal(&embryo, 65) == -EINVAL);
	CHECK(!embryo_signal(&embryo, sig));
	CHECK(poll(&over, 1, -1) == 1);
	CHECK(embryo_check(embryo) == -ESRCH);
	CHECK(embryo_signal(&embryo, sig) == -EAGAIN);
	embryo_drop(&embryo);
	wait_for_none();
}

/* Only threads that share the maker's credentials may use it. */
static void test_check(void)
{
	int fd = pidfd_open_empty(0), status;
	pid_t pid = fork();

	CHECK(fd >= 0);
	if (!pid)
		_exit(embryo_check(fd) != -EACCES);
	CHECK(waitpid(pid, &status, 0) == pid && !status);
	CHECK(!embryo_check(fd) && !close(fd));
	wait_for_none();
}

int main(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	_Atomic int none = fd;

	/* No process at all. */
	CHECK(embryo_pid(fd) == -1);
	CHECK(embryo_signal(&none, SIGKILL) == -EAGAIN);
	close(fd);
	if (embryo_probe()) {
		printf("this kernel has no embryos\n");
		return 0;
	}
	test_drop();
	test_signal(SIGKILL);
	test_signal(SIGTERM);
	test_check();
	return 0;
}
