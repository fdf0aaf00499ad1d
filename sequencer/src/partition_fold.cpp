#include <capstan/engine/runtime/executor.hpp>

#include "partition_impl.hpp"

namespace capstan {
namespace {

constexpr Duration kRetryFullDiskAfter = std::chrono::seconds(1);
/// Submissions that are decoded while the rows of those before are fetched.
constexpr std::size_t kDecodedAhead = 16;

}  // namespace

void PartitionImpl::fold_batch(WriteBatch const& batch, Appended const& appended) {
    auto frame = appended.frames.begin();
    Durable next{.position = appended.first, .segment = frame->segment, .offset = frame->payload()};
    for (std::size_t i = 0; i < batch.submissions.size(); ++i) {
        if (next.position > frame->last) {
            ++frame;
            next.segment = frame->segment;
            next.offset = frame->payload();
        }
        if (i % kDecodedAhead == 0) {
            decode_ahead(batch, i);
        }
        next.record = batch.submissions[i];
        next.token = batch.tokens[i];
        auto verdict = fold_decoded(next, decoded_[i % kDecodedAhead]);
        if (!verdict) {
            stop(verdict.error());
            return;
        }
        if (next.token) {
            folded_.push_back({*next.token, next.position, std::move(verdict).value()});
        }
        next.offset.value += next.record.size();
        next.position = next.position.next();
    }
    folded_place_ = appended.frames.back().after();
    folded_offset_ = batch.copied.value_or(folded_offset_);
    announce();
    if (appended.closed) {
        seal(appended.closed->number);
    }
}

void PartitionImpl::decode_ahead(WriteBatch const& batch, std::size_t first) {
    decoded_.clear();
    auto const end = std::min(batch.submissions.size(), first + kDecodedAhead);
    for (auto i = first; i < end; ++i) {
        decoded_.push_back(SubmissionView::decode(batch.submissions[i]));
    }
    for (auto const& view : decoded_) {
        if (view && names_device(view.value().kind)) {
            rows_.prefetch(view.value().stream, view.value().device);
        }
    }
}

Result<Verdict> PartitionImpl::fold_one(Durable const& durable) {
    return fold_decoded(durable, SubmissionView::decode(durable.record));
}

Result<Verdict> PartitionImpl::fold_decoded(Durable const& durable,
                                            Result<SubmissionView> const& view) {
    if (!view) {
        if (view.error().code == Errc::format_unknown) {
            return view.error();
        }
        return fold_malformed(row_, durable.record);
    }
    CAPSTAN_TRY(auto verdict, fold_known(durable, view.value()));
    CAPSTAN_INVARIANT(row_.position == durable.position);
    if (state_mark_due(row_.position)) {
        rows_.settle(row_);
        note_state(row_);
    }
    return verdict;
}

Result<Verdict> PartitionImpl::fold_known(Durable const& durable, SubmissionView const& view) {
    RowCache::Stream* stream = nullptr;
    RowCache::Device* device = nullptr;
    if (names_stream(view.kind)) {
        CAPSTAN_TRY(stream, rows_.find_stream(view.stream));
    }
    if (stream != nullptr && names_device(view.kind)) {
        CAPSTAN_TRY(device, rows_.find_device(stream->row.number, view.device));
    }
    StreamRow new_stream;
    new_stream.name = view.stream;
    DeviceRow new_device;
    auto& stream_row = stream == nullptr ? new_stream : stream->row;
    auto& device_row = device == nullptr ? new_device : device->row;
    auto const mark_before = stream_row.mark;

    auto verdict = fold({row_, stream_row, device_row}, view, durable.record);
    if (verdict.outcome == Verdict::stopped && closes_journal(view)) {
        return Error{Errc::journal_foreign,
                     "the journal ends before position " + std::to_string(durable.position.value) +
                         ": it was moved away"};
    }
    if (verdict.outcome == Verdict::stopped) {
        return Error{verdict.reason.value_or(Errc::format_unknown),
                     "position " + std::to_string(durable.position.value)};
    }
    if (view.kind == SubmissionKind::beacon) {
        CAPSTAN_TRY(check_beacon(view.beacon, verdict.beacon));
    }
    if (verdict.stream_changed) {
        stream = stream == nullptr ? &rows_.add_stream(std::move(new_stream), {}) : stream;
        rows_.changed(*stream);
    }
    if (verdict.device_changed) {
        device = device == nullptr ? &rows_.add_device(*stream, view.device, new_device) : device;
        rows_.changed(*device);
    }
    if (verdict.created) {
        created_.emplace(stream->row.name, stream->row.number);
    }
    if (verdict.outcome == Verdict::accepted && verdict.count > 0) {
        note_accepted(durable, view, verdict, *stream, mark_before);
    } else if (verdict.outcome == Verdict::applied && verdict.stream_changed) {
        stream->changed = row_.position;
        index_.note_change(stream->row.number, row_.position);
    } else if (verdict.outcome == Verdict::duplicate || verdict.outcome == Verdict::settled) {
        CAPSTAN_TRY(find_first_seq(view, stream->row.number, verdict));
    }
    return verdict;
}

void PartitionImpl::note_accepted(Durable const& durable,
                                  SubmissionView const& view,
                                  Verdict const& verdict,
                                  RowCache::Stream& stream,
                                  Seq mark_before) {
    stream.changed = row_.position;
    index_.add({.stream = stream.row.number,
                .first = verdict.first,
                .count = verdict.count,
                .place = {.segment = durable.segment,
                          .offset = Offset{durable.offset.value + view.delivered_at},
                          .bytes = static_cast<std::uint32_t>(view.delivered_bytes),
                          .lead = static_cast<std::uint16_t>(view.delivered_at)},
                .position = durable.position,
                .device = view.device,
                .attempt = view.run.header().attempt,
                .first_counter = view.run.first_counter(),
                .mark = verdict.mark,
                .chain = stream.row.chain});
    if (!is_starting()) {
        moves_.add(stream,
                   {.first = verdict.first,
                    .mark_before = mark_before,
                    .mark = verdict.mark,
                    .bytes = durable.record.subspan(view.delivered_at, view.delivered_bytes)});
    }
}

Result<> PartitionImpl::find_first_seq(SubmissionView const& view,
                                       StreamNumber stream,
                                       Verdict& verdict) {
    if (view.run.is_floor() || is_starting()) {
        return success();
    }
    RunKey const key{.stream = stream,
                     .device = view.device,
                     .attempt = view.run.header().attempt,
                     .first_counter = view.run.first_counter()};
    auto const p = view.run.header().preceding_seq;
    CAPSTAN_TRY(auto const run, index_.find_run(key, p == kAtHead ? Seq{} : p));
    if (run) {
        verdict.first = run->first;
        verdict.count = run->count;
    }
    return success();
}

void PartitionImpl::announce() {
    listener_.on_folded(folded_);
    folded_.clear();
    moves_.visit([this](Move const& move) {
        auto const& row = move.stream.row;
        listener_.on_moved({.stream = row.number,
                            .name = row.name,
                            .generation = row.generation,
                            .first = move.first,
                            .last = row.head,
                            .chain = row.chain,
                            .mark_before = move.mark_before,
                            .marks = move.marks,
                            .runs = move.runs});
    });
    moves_.clear();
}

/// The footer is made on the background thread: sorting the runs of a segment takes longer than
/// many flushes.
void PartitionImpl::seal(SegmentNumber segment) {
    ++tending_;
    seams_.background.post([this, job = index_.seal(segment), segment] {
        auto made = std::make_shared<Result<SealedSegment>>(job.run());
        seams_.disk.post([this, segment, made = std::move(made)] {
            auto result =
                *made ? journal_->seal(segment, made->value().footer) : Result<>(made->error());
            seams_.strand.post([this, segment, made, result = std::move(result)] {
                on_sealed(segment, *made, result);
            });
        });
    });
}

void PartitionImpl::on_sealed(SegmentNumber segment,
                              Result<SealedSegment>& made,
                              Result<> const& result) {
    --tending_;
    if (result) {
        index_.sealed(std::move(made).value());
    } else if (result.error().code == Errc::storage_full) {
        seal_retry_ = seams_.strand.after(kRetryFullDiskAfter, [this, segment] { seal(segment); });
    } else {
        stop(result.error());
    }
    drain_if_quiet();
}

}  // namespace capstan
