/* SPDX-License-Identifier: MIT */
/*
 * The processes of one environment: launches them, waits for them and collects
 * their output. Calls from the environment's thread only queue; the work is
 * done by a loop thread, which owns the ring or epoll, and by launch threads,
 * which make a child and wait for its exec; but core_launch() of a polled core
 * may make the first child of a turn itself (direct.h). The threads live as
 * long as the environment, because a parent-death signal is bound to the thread
 * that cloned.
 */
#ifndef CORE_H
#define CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "launchers.h"
#include "place.h"
#include "reap.h"

struct core;
struct job;

struct core_config {
	/* Called from any thread when there are events, until core_detach(). */
	void (*wake)(void *arg);
	void *arg;
	/*
	 * Instead of that, the caller watches core_fd() until core_detach(),
	 * and calls core_poll() and then core_drain() when it is readable.
	 */
	bool polled;
	bool no_ring; /* wait through epoll even where io_uring works */
};

/*
 * A pipe between here and a child, made when the child is. The end here is
 * non-blocking, the child's is not.
 */
struct core_pipe {
	bool input;   /* the child reads from it */
	bool both;    /* it also writes to it: a stream socket, not a pipe */
	bool collect; /* read to its end, or written, by the core */
	bool given;   /* @fd is our end; the chain does not name the pipe */
	int fd;	      /* non-blocking, for output that is collected */
	size_t max;   /* of what is collected, bytes to keep */
};

struct core_request {
	enum launcher_kind kind;
	uint32_t token;	   /* the caller's; the launch's events carry it */
	const void *chain; /* packed, copied */
	size_t chain_size;
	bool want_results; /* of every operation, also when all went well */
	/*
	 * STARTED, and output before EXITED, wake nobody: they are delivered
	 * with the next event that does.
	 */
	bool lazy;
	/*
	 * For a caller that emulates uv_spawn(3). Once requested, the process
	 * is started even if the environment ends before, or the program calls
	 * exit(3). Signals wait for its exec, unless it is SIGKILL. It gives up
	 * its pid only when EXITED is freed, and then this process gets a
	 * SIGCHLD.
	 */
	bool like_uv_spawn;
	/*
	 * The group that the process leads, by a setpgid(0) or a setsid(), is
	 * in the file of core_doomed_file() from before its exec until all of
	 * the group has ended. It starts once the last watcher that was
	 * requested before has; if that fails, so does this.
	 */
	bool doomed;
	bool watcher; /* this is the watcher, which reads that file */
	/* No events, and core_run(), which asks for this, ends the job. */
	bool waited;
	/*
	 * Closed once the launch has succeeded or failed; with like_uv_spawn,
	 * once the FAILED of one that fails has been freed.
	 */
	const int *close_fds;
	size_t nr_close;
	/*
	 * The pipes that the chain names as CHAIN_FD_PIPE(), and maybe more. A
	 * descriptor that is given belongs to the core from then on.
	 */
	const struct core_pipe *pipes;
	size_t nr_pipes;
	/* Written to the first pipe that is input and collect. */
	const void *input;
	size_t input_size;
	/* Not copied, but read until CORE_FED, CORE_FAILED or core_detach(). */
	bool borrow_input;
	/* Where the child starts; NULL: where the calling thread is now. */
	struct place *place;
};

enum core_event_type {
	CORE_STARTED,
	CORE_FAILED, /* there is no process */
	CORE_EXITED,
	CORE_OUTPUT,   /* the end of it */
	CORE_OVERFLOW, /* output goes beyond its max */
	CORE_FED,      /* the borrowed input is no longer needed */
	CORE_CHUNK,    /* some output, as core_more() asked for */
};

struct core_event {
	struct core_event *next;
	enum core_event_type type;
	uint32_t id;
	uint32_t token;
	union {
		struct {
			int pid;
			int pidfd;	       /* open until EXITED is freed */
			enum launcher_kind by; /* the launcher that made it */
			/*
			 * Our end of each pipe, -1 for those that are
			 * collected. The receiver takes ownership of one by
			 * setting it to -1.
			 */
			int *fds;
			uint32_t nr_fds;
		} started;
		struct {
			int error; /* -errno */
			/*
			 * The index of the operation, or that of a pipe that
			 * could not be made plus the number of operations.
			 */
			int op;
		} failed;
		struct exit_status exited;
		/* OUTPUT, or of CHUNK which, buf and size. */
		struct {
			uint32_t which; /* of those that are collected */
			int error;	/* 0 or -errno */
			char *buf; /* malloc(3)ed; set it to NULL to keep it */
			size_t size;
			bool truncated;
		} output;
		struct {
			uint32_t which;
		} overflow;
	};
	/*
	 * FAILED: the result of each operation. STARTED: the same if they are
	 * wanted or an exec from a template failed, otherwise NULL.
	 */
	const volatile int32_t *res;
	uint32_t nr_res;
	bool like_uv_spawn; /* as in its request */
	struct job *job;    /* the core's */
};

struct core_info {
	const char *poller; /* "io_uring" or "epoll" */
	int ring_error;	    /* why there is no ring (-errno), or 0 */
	int spawn_error;    /* why the uring launcher does not work, or 0 */
	int template_error; /* why there are no executable templates, or 0 */
	int embryo_error;   /* why the builder launcher does not work, or 0 */
};

/*
 * Returns 0 or -errno: EAGAIN (no thread), EMFILE, ENOMEM. For processes that
 * still run when the environment ends, see core_detach().
 */
int core_new(const struct core_config *config, struct core **out);

void core_get_info(const struct core *core, struct core_info *info);

/* Whether the launcher works here: 0, -EOPNOTSUPP or -EINVAL (there is none).
 */
int core_can_launch(const struct core *core, enum launcher_kind kind);

/*
 * Begins a launch, or queues it to be begun at the latest with the next
 * core_flush(), and returns its id (> 0) in *@id. The descriptors of the
 * request belong to the core from then on. On -EINVAL (*@why), -EOPNOTSUPP
 * (the launcher does not work here) or -ENOMEM they are still the caller's.
 */
int core_launch(struct core *core, const struct core_request *request,
		uint32_t *id, const char **why);

/*
 * Begins the queued launches, with one wake-up for all of them. Does not wait
 * for any of them.
 */
void core_flush(struct core *core);

/*
 * Waits until the launch @id, which has been flushed, has started or failed,
 * without taking events. Returns the pid or -errno, as its event does; -ESRCH
 * once its last event has been freed.
 */
int core_wait(struct core *core, uint32_t id);

/* As core_wait(), for so many milliseconds at most: then it returns 0. */
int core_wait_for(struct core *core, uint32_t id, unsigned ms);

/* A pipe or a stream socket, whose other end has the child of core_run(). */
struct core_dialog_pipe {
	int fd;	     /* ours; core_run() makes it non-blocking, and closes it */
	bool input;  /* write @in, and then nothing more */
	bool output; /* read it to its end */
	const void *in;
	size_t in_size;
	/* Bytes to keep of the beginning and of the end; SIZE_MAX: all. */
	size_t head;
	size_t tail;
	/* What was read and kept: malloc(3)ed, the caller's. All 0 at first. */
	char *out;
	size_t out_size;
	size_t capacity;
	bool truncated; /* something was not kept */
	int error;	/* of a read: 0 or -errno */
};

enum core_news {
	CORE_NEWS_DUE,	/* the time is over that was asked for */
	CORE_NEWS_MUCH, /* some output was not kept, or @max_output is exceeded
			 */
	CORE_NEWS_OVER, /* the process has ended, and its status is taken */
	CORE_NEWS_ALL,	/* and its pipes have, too: nothing is left */
};

struct core_dialog {
	struct core_dialog_pipe *pipes;
	size_t nr_pipes;
	double max_output; /* bytes that all outputs may have; 0: no limit */
	/*
	 * Called by core_run() in the caller's thread, which may signal the
	 * process from there. Sets @wait_ms, and may set @stop or @cut.
	 */
	void (*tell)(struct core_dialog *run, enum core_news news);
	void *arg; /* the caller's */
	/*
	 * Milliseconds until CORE_NEWS_DUE, or after CORE_NEWS_ALL until that
	 * comes again; negative: never, and after CORE_NEWS_ALL core_run()
	 * returns.
	 */
	int64_t wait_ms;
	bool stop; /* read what has been written, and then no more */
	bool cut;  /* read and write nothing more, and close the pipes */
	/* Set by core_run(): */
	uint32_t id; /* of the launch */
	int pid;     /* 0: it has not started */
	/* -errno: of the start, or of a pipe, such as -EPIPE. */
	int error;
	int failed_op;	    /* the operation that failed, as in CORE_FAILED */
	int template_error; /* of an exec from a template; 0 or -errno */
	enum launcher_kind by; /* the launcher that made it */
	struct exit_status exited;
};

/*
 * Launches a process as core_launch() does, and returns when it has ended and
 * its outputs have, or when the launch has failed. There are no events; others'
 * come meanwhile. For a caller that emulates uv_spawn(3) it waits for the
 * inputs to be written, too, and then this process gets a SIGCHLD, as for any
 * child. Returns what core_launch() would; in case of an error the pipes, too,
 * are still the caller's.
 */
int core_run(struct core *core, const struct core_request *request,
	     struct core_dialog *run, const char **why);

/*
 * Signals a child; one whose launch has not begun fails with ECANCELED instead.
 * Returns 0, -ESRCH (it has ended), -EAGAIN (it is being made: try again),
 * -EPERM (it runs with other credentials), -EINVAL (no such signal).
 */
int core_kill(struct core *core, uint32_t id, int sig);

/*
 * Signals the process group that @pid, the child @id, leads or led, even after
 * its end. See reap_signal_group().
 */
int core_kill_group(struct core *core, uint32_t id, pid_t pid, int sig);

/*
 * As core_kill(), for everything in the process group that the child leads: its
 * chain has a setpgid(0) or a setsid(). One that has not come to that yet, and
 * so has no children, is signalled alone.
 */
int core_kill_with_group(struct core *core, uint32_t id, int sig);

/*
 * A copy of a child's pidfd, close-on-exec and the caller's, to signal its
 * group after its end. Returns -ESRCH if there is no process, or its EXITED has
 * been freed, -EMFILE.
 */
int core_hold(struct core *core, uint32_t id);

/*
 * Signals the process group that the child @pid led, whose pidfd is @pidfd.
 * From Linux 6.9 on, this cannot reach another group; for earlier kernels see
 * reap_signal_group().
 */
int core_kill_held(int pidfd, pid_t pid, int sig);

/*
 * The file that names the groups of children requested as doomed; see doomed.h
 * for what is in it. The core's, close-on-exec. Returns -errno if there can be
 * none: -EMFILE, -ENOMEM, -EFBIG (RLIMIT_FSIZE).
 */
int core_doomed_file(struct core *core);
/*
 * How many of them there are. Those that have ended after their leader are
 * removed by this, so it has to be called from time to time.
 */
unsigned core_doomed(struct core *core);

/* Stops collecting a child's output; what has been written so far is kept. */
void core_stop_output(struct core *core, uint32_t id);

/*
 * Delivers the output @which of those that are collected in chunks: one CHUNK
 * for each call, as soon as there is something, and then OUTPUT with the last
 * bytes. Until the next call, which takes effect once that CHUNK has been
 * freed, the rest stays in the pipe, and the child waits. What was collected
 * before the first call is the first chunk. From then on nothing is dropped,
 * and STARTED is no longer lazy; with a @which that does not exist, this is
 * all.
 */
void core_more(struct core *core, uint32_t id, uint32_t which);

/*
 * A descriptor that is readable while there is something for core_poll(), or
 * new events; -1 unless the core is polled. It is the core's, and stays open
 * until core_detach().
 */
int core_fd(const struct core *core);
/* Takes note of processes that have ended. Does not block. */
void core_poll(struct core *core);
/* Makes core_fd() readable once, if the core is polled; otherwise wakes. */
void core_wake(struct core *core);

/*
 * Takes events, oldest first and @max at most; the caller frees them by
 * core_events_free() before core_detach(). A full batch means there may be
 * more: call again, no further wake-up comes.
 */
struct core_event *core_drain(struct core *core, unsigned max);
/*
 * Frees a list of events returned by core_drain(), and closes what the caller
 * did not claim.
 */
void core_events_free(struct core_event *events);

/*
 * The environment ends: no more events. Children that have started live on and
 * are reaped in the background; launches still under way are stopped, except
 * those like uv_spawn(3).
 */
void core_detach(struct core *core);

#endif
