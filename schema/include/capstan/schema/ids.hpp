#pragma once
#include <array>
#include <capstan/schema/error.hpp>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace capstan {

/// Place of an event in its stream: 1, 2, 3, … without gaps. 0 reads "before the first event".
/// Only the fold assigns it. At most `kSeqMax`, so that JSON and JavaScript hold it exactly.
struct Seq {
    std::uint64_t value = 0;
    constexpr Seq next() const { return Seq{value + 1}; }
    constexpr Seq plus(std::uint64_t events) const { return Seq{value + events}; }
    friend auto operator<=>(Seq, Seq) = default;
};
inline constexpr Seq kSeqMax{(std::uint64_t{1} << 53) - 1};

/// As a run's preceding seq: "whatever is the head when the fold decides". Keyless appends use it.
inline constexpr Seq kAtHead{~std::uint64_t{0}};

/// A device's 1, 2, 3, … in one stream. 0 reads "none yet".
struct Counter {
    std::uint64_t value = 0;
    constexpr Counter next() const { return Counter{value + 1}; }
    constexpr Counter plus(std::uint64_t events) const { return Counter{value + events}; }
    friend auto operator<=>(Counter, Counter) = default;
};

/// A device's runs up to the first refusal or the next opening of its store; it only grows.
/// The ordinal is on the device's disk before the attempt's first run is sent.
struct Attempt {
    std::uint64_t value = 0;
    static constexpr Attempt of(std::uint32_t ordinal, std::uint32_t random) {
        return Attempt{std::uint64_t{ordinal} << 32 | random};
    }
    constexpr std::uint32_t ordinal() const { return static_cast<std::uint32_t>(value >> 32); }
    friend auto operator<=>(Attempt, Attempt) = default;
};

/// Names one accepted event of a device: its counter, and the attempt it was accepted under.
/// (0, 0) reads "none". As `after` it is what a run follows; as `last` the device's newest accepted
/// event.
struct Link {
    Counter counter;
    Attempt attempt;
    friend auto operator<=>(Link const&, Link const&) = default;
};

/// Ordinal of a submission in its partition: 1, 2, 3, … counted by the fold. 0 reads "before the
/// first".
struct Position {
    std::uint64_t value = 0;
    constexpr Position next() const { return Position{value + 1}; }
    constexpr Position plus(std::uint64_t submissions) const {
        return Position{value + submissions};
    }
    friend auto operator<=>(Position, Position) = default;
};

/// Byte position inside one segment file; never a count of events.
struct Offset {
    std::uint64_t value = 0;
    friend auto operator<=>(Offset, Offset) = default;
};

/// A file of a journal: 1, 2, 3, … 0 reads "none".
struct SegmentNumber {
    std::uint64_t value = 0;
    constexpr SegmentNumber next() const { return SegmentNumber{value + 1}; }
    constexpr SegmentNumber before() const { return SegmentNumber{value - 1}; }
    friend auto operator<=>(SegmentNumber, SegmentNumber) = default;
};

/// A stream in creation order of its partition: 1, 2, 3, … Sessions use it as handle; clients never
/// store it.
struct StreamNumber {
    std::uint32_t value = 0;
    friend auto operator<=>(StreamNumber, StreamNumber) = default;
};

/// Random, written in the genesis record and in each restore record of a partition.
struct Lineage {
    std::uint64_t value = 0;
    friend auto operator<=>(Lineage, Lineage) = default;
};

/// Counts creations and rewrites of a stream, from 1.
struct Edition {
    std::uint32_t value = 0;
    friend auto operator<=>(Edition, Edition) = default;
};

/// One uninterrupted history of a stream: hash(lineage, name, edition). 0 reads "not known yet".
struct Generation {
    std::uint64_t value = 0;
    friend auto operator<=>(Generation, Generation) = default;
};

/// 128 bits of XXH3. Finds accidents, not adversaries.
struct Hash128 {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    friend auto operator<=>(Hash128 const&, Hash128 const&) = default;
};

/// "I hold 1..seq of this history", with the chain hash at seq.
struct Cursor {
    Generation generation;
    Seq seq;
    Hash128 chain;
    friend auto operator<=>(Cursor const&, Cursor const&) = default;
};

/// Who made an event: 16 random bytes, chosen by the device. All zero reads "none".
struct DeviceId {
    std::array<std::byte, 16> bytes{};
    friend auto operator<=>(DeviceId const&, DeviceId const&) = default;
};

/// SHA-256 of a chunk of a snapshot before compression, or of a manifest. It is looked for in one
/// stream alone, so knowing it opens nothing.
struct ChunkId {
    std::array<std::byte, 32> bytes{};
    friend auto operator<=>(ChunkId const&, ChunkId const&) = default;
};

/// The pair that names an accepted event of a stream for ever.
struct Dot {
    DeviceId device;
    Counter counter;
    friend auto operator<=>(Dot const&, Dot const&) = default;
};

/// Microseconds since 1970-01-01T00:00:00Z by the gateway's clock. For people, never for order.
struct WallTime {
    std::int64_t micros = 0;
    friend auto operator<=>(WallTime, WallTime) = default;
};

/// A validated stream name, `tenant/path…`: 1 to 255 bytes of `A-Z a-z 0-9 . _ ~ : @ + = { } -` in
/// parts joined by `/`; no part is empty, `.` or `..`. Errors of `parse`: `stream_name_invalid`.
class StreamName {
  public:
    static Result<StreamName> parse(std::string_view text);
    std::string const& str() const { return text_; }
    std::string_view tenant() const;
    friend auto operator<=>(StreamName const&, StreamName const&) = default;

  private:
    explicit StreamName(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

/// True for a text that `StreamName::parse` accepts. Decoders use it on views.
bool is_stream_name(std::string_view text);

/// A pattern over stream names: `*` stands for one part, a last `>` for the rest.
/// Errors of `parse`: `pattern_invalid`.
class StreamPattern {
  public:
    static Result<StreamPattern> parse(std::string_view text);
    bool matches(std::string_view name) const;
    std::string const& str() const { return text_; }

  private:
    explicit StreamPattern(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

/// 32 lower-case hex digits. Errors of `parse_device`: `device_invalid`.
std::string to_string(DeviceId const& device);
Result<DeviceId> parse_device(std::string_view hex);

/// 64 lower-case hex digits; parsing anything else gives nothing.
std::string to_string(ChunkId const& id);
std::optional<ChunkId> parse_chunk_id(std::string_view hex);

/// 16 lower-case hex digits.
std::string to_string(Generation generation);
/// `counter@attempt`, both decimal: the form of scripts, logs and the `Capstan-Run` header.
std::string to_string(Link const& link);
std::string to_string(Hash128 const& hash);

struct DeviceIdHash {
    std::size_t operator()(DeviceId const& device) const;
};

}  // namespace capstan
