// The functions that JavaScript calls. Bytes are passed as address and length in the module's
// memory.
#include <capstan/js.hpp>
#include <cstdlib>
#include <string>

#define CAPSTAN_EXPORT(name) __attribute__((export_name(name))) extern "C"

namespace {

/// What the last call returned; it lives until the next one.
std::string result;

}  // namespace

/// Room for an argument, 8-byte aligned. The caller frees it.
CAPSTAN_EXPORT("capstan_allocate") void* capstan_allocate(std::size_t bytes) {
    return std::malloc(bytes);
}

CAPSTAN_EXPORT("capstan_free") void capstan_free(void* bytes) {
    std::free(bytes);
}

/// `capstan::js::digests`. Returns the length of the result.
CAPSTAN_EXPORT("capstan_digests")
std::size_t capstan_digests(std::byte const* input, std::size_t bytes) {
    result = capstan::js::digests({input, bytes});
    return result.size();
}

CAPSTAN_EXPORT("capstan_result") char const* capstan_result() {
    return result.data();
}
