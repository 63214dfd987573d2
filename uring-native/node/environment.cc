/* SPDX-License-Identifier: MIT */
#include "environment.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

static Napi::Value Throw(Napi::Env env, int err, const char *what)
{
	Napi::Error error = Napi::Error::New(env, what);

	error.Set("errno", Napi::Number::New(env, -err));
	error.ThrowAsJavaScriptException();
	return env.Undefined();
}

static int Int(Napi::Value value)
{
	return value.As<Napi::Number>().Int32Value();
}

Environment::Environment(Napi::Env env) : env_(env)
{
	hooked_ = napi_add_env_cleanup_hook(env, OnCleanup, this) == napi_ok;
}

/*
 * Versions of Bun free instance data before the hooks run, so detach here as
 * well, and leave no hook that would be called with freed memory. Elsewhere the
 * hook has run by now, and the environment may be too far gone to remove one.
 */
Environment::~Environment()
{
	Detach();
	if (hooked_)
		napi_remove_env_cleanup_hook(env_, OnCleanup, this);
}

static void DropEvents(Client *client)
{
	core_events_free(client->first);
	client->first = nullptr;
	client->last = &client->first;
}

/* Returns whether @fd is open. */
static bool FileOf(int fd, File *file)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	*file = {st.st_dev, st.st_ino, fcntl(fd, F_GETFL) & O_ACCMODE};
	return true;
}

int Environment::Own(int fd)
{
	if (fd >= 0)
		owned_.insert(fd);
	return fd;
}

int Environment::Disown(int fd)
{
	owned_.erase(fd);
	return fd;
}

/*
 * In a terminated worker no JavaScript is left to close them. Node has closed
 * its handles by now, and another thread may have their numbers.
 */
void Environment::CloseOwned()
{
	for (int fd : owned_)
		close(fd);
	owned_.clear();
	for (auto &entry : leaving_) {
		File now;

		if (FileOf(entry.first, &now) && now == entry.second)
			close(entry.first);
	}
	leaving_.clear();
}

void Environment::Detach()
{
	CloseOwned();
	if (!core_)
		return;
	for (auto &client : clients_)
		DropEvents(client.get());
	if (watched_)
		watched_->Close();
	watched_ = nullptr;
	core_detach(core_);
	core_ = nullptr;
	for (auto &entry : places_)
		place_put(entry.second);
	places_.clear();
	if (async_)
		napi_async_destroy(env_, async_);
	async_ = nullptr;
	if (wake_)
		napi_release_threadsafe_function(wake_, napi_tsfn_abort);
	wake_ = nullptr;
}

void Environment::OnCleanup(void *arg)
{
	Environment *self = static_cast<Environment *>(arg);

	self->hooked_ = false;
	self->Detach();
}

void Environment::Wake(void *arg)
{
	napi_call_threadsafe_function(static_cast<Environment *>(arg)->wake_,
				      nullptr, napi_tsfn_nonblocking);
}

/*
 * An environment that is being torn down still runs what was queued for it, but
 * no JavaScript, and then no call that makes values for it works. The only way
 * to find out is a call that is refused then, as those are that may run
 * JavaScript. This is the cheapest one.
 */
static bool RunsJavaScript(napi_env env)
{
	napi_value value;
	bool same;

	return napi_get_boolean(env, false, &value) == napi_ok &&
	       napi_strict_equals(env, value, value, &same) == napi_ok;
}

/* Wakes this environment itself, for another turn of its event loop. */
void Environment::Poke()
{
	core_wake(core_);
}

/* Returns NULL if there is none, or its copy of the JavaScript is gone. */
Client *Environment::GetClient(uint32_t number)
{
	napi_value callback = nullptr;

	if (number >= clients_.size() ||
	    napi_get_reference_value(env_, clients_[number]->on_events,
				     &callback) != napi_ok ||
	    !callback)
		return nullptr;
	return clients_[number].get();
}

/* Hands the core's events to their clients. Returns how many. */
uint32_t Environment::Distribute()
{
	core_event *events = core_drain(core_, EVENTS_AT_ONCE), *next;
	uint32_t nr = 0;

	for (core_event *event = events; event; event = next, nr++) {
		Client *client = GetClient(event->token >> TOKEN_BITS);

		if (event->type == CORE_FED || event->type == CORE_FAILED)
			ReturnInput(event->id);
		next = event->next;
		event->next = nullptr;
		if (client) {
			*client->last = event;
			client->last = &event->next;
		} else {
			core_events_free(event);
		}
	}
	return nr;
}

void Environment::OnWake(napi_env env, napi_value, void *context, void *)
{
	Environment *self = static_cast<Environment *>(context);

	if (!env || !self->core_)
		return;
	Napi::HandleScope scope(env);
	self->Deliver();
}

/* The event loop itself has found the core's descriptor readable. */
void Environment::OnReady(void *arg)
{
	Environment *self = static_cast<Environment *>(arg);
	Napi::Env env(self->env_);
	Napi::HandleScope scope(env);
	napi_callback_scope callback;

	core_poll(self->core_);
	if (napi_open_callback_scope(env, nullptr, self->async_, &callback) !=
	    napi_ok)
		return;
	self->Deliver();
	if (env.IsExceptionPending())
		napi_fatal_exception(env,
				     env.GetAndClearPendingException().Value());
	napi_close_callback_scope(env, callback);
}

void Environment::Deliver()
{
	/* Events that are not taken are dropped with the core. */
	if (!RunsJavaScript(env_))
		return;
	uint32_t nr = Distribute();
	/*
	 * A single client got a full batch, and calls take() again by itself.
	 */
	if (nr == EVENTS_AT_ONCE && clients_.size() > 1)
		Poke();
	/* A callback may add clients, or end the environment. */
	for (size_t i = 0; core_ && i < clients_.size(); i++) {
		napi_value callback = nullptr;

		if (!clients_[i]->first)
			continue;
		napi_get_reference_value(env_, clients_[i]->on_events,
					 &callback);
		if (callback)
			Napi::Function(env_, callback).Call({});
		else
			DropEvents(clients_[i].get());
	}
}

/* The core no longer reads the bytes that were lent for a launch. */
void Environment::ReturnInput(uint32_t id)
{
	auto input = inputs_.find(id);

	if (input == inputs_.end())
		return;
	napi_delete_reference(env_, input->second);
	inputs_.erase(input);
}

/*
 * take(client, values): how many events; a client calls again after a full
 * batch. An event of a launch like uv_spawn(3) ends the batch: what JavaScript
 * queues for the end of the turn has to run before the next event.
 */
Napi::Value Environment::Take(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	Client *client =
		core_ ? GetClient(info[0].As<Napi::Number>().Uint32Value())
		      : nullptr;
	napi_value slots_value = nullptr;
	void *data;
	uint32_t nr = 0;

	if (!client ||
	    napi_get_reference_value(env, client->slots, &slots_value) !=
		    napi_ok ||
	    !slots_value)
		return Napi::Number::New(env, 0);
	/* Some of these events may be for other clients: wake them. */
	if (!client->first && Distribute() && clients_.size() > 1)
		Poke();
	Napi::Array values = info[1].As<Napi::Array>();
	if (napi_get_typedarray_info(env, slots_value, nullptr, nullptr, &data,
				     nullptr, nullptr) != napi_ok)
		return Napi::Number::New(env, 0);
	double *slots = static_cast<double *>(data);
	bool alone = false;
	while (client->first && nr < EVENTS_AT_ONCE && !alone) {
		core_event *event = client->first;

		alone = event->like_uv_spawn;

		client->first = event->next;
		if (!client->first)
			client->last = &client->first;
		event->next = nullptr;
		if (event->type == CORE_STARTED)
			OwnPipes(event);
		FillEvent(env, event, slots + nr * EVENT_STRIDE, values,
			  nr * EVENT_VALUES);
		core_events_free(event);
		nr++;
	}
	if (alone && nr < EVENTS_AT_ONCE)
		Poke();
	return Napi::Number::New(env, nr);
}

/* Until JavaScript closes the pipes, or says that something else will. */
void Environment::OwnPipes(const core_event *event)
{
	for (uint32_t i = 0; i < event->started.nr_fds; i++)
		Own(event->started.fds[i]);
}

/* Starts a core that the event loop watches. Returns 0 or -errno. */
int Environment::StartWatched(core_config *config)
{
	Napi::Env env(env_);

	config->polled = true;
	int ret = core_new(config, &core_);
	if (ret) {
		core_ = nullptr;
		return ret;
	}
	if (napi_async_init(env, nullptr, Napi::String::New(env, "uring-spawn"),
			    &async_) == napi_ok)
		watched_ = Watched::New(env_, core_fd(core_), OnReady, this);
	if (!watched_)
		Detach();
	return watched_ ? 0 : -ENOMEM;
}

/* Starts a core that wakes the environment. Returns 0 or -errno. */
int Environment::StartWoken(core_config *config)
{
	Napi::Env env(env_);
	/*
	 * Not a function of some copy of the JavaScript: it would keep that
	 * copy alive.
	 */
	Napi::Function nothing =
		Napi::Function::New(env, [](const Napi::CallbackInfo &) {});

	if (napi_create_threadsafe_function(
		    env, nothing, nullptr,
		    Napi::String::New(env, "uring-spawn"), 0, 1, nullptr,
		    nullptr, this, OnWake, &wake_) != napi_ok)
		return -ENOMEM;
	napi_unref_threadsafe_function(env, wake_);
	config->wake = Wake;
	config->arg = this;
	int ret = core_new(config, &core_);
	if (ret) {
		core_ = nullptr;
		napi_release_threadsafe_function(wake_, napi_tsfn_abort);
		wake_ = nullptr;
	}
	return ret;
}

/* Starts the core, at the first open(). Returns 0 or -errno. */
int Environment::Start(bool no_ring, bool event_loop)
{
	core_config config = {};

	config.no_ring = no_ring;
	return event_loop && Watched::Possible() ? StartWatched(&config)
						 : StartWoken(&config);
}

/* Returns its number, perhaps that of a client that is gone, or -errno. */
int Environment::NewClient(napi_value on_events, napi_value slots)
{
	size_t number = 0;

	while (number < clients_.size() && GetClient(number))
		number++;
	if (number == MAX_CLIENTS)
		return -EMFILE;
	if (number == clients_.size()) {
		clients_.push_back(std::make_unique<Client>());
	} else {
		DropEvents(clients_[number].get());
		napi_delete_reference(env_, clients_[number]->on_events);
		napi_delete_reference(env_, clients_[number]->slots);
	}
	Client *client = clients_[number].get();
	client->first = nullptr;
	client->last = &client->first;
	napi_create_reference(env_, on_events, 0, &client->on_events);
	napi_create_reference(env_, slots, 0, &client->slots);
	return static_cast<int>(number);
}

/* open(onEvents, noRing, eventLoop): info */
Napi::Value Environment::Open(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	core_info got;
	int ret = core_ ? 0 : Start(info[1].ToBoolean(), info[2].ToBoolean());

	if (ret)
		return Throw(env, ret,
			     "cannot start the thread that waits for "
			     "processes");
	Napi::Float64Array events =
		Napi::Float64Array::New(env, EVENTS_AT_ONCE * EVENT_STRIDE);
	int client = NewClient(info[0], events);
	if (client < 0)
		return Throw(env, client,
			     "too many copies of uring-spawn are loaded here");
	core_get_info(core_, &got);
	Napi::Object result = Napi::Object::New(env);
	result.Set("poller", got.poller);
	result.Set("ringErrno", -got.ring_error);
	result.Set("spawnErrno", -got.spawn_error);
	result.Set("templateErrno", -got.template_error);
	result.Set("embryoErrno", -got.embryo_error);
	result.Set("events", events);
	result.Set("client", client);
	return result;
}

/*
 * Reads an element of an array. Not by Array::Get(): a worker may be terminated
 * at any call, Get() then returns no value, and reading a number from that
 * aborts the program.
 */
static bool GetNumber(const Napi::Array &from, uint32_t at, double *to)
{
	napi_value value;

	return napi_get_element(from.Env(), from, at, &value) == napi_ok &&
	       napi_get_value_double(from.Env(), value, to) == napi_ok;
}

static bool ReadFds(const Napi::Array &from, std::vector<int> &fds)
{
	uint32_t i, n = from.Length();
	double fd;

	for (i = 0; i < n; i++) {
		if (!GetNumber(from, i, &fd))
			return false;
		fds.push_back(static_cast<int>(fd));
	}
	/* A number that is named twice is still one descriptor. */
	std::sort(fds.begin(), fds.end());
	fds.erase(std::unique(fds.begin(), fds.end()), fds.end());
	return true;
}

/* From [bits of the pipe, bytes to keep, descriptor if it is given, ...]. */
static bool ReadPipes(const Napi::Array &from, std::vector<core_pipe> &pipes)
{
	uint32_t i, n = from.Length();

	for (i = 0; i + 2 < n; i += 3) {
		double number, max, fd;
		core_pipe pipe = {};

		if (!GetNumber(from, i, &number) ||
		    !GetNumber(from, i + 1, &max) ||
		    !GetNumber(from, i + 2, &fd))
			return false;
		int bits = static_cast<int>(number);
		pipe.input = bits & PIPE_INPUT;
		pipe.both = pipe.input && bits & PIPE_OUTPUT;
		pipe.collect = bits & PIPE_COLLECT;
		pipe.given = bits & PIPE_GIVEN;
		pipe.fd = static_cast<int>(fd);
		pipe.max = max < static_cast<double>(SIZE_MAX / 2)
				   ? static_cast<size_t>(max)
				   : SIZE_MAX / 2;
		pipes.push_back(pipe);
	}
	return true;
}

/* place(): a handle, for launch() or dropPlace() */
Napi::Value Environment::Place(const Napi::CallbackInfo &info)
{
	place *here = core_ ? place_now() : nullptr;
	int handle = 0;

	if (here) {
		do
			handle = ++last_place_ & INT32_MAX;
		while (!handle || places_.count(handle));
		places_[handle] = here;
	}
	return Napi::Number::New(info.Env(), handle);
}

/* dropPlace(handle) */
Napi::Value Environment::DropPlace(const Napi::CallbackInfo &info)
{
	auto found = places_.find(Int(info[0]));

	if (found != places_.end()) {
		place_put(found->second);
		places_.erase(found);
	}
	return info.Env().Undefined();
}

/*
 * The arguments kind, chain, size, closeFds, from @at on. False if it has
 * thrown an error; or the worker is being terminated, and no JavaScript is left
 * to throw to.
 */
static bool ReadRequest(const Napi::CallbackInfo &info, size_t at,
			core_request *req, std::vector<int> &fds)
{
	Napi::Uint8Array chain = info[at + 1].As<Napi::Uint8Array>();

	if (!ReadFds(info[at + 3].As<Napi::Array>(), fds))
		return false;
	req->kind = static_cast<launcher_kind>(Int(info[at]));
	req->chain = chain.Data();
	req->chain_size = static_cast<uint32_t>(Int(info[at + 2]));
	req->close_fds = fds.data();
	req->nr_close = fds.size();
	if (req->chain_size <= chain.ByteLength())
		return true;
	Throw(info.Env(), -EINVAL, "the chain ends before its size");
	return false;
}

/* launch(token, kind, chain, size, closeFds, pipes, input, flags, place): id */
Napi::Value Environment::Launch(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	core_request req = {};
	std::vector<int> fds;
	std::vector<core_pipe> pipes;
	napi_ref lent = nullptr;
	const char *why = "";
	uint32_t id;

	if (!core_)
		return Throw(env, -ESHUTDOWN, "the core is not open");
	if (!ReadRequest(info, 1, &req, fds) ||
	    !ReadPipes(info[5].As<Napi::Array>(), pipes))
		return env.Undefined();
	req.token = info[0].As<Napi::Number>().Uint32Value();
	req.pipes = pipes.data();
	req.nr_pipes = pipes.size();
	if (info[6].IsTypedArray()) {
		Napi::Uint8Array input = info[6].As<Napi::Uint8Array>();

		req.input = input.Data();
		req.input_size = input.ByteLength();
		/* If a reference cannot be made, the input is copied. */
		req.borrow_input =
			req.input_size >= BORROW_FROM &&
			napi_create_reference(env, input, 1, &lent) == napi_ok;
	}
	int flags = Int(info[7]);
	req.want_results = flags & LAUNCH_WANT_RESULTS;
	req.lazy = flags & LAUNCH_LAZY;
	req.like_uv_spawn = flags & LAUNCH_LIKE_UV_SPAWN;
	req.doomed = flags & LAUNCH_DOOMED;
	req.watcher = flags & LAUNCH_WATCHER;
	auto place = places_.find(Int(info[8]));
	if (place != places_.end())
		req.place = place->second;
	int ret = core_launch(core_, &req, &id, &why);
	if (ret) {
		if (lent)
			napi_delete_reference(env, lent);
		return Throw(env, ret, why);
	}
	for (int fd : fds)
		Disown(fd);
	for (const core_pipe &pipe : pipes)
		if (pipe.given)
			Disown(pipe.fd);
	if (lent)
		inputs_[id] = lent;
	if (req.like_uv_spawn)
		core_flush(core_);
	return Napi::Number::New(env, id);
}

/* Bytes, or Infinity. */
static size_t SizeOf(double number)
{
	return number < static_cast<double>(SIZE_MAX / 2)
		       ? static_cast<size_t>(number)
		       : SIZE_MAX;
}

/*
 * [PIPE_INPUT | PIPE_OUTPUT, fd, head, tail, ...], and the bytes for each that
 * is input.
 */
static bool ReadRunPipes(const Napi::Array &from, const Napi::Array &inputs,
			 std::vector<core_dialog_pipe> &pipes)
{
	uint32_t i, n = from.Length();

	for (i = 0; i + 3 < n; i += 4) {
		double number, fd, head, tail;
		core_dialog_pipe pipe = {};
		napi_value input;
		void *data = nullptr;
		size_t size = 0;

		if (!GetNumber(from, i, &number) ||
		    !GetNumber(from, i + 1, &fd) ||
		    !GetNumber(from, i + 2, &head) ||
		    !GetNumber(from, i + 3, &tail) ||
		    napi_get_element(from.Env(), inputs, i / 4, &input) !=
			    napi_ok)
			return false;
		int bits = static_cast<int>(number);
		pipe.input = bits & PIPE_INPUT;
		pipe.output = bits & PIPE_OUTPUT;
		pipe.fd = static_cast<int>(fd);
		pipe.head = SizeOf(head);
		pipe.tail = SizeOf(tail);
		/* Others than typed arrays are no input. */
		if (napi_get_typedarray_info(from.Env(), input, nullptr, &size,
					     &data, nullptr,
					     nullptr) == napi_ok) {
			pipe.in = data;
			pipe.in_size = size;
		}
		pipes.push_back(pipe);
	}
	return true;
}

namespace
{
/* A call of run(), and the function that decides. */
struct Dialog {
	napi_env env;
	napi_value decide;
	core *handle;
	bool failed = false;
};
} // namespace

/*
 * Asks JavaScript what to do. If that fails, the worker is being terminated, or
 * the function has thrown: then nobody is left to decide, and the process ends.
 */
static void OnNews(core_dialog *run, core_news news)
{
	Dialog *dialog = static_cast<Dialog *>(run->arg);
	napi_env env = dialog->env;
	napi_handle_scope scope;
	napi_value receiver, args[3], result;
	double answer = RUN_NEVER;

	run->wait_ms = -1;
	if (dialog->failed)
		return;
	if (napi_open_handle_scope(env, &scope) != napi_ok)
		scope = nullptr;
	if (!scope || napi_get_undefined(env, &receiver) != napi_ok ||
	    napi_create_int32(env, news, &args[0]) != napi_ok ||
	    napi_create_uint32(env, run->id, &args[1]) != napi_ok ||
	    napi_create_int32(env, run->pid, &args[2]) != napi_ok ||
	    napi_call_function(env, receiver, dialog->decide, 3, args,
			       &result) != napi_ok ||
	    napi_get_value_double(env, result, &answer) != napi_ok) {
		dialog->failed = true;
		run->cut = true;
		core_kill(dialog->handle, run->id, SIGKILL);
	}
	if (scope)
		napi_close_handle_scope(env, scope);
	if (answer >= 0)
		run->wait_ms = static_cast<int64_t>(answer);
	else if (answer == RUN_STOP)
		run->stop = true;
	else if (answer == RUN_CUT)
		run->cut = true;
}

/* What run() returns. */
static Napi::Value RunResult(Napi::Env env, const core_dialog &run,
			     std::vector<core_dialog_pipe> &pipes)
{
	Napi::Float64Array usage = Napi::Float64Array::New(env, EVENT_USAGES);
	Napi::Array result = Napi::Array::New(env, RUN_OUTPUTS + pipes.size());
	Napi::Array ends = Napi::Array::New(env, 2 * pipes.size());

	/* The worker is being terminated. */
	if (usage.Data())
		FillUsage(usage.Data(), run.exited.rusage);
	result.Set(RUN_PID, run.pid);
	result.Set(RUN_ERROR, run.error);
	result.Set(RUN_CODE, run.exited.code);
	result.Set(RUN_STATUS, run.exited.status);
	result.Set(RUN_FAILED, run.failed_op);
	result.Set(RUN_TEMPLATE, run.template_error);
	result.Set(RUN_BY, static_cast<int>(run.by));
	result.Set(RUN_USAGE, usage);
	result.Set(RUN_ENDS, ends);
	for (uint32_t i = 0; i < pipes.size(); i++) {
		ends.Set(2 * i, pipes[i].truncated ? 1 : 0);
		ends.Set(2 * i + 1, pipes[i].error);
		result.Set(RUN_OUTPUTS + i,
			   TakeBytes(env, &pipes[i].out, pipes[i].out_size));
	}
	return result;
}

/* run(kind, chain, size, closeFds, pipes, inputs, flags, maxOutput, wait,
 * decide) */
Napi::Value Environment::Run(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	core_request req = {};
	core_dialog run = {};
	std::vector<int> fds;
	std::vector<core_dialog_pipe> pipes;
	Dialog dialog = {env, info[9], core_};
	const char *why = "";

	if (!core_)
		return Throw(env, -ESHUTDOWN, "the core is not open");
	if (!ReadRequest(info, 0, &req, fds) ||
	    !ReadRunPipes(info[4].As<Napi::Array>(), info[5].As<Napi::Array>(),
			  pipes))
		return env.Undefined();
	run.pipes = pipes.data();
	run.nr_pipes = pipes.size();
	req.like_uv_spawn = Int(info[6]) & LAUNCH_LIKE_UV_SPAWN;
	req.doomed = Int(info[6]) & LAUNCH_DOOMED;
	run.max_output = info[7].As<Napi::Number>().DoubleValue();
	run.wait_ms = info[8].As<Napi::Number>().Int64Value();
	run.tell = OnNews;
	run.arg = &dialog;
	int ret = core_run(core_, &req, &run, &why);
	if (ret)
		return Throw(env, ret, why);
	for (int fd : fds)
		Disown(fd);
	Napi::Value result =
		dialog.failed ? env.Undefined() : RunResult(env, run, pipes);
	for (core_dialog_pipe &pipe : pipes)
		free(pipe.out);
	return result;
}

Napi::Value Environment::Flush(const Napi::CallbackInfo &info)
{
	if (core_)
		core_flush(core_);
	return info.Env().Undefined();
}

Napi::Value Environment::Wait(const Napi::CallbackInfo &info)
{
	int ret = core_ ? core_wait(core_, static_cast<uint32_t>(Int(info[0])))
			: -ESRCH;

	return Napi::Number::New(info.Env(), ret);
}

Napi::Value Environment::Kill(const Napi::CallbackInfo &info)
{
	int ret = core_ ? core_kill(core_, static_cast<uint32_t>(Int(info[0])),
				    Int(info[1]))
			: -ESRCH;

	return Napi::Number::New(info.Env(), ret);
}

/* killGroup(id, pid, signal) */
Napi::Value Environment::KillGroup(const Napi::CallbackInfo &info)
{
	int ret = core_ ? core_kill_group(core_,
					  static_cast<uint32_t>(Int(info[0])),
					  Int(info[1]), Int(info[2]))
			: -ESRCH;

	return Napi::Number::New(info.Env(), ret);
}

/* killWithGroup(id, signal) */
Napi::Value Environment::KillWithGroup(const Napi::CallbackInfo &info)
{
	int ret = core_ ? core_kill_with_group(
				  core_, static_cast<uint32_t>(Int(info[0])),
				  Int(info[1]))
			: -ESRCH;

	return Napi::Number::New(info.Env(), ret);
}

Napi::Value Environment::DoomedFile(const Napi::CallbackInfo &info)
{
	int fd = core_ ? core_doomed_file(core_) : -ESHUTDOWN;

	return Napi::Number::New(info.Env(), fd);
}

Napi::Value Environment::Doomed(const Napi::CallbackInfo &info)
{
	unsigned nr = core_ ? core_doomed(core_) : 0;

	return Napi::Number::New(info.Env(), nr);
}

/* hold(id) */
Napi::Value Environment::Hold(const Napi::CallbackInfo &info)
{
	int fd = core_ ? core_hold(core_, static_cast<uint32_t>(Int(info[0])))
		       : -ESRCH;

	if (fd >= 0)
		Own(fd);
	return Napi::Number::New(info.Env(), fd);
}

/* killHeld(pidfd, pid, signal) */
static Napi::Value KillHeld(const Napi::CallbackInfo &info)
{
	return Napi::Number::New(
		info.Env(),
		core_kill_held(Int(info[0]), Int(info[1]), Int(info[2])));
}

Napi::Value Environment::StopOutput(const Napi::CallbackInfo &info)
{
	if (core_)
		core_stop_output(core_, static_cast<uint32_t>(Int(info[0])));
	return info.Env().Undefined();
}

/* more(id, which) */
Napi::Value Environment::More(const Napi::CallbackInfo &info)
{
	if (core_)
		core_more(core_, static_cast<uint32_t>(Int(info[0])),
			  static_cast<uint32_t>(Int(info[1])));
	return info.Env().Undefined();
}

/* newTemplate(path or null, fd, learns): a descriptor */
Napi::Value Environment::NewTemplate(const Napi::CallbackInfo &info)
{
	std::string path;

	if (!core_)
		return Throw(info.Env(), -ESHUTDOWN, "the core is not open");
	if (info[0].IsString())
		path = info[0].As<Napi::String>();
	int fd = template_new(path.empty() ? nullptr : path.c_str(),
			      Int(info[1]), info[2].ToBoolean());
	return Napi::Number::New(info.Env(), Own(fd));
}

/* handOver(fd): something else is about to own it */
Napi::Value Environment::HandOver(const Napi::CallbackInfo &info)
{
	int fd = Disown(Int(info[0]));
	File file;

	if (FileOf(fd, &file))
		leaving_[fd] = file;
	return info.Env().Undefined();
}

/* handedOver(fd): now it does */
Napi::Value Environment::HandedOver(const Napi::CallbackInfo &info)
{
	leaving_.erase(Int(info[0]));
	return info.Env().Undefined();
}

Napi::Value Environment::Ref(const Napi::CallbackInfo &info)
{
	if (core_ && refs_++ == 0) {
		if (watched_)
			watched_->Ref();
		else
			napi_ref_threadsafe_function(info.Env(), wake_);
	}
	return info.Env().Undefined();
}

Napi::Value Environment::Unref(const Napi::CallbackInfo &info)
{
	if (core_ && --refs_ == 0) {
		if (watched_)
			watched_->Unref();
		else
			napi_unref_threadsafe_function(info.Env(), wake_);
	}
	return info.Env().Undefined();
}

/* fatal(error): throws it as an uncaught exception, at once. */
static Napi::Value Fatal(const Napi::CallbackInfo &info)
{
	napi_fatal_exception(info.Env(), info[0]);
	return info.Env().Undefined();
}

template <Napi::Value (Environment::*method)(const Napi::CallbackInfo &)>
static Napi::Value Call(const Napi::CallbackInfo &info)
{
	Environment *self = static_cast<Environment *>(info.Data());

	return (self->*method)(info);
}

void Environment::Init(Napi::Env env, Napi::Object exports)
{
	Environment *self = new Environment(env);

	env.SetInstanceData(self);
	exports.Set("open", Napi::Function::New(env, Call<&Environment::Open>,
						"open", self));
	exports.Set("take", Napi::Function::New(env, Call<&Environment::Take>,
						"take", self));
	exports.Set("launch",
		    Napi::Function::New(env, Call<&Environment::Launch>,
					"launch", self));
	exports.Set("run", Napi::Function::New(env, Call<&Environment::Run>,
					       "run", self));
	exports.Set("flush", Napi::Function::New(env, Call<&Environment::Flush>,
						 "flush", self));
	exports.Set("wait", Napi::Function::New(env, Call<&Environment::Wait>,
						"wait", self));
	exports.Set("kill", Napi::Function::New(env, Call<&Environment::Kill>,
						"kill", self));
	exports.Set("killGroup",
		    Napi::Function::New(env, Call<&Environment::KillGroup>,
					"killGroup", self));
	exports.Set("killWithGroup",
		    Napi::Function::New(env, Call<&Environment::KillWithGroup>,
					"killWithGroup", self));
	exports.Set("hold", Napi::Function::New(env, Call<&Environment::Hold>,
						"hold", self));
	exports.Set("doomedFile",
		    Napi::Function::New(env, Call<&Environment::DoomedFile>,
					"doomedFile", self));
	exports.Set("doomed",
		    Napi::Function::New(env, Call<&Environment::Doomed>,
					"doomed", self));
	exports.Set("killHeld", Napi::Function::New(env, KillHeld, "killHeld"));
	exports.Set("stopOutput",
		    Napi::Function::New(env, Call<&Environment::StopOutput>,
					"stopOutput", self));
	exports.Set("more", Napi::Function::New(env, Call<&Environment::More>,
						"more", self));
	exports.Set("newTemplate",
		    Napi::Function::New(env, Call<&Environment::NewTemplate>,
					"newTemplate", self));
	exports.Set("place", Napi::Function::New(env, Call<&Environment::Place>,
						 "place", self));
	exports.Set("dropPlace",
		    Napi::Function::New(env, Call<&Environment::DropPlace>,
					"dropPlace", self));
	/* Keeps copies of the JavaScript alive, by client. */
	exports.Set("busy", Napi::Array::New(env));
	exports.Set("fatal", Napi::Function::New(env, Fatal, "fatal"));
	exports.Set("version", BINDING_VERSION);
	exports.Set("handOver",
		    Napi::Function::New(env, Call<&Environment::HandOver>,
					"handOver", self));
	exports.Set("handedOver",
		    Napi::Function::New(env, Call<&Environment::HandedOver>,
					"handedOver", self));
	exports.Set("ref", Napi::Function::New(env, Call<&Environment::Ref>,
					       "ref", self));
	exports.Set("unref", Napi::Function::New(env, Call<&Environment::Unref>,
						 "unref", self));
}
