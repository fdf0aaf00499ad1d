#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace capstan::cli {

/// The events of one load: text bodies of one size that say which load made them and which of its
/// events they are. Whoever reads them back can tell a lost, doubled, moved or damaged one.
///
///   text := 16 hex digits of the load, 16 of the event's number, filler that follows from both
class BenchEvents {
  public:
    /// Events of at most `event_bytes` encoded; sizes come in steps of 4.
    /// Errors: `request_invalid` if none is so small.
    static Result<BenchEvents> make(std::uint64_t load, std::size_t event_bytes);

    Bytes event(std::uint64_t number) const;
    /// The event's number; nothing for another load's. Errors: `malformed` if it is this load's and
    /// not as it was made.
    Result<std::optional<std::uint64_t>> number_of(ByteView event) const;

    /// Encoded, of each.
    std::size_t event_bytes() const { return pattern_.size(); }

  private:
    BenchEvents(std::uint64_t load, Bytes pattern, std::size_t text_at, std::size_t text_bytes);
    void fill(std::byte* text, std::uint64_t number) const;

    std::uint64_t load_;
    Bytes pattern_;  // an event whose text is to be filled in
    std::size_t text_at_;
    std::size_t text_bytes_;
};

}  // namespace capstan::cli
