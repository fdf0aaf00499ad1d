#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/schema/submission.hpp>
#include <capstan/sequencer/fold_rows.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// The fold: submission by submission, in journal order, to state and verdicts. Pure and total: no
/// clock, no random, no I/O, no floats, no hash order; each submission gets one verdict as a whole.
/// Same journal, same decisions, for ever. Threading: none of its own; rows belong to the caller.
/// Source: docs/ARCHITECTURE.md, "Decisions".
namespace capstan {

/// The rows that one submission is decided on. `stream` and `device` are those that the submission
/// names, or default rows where they have never been seen, or where it names none.
struct FoldRows {
    PartitionRow& partition;
    StreamRow& stream;
    DeviceRow& device;
};

enum class BeaconCheck : std::uint8_t {
    unknown,  // nothing was noted at the beacon's position
    agrees,
    disagrees,  // fold again from the checkpoint; if it still disagrees, raise the alarm
};

/// What the fold decided.
struct Verdict {
    enum Outcome : std::uint8_t {
        // Of a run: append and floor. All but `counter_gap` are final.
        accepted,
        duplicate,    // accepted before, or a floor record that says nothing new
        settled,      // its attempt is over: it went through iff the chain back from `last` has it
        halted,       // an earlier run of its attempt was refused
        counter_gap,  // runs before it have not arrived
        behind_itself,  // the device has events that the run's author did not know of
        refused,        // `reason` says why; create, seal and fold_policy leave no trace then
        not_your_device,
        // Of all other kinds.
        applied,
        ignored,  // took a position and nothing else; without a reason: a repetition
        stopped,  // took nothing: this build must not fold any further
    };

    Outcome outcome = ignored;
    std::optional<Errc> reason;  // none for accepted, duplicate, applied; halted: the refusal's
    // Of a run, unless `not_your_device`: the device's state after it.
    Link last;
    Attempt attempt;
    Seq preceding_seq;  // accepted: the run's, with `kAtHead` resolved
    // Accepted. The seqs of a duplicate are on the tape; see the index.
    Seq first;                // of its events; 0 for a floor record
    std::uint32_t count = 0;  // of its events
    // The stream, after it.
    Seq head;
    Seq mark;              // mark(head): goes with each run to readers
    Seq mark_before;       // mark before its first event: what it was checked against
    bool created = false;  // the stream exists from here on
    // Rows to store. The partition's row always changed, unless `stopped`.
    bool stream_changed = false;
    bool device_changed = false;
    BeaconCheck beacon = BeaconCheck::unknown;
};

/// Folds one submission. `record` is the whole record that `view` was decoded from.
Verdict fold(FoldRows rows, SubmissionView const& view, ByteView record);

/// Folds a record that `SubmissionView::decode` refused, with whatever error but `format_unknown`:
/// it takes a position and nothing else. At `format_unknown` the caller stops: such a record must
/// not be folded by this build.
Verdict fold_malformed(PartitionRow& partition, ByteView record);

/// True for the kinds that a stream row is needed for, and for those that need a device row too.
bool names_stream(SubmissionKind kind);
bool names_device(SubmissionKind kind);

std::string_view to_string(Verdict::Outcome outcome);
/// The values behind a verdict: `expected after=2@1, got 8@1`. Empty where there is nothing to say.
std::string detail(Verdict const& verdict, SubmissionView const& view);

}  // namespace capstan
