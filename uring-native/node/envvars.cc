/* SPDX-License-Identifier: MIT */
#include "envvars.h"

#include <algorithm>
#include <climits>
#include <cstring>
#include <mutex>
#include <string>
#include <sys/uio.h>
#include <unistd.h>
#include <vector>

/*
 * Reading process.env takes a call into C++ for each variable, longer than the
 * rest of a launch. So a copy is kept while the C library's environment has the
 * same bytes. The same pointers are not enough: an allocator may hand them out
 * again, and after putenv(3) the program may write to the strings.
 *
 * Other threads may change or even free the environment while we read it. So
 * the kernel copies it: freed memory is just an error to it, and a torn copy
 * does not compare equal.
 */
namespace
{

constexpr size_t PAGE = 4096;

/*
 * Copies [@from, @from + @size). Returns false if it is not mapped, or not
 * allowed.
 */
bool Peek(const void *from, void *to, size_t size)
{
	iovec local = {to, size};
	iovec remote = {const_cast<void *>(from), size};

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) ==
	       static_cast<ssize_t>(size);
}

/* Up to the end of the page: the next page may not be mapped. */
size_t RoomAt(const char *at)
{
	return PAGE - reinterpret_cast<uintptr_t>(at) % PAGE;
}

struct Entry {
	const char *at;
	std::string bytes; /* with the NUL */
	size_t copied;	   /* its offset in what Same() reads */
};

class Snapshot
{
      public:
	bool Take();
	bool Same();
	/* NAME=value of each, with NULs between them. */
	std::string Text() const;

      private:
	bool TakeList();
	static bool TakeString(Entry &entry);
	void Plan();

	pid_t pid_ = 0;
	char **list_ = nullptr;
	std::vector<char *> pointers_; /* with the NULL */
	std::vector<Entry> entries_;
	std::vector<iovec> ranges_;
	std::vector<char> copy_;
};

bool Snapshot::TakeList()
{
	char *chunk[PAGE / sizeof(char *)];

	pointers_.clear();
	list_ = __atomic_load_n(&environ, __ATOMIC_ACQUIRE);
	for (char **at = list_; at;) {
		size_t size = RoomAt(reinterpret_cast<char *>(at));
		size_t n = size / sizeof(char *);

		if (!Peek(at, chunk, size))
			return false;
		for (size_t i = 0; i < n; i++) {
			pointers_.push_back(chunk[i]);
			if (!chunk[i])
				return true;
		}
		at += n;
	}
	return false;
}

bool Snapshot::TakeString(Entry &entry)
{
	char chunk[PAGE];

	for (const char *at = entry.at;;) {
		size_t size = RoomAt(at);

		if (!Peek(at, chunk, size))
			return false;
		size_t length = strnlen(chunk, size);
		entry.bytes.append(chunk, length);
		if (length < size) {
			entry.bytes.push_back('\0');
			return true;
		}
		at += size;
	}
}

/*
 * Plans what Same() reads. Each range costs, so strings that are close together
 * are read as one, with what is between them.
 */
void Snapshot::Plan()
{
	std::vector<Entry *> sorted;
	size_t total = pointers_.size() * sizeof(char *);

	ranges_ = {{list_, total}};
	for (Entry &entry : entries_)
		sorted.push_back(&entry);
	std::sort(sorted.begin(), sorted.end(),
		  [](const Entry *a, const Entry *b) { return a->at < b->at; });
	const char *end = nullptr;
	for (Entry *entry : sorted) {
		const char *last = entry->at + entry->bytes.size();

		if (end && entry->at < end + PAGE / 4) {
			size_t more = last > end ? last - end : 0;

			entry->copied = total - (end - entry->at);
			ranges_.back().iov_len += more;
			total += more;
			end += more;
			continue;
		}
		entry->copied = total;
		ranges_.push_back(
			{const_cast<char *>(entry->at), entry->bytes.size()});
		total += entry->bytes.size();
		end = last;
	}
	copy_.resize(total);
}

bool Snapshot::Take()
{
	pid_ = getpid();
	entries_.clear();
	ranges_.clear();
	if (!TakeList())
		return false;
	for (char *at : pointers_) {
		if (!at)
			break;
		entries_.push_back({at, {}, 0});
		if (!TakeString(entries_.back()))
			return false;
	}
	Plan();
	return ranges_.size() <= IOV_MAX;
}

bool Snapshot::Same()
{
	iovec local = {copy_.data(), copy_.size()};

	if (ranges_.empty() ||
	    list_ != __atomic_load_n(&environ, __ATOMIC_ACQUIRE) ||
	    process_vm_readv(pid_, &local, 1, ranges_.data(), ranges_.size(),
			     0) != static_cast<ssize_t>(copy_.size()) ||
	    memcmp(copy_.data(), pointers_.data(),
		   pointers_.size() * sizeof(char *)))
		return false;
	for (const Entry &entry : entries_)
		if (memcmp(copy_.data() + entry.copied, entry.bytes.data(),
			   entry.bytes.size()))
			return false;
	return true;
}

std::string Snapshot::Text() const
{
	std::string text;

	for (const Entry &entry : entries_)
		text += entry.bytes;
	if (!text.empty())
		text.pop_back();
	return text;
}

/* For the main thread only: in workers process.env is a separate object. */
Snapshot known;
uint32_t version;
std::mutex mutex;

/* envVarsVersion(): 0 if it cannot be read */
Napi::Value EnvVarsVersion(const Napi::CallbackInfo &info)
{
	std::lock_guard<std::mutex> lock(mutex);
	static bool valid;

	if (!valid || !known.Same()) {
		valid = known.Take();
		if (!++version)
			version++;
	}
	return Napi::Number::New(info.Env(), valid ? version : 0);
}

/* envVarsAre(text): whether the last version has this text */
Napi::Value EnvVarsAre(const Napi::CallbackInfo &info)
{
	std::lock_guard<std::mutex> lock(mutex);
	std::string text = info[0].As<Napi::String>();

	return Napi::Boolean::New(info.Env(), text == known.Text());
}

} // namespace

void InitEnvVars(Napi::Env env, Napi::Object exports)
{
	exports.Set("envVarsVersion", Napi::Function::New(env, EnvVarsVersion));
	exports.Set("envVarsAre", Napi::Function::New(env, EnvVarsAre));
}
