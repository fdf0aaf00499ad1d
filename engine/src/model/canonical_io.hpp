#pragma once
#include <capstan/engine/model/object.hpp>
#include <capstan/schema/bytes.hpp>
#include <cstdint>
#include <limits>
#include <string_view>

namespace capstan {

/// Appends what canonical bytes of models are made of.
class CanonicalWriter {
  public:
    explicit CanonicalWriter(Bytes& out) : out_(out) {}

    void byte(std::uint8_t value) { out_.push_back(std::byte{value}); }
    /// LEB128, as short as can be.
    void number(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7) {
            byte(static_cast<std::uint8_t>(value | 0x80));
        }
        byte(static_cast<std::uint8_t>(value));
    }
    /// 0, −1, 1, −2, … as 0, 1, 2, 3, …
    void signed_number(std::int64_t value) {
        auto const bits = static_cast<std::uint64_t>(value);
        number(bits << 1 ^ (value < 0 ? ~std::uint64_t{0} : 0));
    }
    void text(std::string_view text) { sized(as_bytes(text)); }
    void sized(ByteView bytes) {
        number(bytes.size());
        out_.insert(out_.end(), bytes.begin(), bytes.end());
    }
    void raw(ByteView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
    Bytes& out() { return out_; }

  private:
    Bytes& out_;
};

/// Takes the same from untrusted bytes. What is in another form than the writer's, or out of range,
/// makes `ok()` false for ever and reads as zero, so a decoder may ask late.
class CanonicalReader {
  public:
    explicit CanonicalReader(ByteView bytes) : rest_(bytes) {}

    std::uint8_t byte() {
        auto const one = take(1);
        return one.empty() ? std::uint8_t{0} : std::to_integer<std::uint8_t>(one[0]);
    }
    std::uint64_t number() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            auto const part = byte();
            value |= std::uint64_t{part & 0x7FU} << shift;
            if (part < 0x80) {
                bool const longer = part == 0 && shift > 0;
                bool const cut = shift == 63 && part > 1;
                return longer || cut ? fail() : value;
            }
        }
        return fail();
    }
    std::uint64_t number(std::uint64_t least, std::uint64_t most) {
        auto const value = number();
        return value < least || value > most ? fail() : value;
    }
    std::int64_t signed_number() {
        auto const bits = number();
        return static_cast<std::int64_t>(bits >> 1 ^ ((bits & 1) != 0 ? ~std::uint64_t{0} : 0));
    }
    /// How many of something follow that takes at least `bytes_least` bytes each.
    std::size_t count(std::size_t bytes_least, std::size_t least = 0) {
        return static_cast<std::size_t>(number(least, rest_.size() / bytes_least));
    }
    ByteView sized(std::size_t bytes_max = std::numeric_limits<std::size_t>::max()) {
        return take(static_cast<std::size_t>(number(0, bytes_max)));
    }
    std::string_view text(std::size_t bytes_max) {
        auto const read = as_text(sized(bytes_max));
        require(is_utf8(read));
        return read;
    }
    ByteView take(std::size_t bytes) {
        if (!ok_ || bytes > rest_.size()) {
            fail();
            return {};
        }
        auto const taken = rest_.first(bytes);
        rest_ = rest_.subspan(bytes);
        return taken;
    }
    void require(bool condition) { ok_ = ok_ && condition; }
    std::uint64_t fail() {
        ok_ = false;
        rest_ = {};
        return 0;
    }
    ByteView rest() const { return rest_; }
    bool ok() const { return ok_; }
    bool done() const { return ok_ && rest_.empty(); }

  private:
    ByteView rest_;
    bool ok_ = true;
};

/// The parts of an `ElementId`: the seq above, the place in its event below.
inline constexpr unsigned kElementPlaceBits = 12;
inline constexpr std::uint64_t kElementPlaceMax = (std::uint64_t{1} << kElementPlaceBits) - 1;
inline constexpr std::uint64_t kElementSeqMax = (std::uint64_t{1} << (63 - kElementPlaceBits)) - 1;

/// What the state byte of an object says.
enum class StateByte : std::uint8_t {
    live,
    contested,
    dead_delete_wins,  // tombstones, in window sections alone
    dead_update_wins,
    dead_surfaced,
};

}  // namespace capstan
