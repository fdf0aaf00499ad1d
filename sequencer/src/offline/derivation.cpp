#include <capstan/sequencer/derivation.hpp>
#include <capstan/sequencer/fold.hpp>
#include <capstan/sequencer/index.hpp>
#include <utility>

#include "../row_cache.hpp"

namespace capstan {
namespace {

template <class Row>
Bytes encoded(Row const& row) {
    Bytes bytes;
    encode(bytes, row);
    return bytes;
}

/// The index adds and seals here; it reads nothing back.
class NothingToRead final : public SegmentReader {
  public:
    Result<> read(SegmentNumber, Offset, std::span<std::byte>) const override { return refuse(); }
    Result<FooterPlace> footer(SegmentNumber) const override { return refuse(); }

  private:
    static Error refuse() { return {Errc::internal, "a derivation reads no segment back"}; }
};

}  // namespace

struct Derivation::Parts {
    Parts(CheckpointStore& into, OnFooter take_footer, DerivationOptions const& how)
        : store(into), on_footer(std::move(take_footer)), options(how), rows(into) {}

    Result<> fold_one(StoredSubmission const& stored);
    Result<> fold_known(StoredSubmission const& stored, SubmissionView const& view);
    void note_accepted(StoredSubmission const& stored,
                       SubmissionView const& view,
                       Verdict const& verdict,
                       RowCache::Stream& stream);
    Result<> end_segments(SegmentNumber open);
    Result<> commit();

    CheckpointStore& store;
    OnFooter on_footer;
    DerivationOptions options;
    NothingToRead nothing;
    RowCache rows;
    Index index{store, nothing};
    PartitionRow row;
    JournalPlace place;
    Position committed;
    std::uint64_t bytes_since_commit = 0;
    std::uint64_t commits = 0;
    std::uint64_t events = 0;
    std::uint64_t malformed = 0;
};

Derivation::Derivation(CheckpointStore& store, OnFooter on_footer, DerivationOptions options)
    : parts_(std::make_unique<Parts>(store, std::move(on_footer), options)) {}
Derivation::~Derivation() = default;

Result<> Derivation::add(StoredSubmission const& submission) {
    auto& parts = *parts_;
    if (submission.position != parts.row.position.next()) {
        return Error{Errc::trimmed,
                     "position " + std::to_string(submission.position.value) +
                         " is the first that is there; derived state needs all from 1 on"};
    }
    if (submission.segment > parts.place.segment) {
        CAPSTAN_TRY(parts.end_segments(submission.segment));
    }
    CAPSTAN_TRY(parts.fold_one(submission));
    parts.place = submission.after();
    parts.bytes_since_commit += submission.bytes.size();
    return success();
}

Result<> Derivation::finish(SegmentNumber open) {
    CAPSTAN_TRY(parts_->end_segments(open));
    return parts_->commit();
}

Position Derivation::position() const {
    return parts_->row.position;
}
Hash128 Derivation::chain() const {
    return parts_->row.chain;
}
std::uint64_t Derivation::state_hash() {
    parts_->rows.settle(parts_->row);
    return parts_->row.state_hash;
}
std::uint64_t Derivation::events() const {
    return parts_->events;
}
std::uint64_t Derivation::streams() const {
    return parts_->row.last_stream.value;
}
std::uint64_t Derivation::malformed() const {
    return parts_->malformed;
}

Result<> Derivation::Parts::fold_one(StoredSubmission const& stored) {
    auto const view = SubmissionView::decode(stored.bytes);
    if (view) {
        CAPSTAN_TRY(fold_known(stored, view.value()));
    } else if (view.error().code == Errc::format_unknown) {
        return view.error();
    } else {
        ++malformed;
        fold_malformed(row, stored.bytes);
    }
    if (state_mark_due(row.position)) {
        rows.settle(row);
        note_state(row);
    }
    return success();
}

Result<> Derivation::Parts::fold_known(StoredSubmission const& stored, SubmissionView const& view) {
    RowCache::Stream* stream = nullptr;
    RowCache::Device* device = nullptr;
    if (names_stream(view.kind)) {
        CAPSTAN_TRY(stream, rows.find_stream(view.stream));
    }
    if (stream != nullptr && names_device(view.kind)) {
        CAPSTAN_TRY(device, rows.find_device(stream->row.number, view.device));
    }
    StreamRow new_stream;
    new_stream.name = view.stream;
    DeviceRow new_device;
    auto& stream_row = stream == nullptr ? new_stream : stream->row;
    auto& device_row = device == nullptr ? new_device : device->row;

    auto const verdict = fold({row, stream_row, device_row}, view, stored.bytes);
    if (verdict.outcome == Verdict::stopped) {
        return Error{verdict.reason.value_or(Errc::format_unknown),
                     "position " + std::to_string(stored.position.value)};
    }
    if (verdict.stream_changed) {
        stream = stream == nullptr ? &rows.add_stream(std::move(new_stream), {}) : stream;
        rows.changed(*stream);
    }
    if (verdict.device_changed) {
        device = device == nullptr ? &rows.add_device(*stream, view.device, new_device) : device;
        rows.changed(*device);
    }
    if (verdict.outcome == Verdict::accepted && verdict.count > 0) {
        note_accepted(stored, view, verdict, *stream);
    } else if (verdict.outcome == Verdict::applied && verdict.stream_changed) {
        stream->changed = row.position;
        index.note_change(stream->row.number, row.position);
    }
    return success();
}

void Derivation::Parts::note_accepted(StoredSubmission const& stored,
                                      SubmissionView const& view,
                                      Verdict const& verdict,
                                      RowCache::Stream& stream) {
    events += verdict.count;
    stream.changed = row.position;
    index.add({.stream = stream.row.number,
               .first = verdict.first,
               .count = verdict.count,
               .place = {.segment = stored.segment,
                         .offset = Offset{stored.offset.value + view.delivered_at},
                         .bytes = static_cast<std::uint32_t>(view.delivered_bytes),
                         .lead = static_cast<std::uint16_t>(view.delivered_at)},
               .position = stored.position,
               .device = view.device,
               .attempt = view.run.header().attempt,
               .first_counter = view.run.first_counter(),
               .mark = verdict.mark,
               .chain = stream.row.chain});
}

Result<> Derivation::Parts::end_segments(SegmentNumber open) {
    for (auto const number : index.to_seal(open)) {
        CAPSTAN_TRY(auto sealed, index.seal(number).run());
        CAPSTAN_TRY(on_footer(number, sealed.footer));
        index.sealed(std::move(sealed));
    }
    bool const due =
        bytes_since_commit >= options.checkpoint_bytes || rows.size() > options.rows_max;
    return due ? commit() : success();
}

Result<> Derivation::Parts::commit() {
    if (row.position == committed) {
        return success();
    }
    rows.settle(row);
    CheckpointBatch batch;
    rows.take_dirty(
        ++commits,
        [&](RowCache::Stream const& stream) {
            batch.streams.push_back(
                {stream.row.number, stream.row.name, stream.changed, encoded(stream.row)});
        },
        [&](RowCache::Device const& device) {
            batch.devices.push_back({device.stream, device.device, encoded(device.row)});
        });
    batch.checkpoint = {.position = row.position,
                        .chain = row.chain,
                        .segment = place.segment,
                        .offset = place.offset,
                        .state_hash = row.state_hash,
                        .partition_row = encoded(row)};
    batch.index = index.take_delta();
    CAPSTAN_TRY(store.commit(batch));
    committed = row.position;
    rows.committed(commits);
    rows.evict(options.rows_max, 2 * rows.size());
    index.committed(committed, batch.index.retired);
    bytes_since_commit = 0;
    return success();
}

}  // namespace capstan
