/* SPDX-License-Identifier: MIT */
/*
 * What the addon needs of C++'s library, so that it needs none: not every
 * system with Node has one that is new enough, and the static one, with
 * exceptions, depends on a new glibc. Nothing here throws (see CMakeLists.txt):
 * what would, ends the process, as an exception that nobody catches does.
 */
#include <cstdlib>
#include <new>
#include <string>

void *operator new(std::size_t size)
{
	void *memory = std::malloc(size ? size : 1);

	if (!memory)
		std::abort();
	return memory;
}

void *operator new[](std::size_t size)
{
	return operator new(size);
}

void operator delete(void *memory) noexcept
{
	std::free(memory);
}

void operator delete[](void *memory) noexcept
{
	std::free(memory);
}

void operator delete(void *memory, std::size_t) noexcept
{
	std::free(memory);
}

void operator delete[](void *memory, std::size_t) noexcept
{
	std::free(memory);
}

/* What libstdc++'s headers call where they would throw. */
namespace std
{
void __throw_bad_alloc()
{
	abort();
}

void __throw_bad_array_new_length()
{
	abort();
}

void __throw_bad_function_call()
{
	abort();
}

void __throw_invalid_argument(const char *)
{
	abort();
}

void __throw_length_error(const char *)
{
	abort();
}

void __throw_logic_error(const char *)
{
	abort();
}

void __throw_out_of_range(const char *)
{
	abort();
}

void __throw_out_of_range_fmt(const char *, ...)
{
	abort();
}

void __throw_system_error(int)
{
	abort();
}
} // namespace std

extern "C" void __cxa_pure_virtual()
{
	std::abort();
}

/* The headers leave its functions to the library, too. */
template class std::basic_string<char>;
