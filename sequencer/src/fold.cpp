#include <algorithm>
#include <capstan/schema/hash.hpp>
#include <capstan/sequencer/fold.hpp>
#include <limits>

#include "fold_decision.hpp"

namespace capstan {
namespace {

using fold_internal::Decide;
using fold_internal::Request;

Verdict applied() {
    Verdict verdict;
    verdict.outcome = Verdict::applied;
    return verdict;
}

Verdict without_effect(Verdict::Outcome outcome, std::optional<Errc> reason) {
    Verdict verdict;
    verdict.outcome = outcome;
    verdict.reason = reason;
    return verdict;
}

void take_position(PartitionRow& partition, ByteView record) {
    partition.position = partition.position.next();
    partition.chain = submission_chain_next(partition.chain, record);
}

// --- What a run does to the rows -----------------------------------------------------------------

/// Gives a stream its number with the first trace that anything leaves in it.
void know_stream(PartitionRow& partition, StreamRow& stream, std::string_view name) {
    if (!stream.known()) {
        stream.number = partition.last_stream = StreamNumber{partition.last_stream.value + 1};
        stream.name = name;
    }
}

void create_stream(PartitionRow const& partition, StreamRow& stream) {
    stream.lifecycle = Lifecycle::open;
    stream.edition = Edition{stream.edition.value + 1};
    stream.lineage_ordinal = static_cast<std::uint32_t>(partition.lineages.size() - 1);
    stream.generation = generation_of(partition.lineage(), stream.name, stream.edition);
    stream.chain = chain_start(stream.name);
}

void append_events(StreamRow& stream, Request const& run) {
    auto const flags = static_cast<std::uint16_t>(run.header().flags & RunFlags::chained);
    Dot dot{run.view.device, run.view.run.first_counter()};
    for (std::uint32_t i = 0; i < run.view.run.count(); ++i) {
        stream.chain =
            chain_next(stream.chain, dot, run.preceding_seq, flags, run.view.run.event(i));
        dot.counter = dot.counter.next();
    }
    stream.head = stream.head.plus(run.view.run.count());
}

/// Before the mark moves: members are judged by the mark before the run.
void update_members(StreamRow& stream, DeviceRow& device, Request const& run) {
    auto const before = device.joined ? std::optional(device.preceding_seq) : std::nullopt;
    if (run.needs_window() || run.view.run.is_floor()) {
        device.joined = stream.head;
    }
    if (device.joined) {
        stream.members.put(
            {run.view.device, run.preceding_seq, *device.joined}, before, stream.mark_context());
    }
}

/// mark(n) = max(mark(n−1), min(n − G, smallest p of the members)).
void advance_mark(StreamRow& stream) {
    auto const grace = stream.policy.grace;
    Seq target{stream.head.value > grace ? stream.head.value - grace : 0};
    if (auto const smallest = stream.members.smallest(stream.mark_context())) {
        target = std::min(target, *smallest);
    }
    stream.mark = std::max(stream.mark, target);
}

/// Step 7.
void accept(FoldRows& rows, Request const& run, Verdict& verdict) {
    auto const is_floor = run.view.run.is_floor();
    verdict.count = run.view.run.count();
    if (!is_floor) {
        if (!rows.stream.exists()) {
            create_stream(rows.partition, rows.stream);
            verdict.created = true;
        }
        verdict.first = rows.stream.head.next();
        append_events(rows.stream, run);
    }
    update_members(rows.stream, rows.device, run);
    if (!is_floor) {
        advance_mark(rows.stream);
    }
    rows.device.attempt = run.header().attempt;
    rows.device.halted.reset();
    rows.device.last = run.view.run.last_link();
    rows.device.preceding_seq = run.preceding_seq;
}

/// Step 6: the only refusal that leaves a trace, so that nothing sent behind it gets through.
void halt(DeviceRow& device, Request const& run, Errc reason) {
    device.attempt = run.header().attempt;
    device.halted = reason;
}

Verdict fold_run(Decide decide, FoldRows& rows, SubmissionView const& view) {
    if (!rows.stream.known() &&
        rows.partition.last_stream.value == std::numeric_limits<std::uint32_t>::max()) {
        return without_effect(Verdict::ignored, Errc::stream_full);
    }
    catch_up(rows.partition, rows.stream);
    Request const run(view, rows.stream);
    auto const decision = decide(rows.stream, rows.device, run);
    auto verdict = without_effect(decision.outcome, decision.reason);
    if (decision.outcome == Verdict::not_your_device) {
        return verdict;
    }
    if (decision.outcome == Verdict::accepted || decision.outcome == Verdict::refused) {
        verdict.stream_changed = decision.outcome == Verdict::accepted || !rows.stream.known();
        verdict.device_changed = true;
        know_stream(rows.partition, rows.stream, view.stream);
        rows.device.owner = run.owner;
        decision.reason ? halt(rows.device, run, *decision.reason) : accept(rows, run, verdict);
    }
    verdict.last = rows.device.last;
    verdict.attempt = rows.device.attempt;
    verdict.preceding_seq = rows.device.preceding_seq;
    return verdict;
}

// --- All other kinds -----------------------------------------------------------------------------

Verdict fold_create(FoldRows& rows, SubmissionView const& view) {
    if (rows.stream.exists()) {
        return without_effect(Verdict::refused, Errc::stream_exists);
    }
    if (!rows.stream.known() &&
        rows.partition.last_stream.value == std::numeric_limits<std::uint32_t>::max()) {
        return without_effect(Verdict::ignored, Errc::stream_full);
    }
    know_stream(rows.partition, rows.stream, view.stream);
    create_stream(rows.partition, rows.stream);
    auto verdict = applied();
    verdict.created = verdict.stream_changed = true;
    return verdict;
}

Verdict fold_seal(StreamRow& stream) {
    if (!stream.exists()) {
        return without_effect(Verdict::refused, Errc::not_found);
    }
    auto verdict = applied();
    verdict.stream_changed = stream.lifecycle != Lifecycle::sealed;
    stream.lifecycle = Lifecycle::sealed;
    return verdict;
}

Verdict fold_policy(StreamRow& stream, FoldPolicy const& policy) {
    if (!stream.exists()) {
        return without_effect(Verdict::refused, Errc::not_found);
    }
    auto verdict = applied();
    verdict.stream_changed = stream.policy != policy;
    stream.members.prune(stream.mark_context());
    stream.policy = policy;
    return verdict;
}

/// The first one wins: several nodes may start a partition at the same time.
Verdict fold_genesis(PartitionRow& partition, SubmissionView const& view) {
    if (view.lineage == Lineage{}) {
        return without_effect(Verdict::ignored, Errc::malformed);
    }
    if (partition.has_genesis()) {
        auto const same =
            partition.lineages.front() == view.lineage && partition.number == view.partition;
        return without_effect(Verdict::ignored,
                              same ? std::nullopt : std::optional(Errc::journal_foreign));
    }
    partition.number = view.partition;
    partition.lineages.push_back(view.lineage);
    return applied();
}

/// A lineage is used once: going back to an earlier one would bring an ended generation back.
Verdict fold_restore(PartitionRow& partition, SubmissionView const& view) {
    if (view.lineage == Lineage{}) {
        return without_effect(Verdict::ignored, Errc::malformed);
    }
    auto const& lineages = partition.lineages;
    if (partition.number == view.partition && partition.lineage() == view.lineage) {
        return without_effect(Verdict::ignored, std::nullopt);
    }
    if (partition.number != view.partition ||
        std::find(lineages.begin(), lineages.end(), view.lineage) != lineages.end()) {
        return without_effect(Verdict::ignored, Errc::journal_foreign);
    }
    partition.lineages.push_back(view.lineage);
    return applied();
}

Verdict fold_version(PartitionRow& partition, std::uint32_t version) {
    if (version < partition.fold_version) {
        return without_effect(Verdict::ignored, Errc::request_invalid);
    }
    partition.fold_version = version;
    return applied();
}

Verdict fold_beacon(PartitionRow const& partition, Beacon const& beacon) {
    auto verdict = applied();
    auto const mark = std::find_if(partition.marks.begin(),
                                   partition.marks.end(),
                                   [&](auto const& m) { return m.position == beacon.position; });
    if (mark != partition.marks.end()) {
        auto const same = mark->submission_chain == beacon.submission_chain &&
                          mark->state_hash == beacon.state_hash;
        verdict.beacon = same ? BeaconCheck::agrees : BeaconCheck::disagrees;
    }
    return verdict;
}

/// Kinds of later versions, and rules of later versions.
bool stops(PartitionRow const& partition, SubmissionView const& view) {
    switch (view.kind) {
        case SubmissionKind::append:
        case SubmissionKind::floor:
        case SubmissionKind::create:
        case SubmissionKind::seal:
        case SubmissionKind::heartbeat:
        case SubmissionKind::fold_policy:
        case SubmissionKind::genesis:
        case SubmissionKind::restore:
        case SubmissionKind::beacon:
            return partition.fold_version > kFoldVersion;
        case SubmissionKind::fold_version:
            return std::max(partition.fold_version, view.fold_version) > kFoldVersion;
        default:
            return true;
    }
}

Verdict fold_kind(Decide decide, FoldRows& rows, SubmissionView const& view) {
    switch (view.kind) {
        case SubmissionKind::append:
        case SubmissionKind::floor:
            return fold_run(decide, rows, view);
        case SubmissionKind::create:
            return fold_create(rows, view);
        case SubmissionKind::seal:
            return fold_seal(rows.stream);
        case SubmissionKind::fold_policy:
            return fold_policy(rows.stream, view.policy);
        case SubmissionKind::genesis:
            return fold_genesis(rows.partition, view);
        case SubmissionKind::restore:
            return fold_restore(rows.partition, view);
        case SubmissionKind::beacon:
            return fold_beacon(rows.partition, view.beacon);
        case SubmissionKind::fold_version:
            return fold_version(rows.partition, view.fold_version);
        default:
            return applied();
    }
}

}  // namespace

namespace fold_internal {

Verdict fold_with(Decide decide, FoldRows rows, SubmissionView const& view, ByteView record) {
    if (stops(rows.partition, view)) {
        return without_effect(Verdict::stopped, Errc::format_unknown);
    }
    take_position(rows.partition, record);
    if (!rows.partition.has_genesis() && view.kind != SubmissionKind::genesis) {
        return without_effect(Verdict::ignored, Errc::not_ready);
    }
    auto const mark_before = rows.stream.mark;
    auto verdict = fold_kind(decide, rows, view);
    verdict.mark_before = mark_before;
    verdict.head = rows.stream.head;
    verdict.mark = rows.stream.mark;
    return verdict;
}

}  // namespace fold_internal

Verdict fold(FoldRows rows, SubmissionView const& view, ByteView record) {
    return fold_internal::fold_with(
        &fold_internal::decide<fold_internal::AllRules>, rows, view, record);
}

Verdict fold_malformed(PartitionRow& partition, ByteView record) {
    take_position(partition, record);
    return without_effect(Verdict::ignored, Errc::malformed);
}

bool names_device(SubmissionKind kind) {
    return kind == SubmissionKind::append || kind == SubmissionKind::floor;
}

bool names_stream(SubmissionKind kind) {
    return names_device(kind) || kind == SubmissionKind::create || kind == SubmissionKind::seal ||
           kind == SubmissionKind::fold_policy;
}

}  // namespace capstan
