/* SPDX-License-Identifier: MIT */
#include "lock.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "state.h"

static void poke_loop(struct core *core)
{
	uint64_t one = 1;

	if (write(core->wake.fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		abort();
}

void core_wake(struct core *core)
{
	if (core->config.polled) {
		ends_wake(core);
		return;
	}
	pthread_mutex_lock(&core->owner_lock);
	if (!core->owner_gone)
		core->config.wake(core->config.arg);
	pthread_mutex_unlock(&core->owner_lock);
}

void core_lock(struct core *core)
{
	pthread_mutex_lock(&core->lock);
}

void core_unlock(struct core *core)
{
	bool owner = core->owes_owner, loop = core->owes_loop;

	core->owes_owner = false;
	core->owes_loop = false;
	pthread_mutex_unlock(&core->lock);
	if (owner && !atomic_exchange(&core->owner_woken, true))
		core_wake(core);
	if (loop && !atomic_exchange(&core->loop_woken, true))
		poke_loop(core);
}

/* After unlocking, the core may be gone: so the loop is woken before that. */
void core_put(struct core *core)
{
	bool last = --core->refs == 0;

	if (core->owes_loop)
		poke_loop(core);
	core->owes_loop = false;
	pthread_mutex_unlock(&core->lock);
	if (last)
		core->free(core);
}

void core_owe_loop(struct core *core)
{
	core->unflushed = false;
	core->owes_loop = true;
}
