#include <unistd.h>

#include <capstan/engine/os/out_of_memory.hpp>
#include <cstdlib>
#include <new>
#include <string_view>

namespace capstan {
namespace {

[[noreturn]] void stop() {
    constexpr std::string_view kLine =
        "error out of memory; what was acknowledged is on disk, and a restart recovers it\n";
    [[maybe_unused]] auto const written = ::write(STDERR_FILENO, kLine.data(), kLine.size());
    std::_Exit(EXIT_FAILURE);
}

}  // namespace

void stop_when_memory_runs_out() {
    std::set_new_handler(stop);
}

}  // namespace capstan
