#include <sys/random.h>

#include <capstan/engine/os/system_random.hpp>
#include <capstan/schema/error.hpp>

namespace capstan {

std::uint64_t SystemRandom::next() {
    if (left_ == 0) {
        // Up to 256 bytes come whole and uninterrupted (getrandom(2)).
        static_assert(sizeof fetched_ <= 256);
        auto const got = ::getrandom(fetched_.data(), sizeof fetched_, 0);
        CAPSTAN_INVARIANT(got == static_cast<ssize_t>(sizeof fetched_), "getrandom");
        left_ = fetched_.size();
    }
    return fetched_[--left_];
}

}  // namespace capstan
