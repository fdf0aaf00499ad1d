#pragma once
#include <capstan/schema/event.hpp>
#include <span>
#include <string_view>
#include <vector>

namespace capstan {

/// One operation where it stands in its event's bytes. Fields as in `Op`; those of the value that
/// its kind does not use are empty.
struct OpView {
    OpKind kind = OpKind::set;
    std::uint8_t value_kind = 0;  // of `fb::ValueKind`
    std::string_view object;      // never empty
    std::string_view field;
    std::string_view type;
    std::string_view key;
    std::string_view content;  // text, bytes, the referenced object, or a blob's media type
    std::int64_t number = 0;
    double real = 0;
    std::uint64_t at = 0;
    std::uint64_t count = 0;
    std::uint64_t to = 0;
    std::byte const* sha256 = nullptr;  // 32 bytes
};

/// Reads events without copying what they say: for who applies many and keeps little. It accepts
/// and refuses exactly what `decode_event` does, with the same errors' codes.
/// Lifetime: what `read` gives lasts until the next `read`.
class EventReader {
  public:
    Result<std::span<OpView const>> read(ByteView bytes);
    /// Of the event read last.
    std::optional<Seq> authored_p() const { return authored_p_; }

  private:
    std::vector<std::uint64_t> aligned_;
    std::vector<OpView> ops_;  // those of the longest event so far
    std::optional<Seq> authored_p_;
};

}  // namespace capstan
