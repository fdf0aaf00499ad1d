#include <capstan/schema/error.hpp>
#include <capstan/server/net/head_guard.hpp>
#include <cstdint>

/// What is let in has an end, and only CRLF lines without controls.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace capstan;
    std::string_view const bytes(reinterpret_cast<char const*>(data), size);
    auto const end = find_head_end(bytes);
    auto const head = bytes.substr(0, end.value_or(bytes.size()));
    if (check_request_head(head)) {
        return 0;
    }
    CAPSTAN_INVARIANT(end.has_value() && head.size() <= kHttpHeadBytesMax);
    for (std::size_t i = 0; i < head.size(); ++i) {
        auto const byte = static_cast<unsigned char>(head[i]);
        bool const line_end =
            byte == '\r' ? head[i + 1] == '\n' : byte == '\n' && head[i - 1] == '\r';
        CAPSTAN_INVARIANT(line_end || byte == '\t' || (byte >= 0x20 && byte != 0x7f));
    }
    return 0;
}
