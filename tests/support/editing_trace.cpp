#include "support/editing_trace.hpp"

#include <cstdlib>
#include <stdexcept>

namespace capstan::test {

Trace load_trace(std::string const& path) {
    auto const* const data = std::getenv("CAPSTAN_DATA");
    if (data == nullptr) {
        throw std::runtime_error("CAPSTAN_DATA is not set");
    }
    auto trace =
        importers::load_editing_trace(std::string(data) + "/editing-traces/" + path + ".json.gz");
    if (!trace) {
        throw std::runtime_error(to_string(trace.error()));
    }
    return std::move(trace).value();
}

}  // namespace capstan::test
