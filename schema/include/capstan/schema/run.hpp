#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/schema/limits.hpp>
#include <cstddef>
#include <cstdint>
#include <span>

namespace capstan {

/// Bits of a run's flags field. Bits that version 1 does not name must be 0.
namespace RunFlags {
inline constexpr std::uint16_t needs_window =
    1;  // text, lists and the like: refused below the merge mark
inline constexpr std::uint16_t known = needs_window;
inline constexpr std::uint16_t chained =
    needs_window;  // those that models read, hence part of the chain hash
}  // namespace RunFlags

/// What a device says about its events, once for all of them.
struct RunHeader {
    Attempt attempt;
    Link after;         // the device's event before the first one here; (0, 0) for none
    Seq preceding_seq;  // how much of the stream the author had applied; `kAtHead` for keyless
                        // appends
    std::uint16_t flags = 0;
    friend bool operator==(RunHeader const&, RunHeader const&) = default;
};

/// A device's frozen run: encoded once, sent, stored and delivered as the very same bytes. A run of
/// no events is a floor record. A view: it lives as long as the bytes that it was decoded from.
///
///   run   := u64 attempt, u64 after.counter, u64 after.attempt, u64 preceding_seq, u16 flags, u16
///   count,
///            u32 end[count − 1], event bytes        all little-endian
///   end   := where an event ends, counted from the first event's first byte; the last one ends
///   with the run
///
/// Valid: count ≤ kRunEventsMax, ends ascend strictly (no event is empty), each event ≤
/// kEventBytesMax, known flags only, after is (0, 0) or has neither part 0, attempt is not 0.
/// Source: docs/on-disk-format.md, "Run".
class RunView {
  public:
    static constexpr std::size_t kHeaderBytes = 36;
    /// Errors: `malformed`, `too_large`.
    static Result<RunView> decode(ByteView bytes);

    RunHeader const& header() const { return header_; }
    std::uint32_t count() const { return count_; }
    bool is_floor() const { return count_ == 0; }
    Counter first_counter() const { return header_.after.counter.next(); }
    Counter last_counter() const { return header_.after.counter.plus(count_); }
    /// What a run that follows this one names as `after`.
    Link last_link() const {
        return count_ == 0 ? header_.after : Link{last_counter(), header_.attempt};
    }
    ByteView event(std::uint32_t index) const;  // index < count()
    ByteView bytes() const { return bytes_; }
    std::size_t event_bytes() const { return bytes_.size() - events_at_; }

  private:
    std::uint32_t end_of(std::uint32_t index) const;

    RunHeader header_;
    std::uint32_t count_ = 0;
    std::size_t events_at_ = 0;
    ByteView bytes_;
};

/// Encodes one run. Precondition: the rules above; checked by decoding in debug of callers' tests,
/// not here.
Bytes encode_run(RunHeader const& header, std::span<ByteView const> events);

/// An accepted run as readers get it: its author, the gateway's time and the frozen bytes. It
/// stands in the journal in this form, so that reading back is copying.
///
///   delivered := u32 run length, 16 B device, i64 gateway time in µs, run
class DeliveredRunView {
  public:
    static constexpr std::size_t kPrefixBytes = 28;
    /// Takes one run from the front of `reader`. Errors: as `RunView::decode`.
    static Result<DeliveredRunView> take(ByteReader& reader);

    DeviceId const& device() const { return device_; }
    WallTime gateway_time() const { return gateway_time_; }
    RunView const& run() const { return run_; }
    ByteView bytes() const { return bytes_; }

  private:
    DeviceId device_;
    WallTime gateway_time_;
    RunView run_;
    ByteView bytes_;
};

void encode_delivered_run(Bytes& out, DeviceId const& device, WallTime gateway_time, ByteView run);

}  // namespace capstan
