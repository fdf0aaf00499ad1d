#pragma once
#include <algorithm>
#include <capstan/schema/hash.hpp>
#include <capstan/sequencer/fold.hpp>
#include <optional>

/// The seven steps that decide a run. They only read; what a decision does to the rows is
/// fold.cpp's.
namespace capstan::fold_internal {

/// Counters end where seqs end, for the same reason.
inline constexpr Counter kCounterMax{kSeqMax.value};

/// The rules in force. The product has all of them. Tests leave one out to show that histories
/// break without it.
struct AllRules {
    static constexpr bool older_attempts_are_settled = true;
    static constexpr bool halted_attempts_stay_halted = true;
    static constexpr bool after_names_the_attempt = true;
};

struct Decision {
    Verdict::Outcome outcome = Verdict::accepted;
    std::optional<Errc> reason;
};

/// A run as the steps see it.
struct Request {
    SubmissionView const& view;
    Hash128 owner;
    Seq preceding_seq;  // kAtHead is resolved

    Request(SubmissionView const& submission, StreamRow const& stream)
        : view(submission),
          owner(hash128(as_bytes(submission.principal))),
          preceding_seq(header().preceding_seq) {
        if (at_head()) {
            preceding_seq = stream.head;
        }
    }
    RunHeader const& header() const { return view.run.header(); }
    bool at_head() const { return header().preceding_seq == kAtHead; }
    bool needs_window() const { return (header().flags & RunFlags::needs_window) != 0; }
};

/// Written without a sum: counters come from outside.
inline bool counters_reach_at_most(RunView const& run, Counter limit) {
    auto const after = run.header().after.counter;
    return after <= limit && run.count() <= limit.value - after.value;
}

/// The run names a history that holds its p: the current one, an earlier one, or none yet.
inline bool generation_fits(StreamRow const& stream, Generation generation, Seq preceding_seq) {
    if (generation == Generation{}) {
        return preceding_seq == Seq{} && stream.edition <= Edition{1};
    }
    if (generation == stream.generation) {
        return true;
    }
    auto const ended = std::find_if(stream.ended.rbegin(), stream.ended.rend(), [&](auto const& e) {
        return e.generation == generation;
    });
    return ended != stream.ended.rend() && preceding_seq <= ended->last;
}

/// A keyless append: no device has read anything, so there is no history to name and no window to
/// look through.
inline std::optional<Errc> refusal_at_head(Request const& run) {
    auto const fits =
        run.view.generation == Generation{} && !run.needs_window() && !run.view.run.is_floor();
    return fits ? std::nullopt : std::optional(Errc::preceding_seq_invalid);
}

inline std::optional<Errc> refusal_of_p(StreamRow const& stream,
                                        DeviceRow const& device,
                                        Request const& run) {
    if (run.at_head()) {
        return refusal_at_head(run);
    }
    if (!generation_fits(stream, run.view.generation, run.preceding_seq)) {
        return Errc::generation_changed;
    }
    if (run.preceding_seq > stream.head || run.preceding_seq < device.preceding_seq) {
        return Errc::preceding_seq_invalid;
    }
    return std::nullopt;
}

/// Step 6.
inline std::optional<Errc> refusal(StreamRow const& stream,
                                   DeviceRow const& device,
                                   Request const& run) {
    if (auto const reason = refusal_of_p(stream, device, run)) {
        return reason;
    }
    if (stream.lifecycle == Lifecycle::sealed) {
        return Errc::stream_sealed;
    }
    if (run.view.run.count() > kSeqMax.value - stream.head.value ||
        !counters_reach_at_most(run.view.run, kCounterMax)) {
        return Errc::stream_full;
    }
    if (run.needs_window() && run.preceding_seq < stream.mark) {
        return Errc::rebase_needed;
    }
    if (run.view.expect_head && *run.view.expect_head != stream.head) {
        return Errc::position_conflict;
    }
    return std::nullopt;
}

/// Step 4, second half: a floor record that came before, or says nothing new.
inline bool floor_repeats(DeviceRow const& device, Request const& run) {
    auto const& after = run.header().after;
    return run.view.run.is_floor() &&
           (after.counter < device.last.counter ||
            (after == device.last && run.preceding_seq <= device.preceding_seq));
}

/// Steps 2 to 4: what was decided before. Nothing if this run was not.
template <class Rules>
std::optional<Decision> decided_before(DeviceRow const& device, Request const& run) {
    auto const attempt = run.header().attempt;
    if (Rules::older_attempts_are_settled && attempt < device.attempt) {
        return Decision{Verdict::settled, Errc::settled};
    }
    if (attempt != device.attempt) {
        return std::nullopt;
    }
    if (!run.view.run.is_floor() && counters_reach_at_most(run.view.run, device.last.counter)) {
        return Decision{Verdict::duplicate, std::nullopt};
    }
    if (Rules::halted_attempts_stay_halted && device.halted) {
        return Decision{Verdict::halted, device.halted};
    }
    if (floor_repeats(device, run)) {
        return Decision{Verdict::duplicate, std::nullopt};
    }
    return std::nullopt;
}

/// Step 5: the run follows another event than the device's last.
template <class Rules>
std::optional<Decision> out_of_place(DeviceRow const& device, Request const& run) {
    auto const& after = run.header().after;
    if (Rules::after_names_the_attempt ? after == device.last
                                       : after.counter == device.last.counter) {
        return std::nullopt;
    }
    return after.counter > device.last.counter
               ? Decision{Verdict::counter_gap, Errc::counter_gap}
               : Decision{Verdict::behind_itself, Errc::behind_itself};
}

template <class Rules>
Decision decide(StreamRow const& stream, DeviceRow const& device, Request const& run) {
    if (device.known() && device.owner != run.owner) {
        return {Verdict::not_your_device, Errc::not_your_device};
    }
    if (auto const decision = decided_before<Rules>(device, run)) {
        return *decision;
    }
    if (auto const decision = out_of_place<Rules>(device, run)) {
        return *decision;
    }
    if (auto const reason = refusal(stream, device, run)) {
        return {Verdict::refused, reason};
    }
    return {};
}

using Decide = Decision (*)(StreamRow const&, DeviceRow const&, Request const&);

/// `fold` with another decision.
Verdict fold_with(Decide decide, FoldRows rows, SubmissionView const& view, ByteView record);

}  // namespace capstan::fold_internal
