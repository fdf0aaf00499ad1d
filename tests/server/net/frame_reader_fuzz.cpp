#include <capstan/schema/error.hpp>
#include <capstan/server/net/frame_reader.hpp>
#include <cstdint>
#include <vector>

namespace {

using namespace capstan;

struct Said {
    Heard::Kind kind;
    Bytes payload;
    CloseCode code;
    friend bool operator==(Said const&, Said const&) = default;
};

/// All that is said until a violation, and that.
std::vector<Said> read_in_pieces(ByteView bytes, std::size_t piece) {
    FrameReader reader({.message_bytes_max = 4'096, .fragments_max = 8, .controls_max = 20});
    std::vector<Said> said;
    while (!bytes.empty()) {
        auto part = bytes.first(std::min(piece, bytes.size()));
        bytes = bytes.subspan(part.size());
        for (auto heard = reader.next(part, Instant{}); heard.kind != Heard::Kind::nothing;
             heard = reader.next(part, Instant{})) {
            said.push_back(
                {heard.kind, Bytes(heard.payload.begin(), heard.payload.end()), heard.code});
            if (heard.kind == Heard::Kind::violation) {
                return said;
            }
        }
        CAPSTAN_INVARIANT(part.empty());
    }
    return said;
}

}  // namespace

/// Bytes in one piece, in several and one by one say the same.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    ByteView const bytes(reinterpret_cast<std::byte const*>(data), size);
    auto const whole = read_in_pieces(bytes, size + 1);
    CAPSTAN_INVARIANT(read_in_pieces(bytes, 1) == whole);
    CAPSTAN_INVARIANT(read_in_pieces(bytes, 13) == whole);
    return 0;
}
