// These definitions come before the C library's for everything in the program, its shared libraries
// too: the linker finds them first.
#include "guard.hpp"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "trace.hpp"

namespace capstan::simulator {
namespace {

bool armed = false;

/// Nothing that could itself call one of these.
void say(char const* text) {
    [[maybe_unused]] auto const written = write(STDERR_FILENO, text, std::strlen(text));
}

void forbid(char const* name) {
    if (armed) {
        say("FAIL I36: ");
        say(name);
        say(" was called inside a simulation\n");
        std::abort();
    }
}

template <class Function>
Function real(char const* name) {
    return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

Guard::Guard() {
    armed = true;
}
Guard::~Guard() {
    armed = false;
}

}  // namespace capstan::simulator

using capstan::simulator::forbid;
using capstan::simulator::real;

extern "C" {

int clock_gettime(clockid_t clock, timespec* into) noexcept {
    forbid("clock_gettime");
    static auto const next = real<int (*)(clockid_t, timespec*)>("clock_gettime");
    return next(clock, into);
}

int gettimeofday(timeval* into, void* zone) noexcept {
    forbid("gettimeofday");
    static auto const next = real<int (*)(timeval*, void*)>("gettimeofday");
    return next(into, zone);
}

time_t time(time_t* into) noexcept {
    forbid("time");
    static auto const next = real<time_t (*)(time_t*)>("time");
    return next(into);
}

ssize_t getrandom(void* into, size_t bytes, unsigned int flags) noexcept {
    forbid("getrandom");
    static auto const next = real<ssize_t (*)(void*, size_t, unsigned int)>("getrandom");
    return next(into, bytes, flags);
}

int getentropy(void* into, size_t bytes) noexcept {
    forbid("getentropy");
    static auto const next = real<int (*)(void*, size_t)>("getentropy");
    return next(into, bytes);
}

int pthread_create(pthread_t* thread,
                   pthread_attr_t const* attributes,
                   void* (*start)(void*),
                   void* argument) noexcept {
    forbid("pthread_create");
    static auto const next =
        real<int (*)(pthread_t*, pthread_attr_t const*, void* (*)(void*), void*)>("pthread_create");
    return next(thread, attributes, start, argument);
}

int socket(int domain, int type, int protocol) noexcept {
    forbid("socket");
    static auto const next = real<int (*)(int, int, int)>("socket");
    return next(domain, type, protocol);
}

/// A broken assertion of the code under test ends the run, not the program, so that it is reported,
/// shrunk and kept like everything else. The linker sends calls of `capstan::invariant_failed`
/// here.
[[noreturn]] void
__wrap__ZN7capstan16invariant_failedEPKcS1_iSt17basic_string_viewIcSt11char_traitsIcEE(
    char const* expression, char const* file, int line, std::string_view detail) {
    throw capstan::simulator::Violation{"assertion",
                                        std::string(file) + ":" + std::to_string(line) + ": " +
                                            expression + " " + std::string(detail)};
}
}
