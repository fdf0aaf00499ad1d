#pragma once
#include <capstan/schema/ids.hpp>
#include <capstan/sequencer/segment_reader.hpp>
#include <cstdint>

namespace capstan {

/// Where the delivered run of an accepted submission stands on the tape. The record that holds it
/// is the bytes [offset − lead, offset + bytes): the run is the end of its record.
struct TapePlace {
    SegmentNumber segment;
    Offset offset;            // of the delivered run
    std::uint32_t bytes = 0;  // of the delivered run
    std::uint16_t lead = 0;   // bytes of the record before it (`SubmissionView::delivered_at`)
    friend bool operator==(TapePlace const&, TapePlace const&) = default;
};

/// What the index knows about one accepted run.
///   1. count is 1..kRunEventsMax; first is not 0.
///   2. The runs of a stream follow one another: first = last of the run before, plus 1; positions
///      ascend, and so do segments, and offsets inside a segment.
struct RunEntry {
    StreamNumber stream;
    Seq first;
    std::uint32_t count = 0;
    TapePlace place;
    Position position;
    DeviceId device;
    Attempt attempt;
    Counter first_counter;
    Seq mark;       // merge mark after the run
    Hash128 chain;  // chain hash after the run's last event

    Seq last() const { return Seq{first.value + count - 1}; }
    Seq end() const { return first.plus(count); }
    friend bool operator==(RunEntry const&, RunEntry const&) = default;
};

/// A run's idempotency key in its stream.
struct RunKey {
    StreamNumber stream;
    DeviceId device;
    Attempt attempt;
    Counter first_counter;
};

/// How much a reader wants at once. At least one run is read, then as many as stay within both.
struct ReadLimit {
    std::size_t runs = 1'024;
    std::uint64_t bytes = 1'048'576;  // of delivered runs
};

}  // namespace capstan
