#include "writer.hpp"

#include <algorithm>
#include <capstan/schema/hash.hpp>
#include <utility>

namespace capstan::file_journal {
namespace {

// One step of the spare at least: about a millisecond of a disk.
constexpr std::uint64_t kSpareStepBytesMin = 256 * 1'024;

std::uint64_t round_up(std::uint64_t bytes, std::uint64_t block) {
    return (bytes + block - 1) / block * block;
}

}  // namespace

Writer::Writer(Storage& storage, Random& random, JournalOptions const& options, Marks& marks)
    : storage_(storage),
      random_(random),
      options_(options),
      marks_(marks),
      spare_(storage, round_up(options.segment_bytes, block_bytes(options.block_shift))) {}

Result<> Writer::create(Lineage lineage) {
    CAPSTAN_TRY(spare_.adopt());
    SegmentHeader header;
    header.number = 1;
    header.first_position = Position{1};
    header.lineage = lineage;
    header.partition = options_.partition;
    return start_segment(header, 0);
}

Result<> Writer::resume(Tail tail) {
    tail_ = std::move(tail);
    synced_ = tail_.last;
    marks_.durable.store(tail_.last.value, std::memory_order_release);
    return spare_.adopt();
}

Result<Appended> Writer::append(std::span<ByteView const> submissions) {
    CAPSTAN_TRY(check_alive());
    auto const bytes = plan(submissions);
    Appended done{tail_.last.next(), tail_.last.plus(submissions.size()), {}, std::nullopt};
    if (!fits(bytes)) {
        CAPSTAN_TRY(done.closed, roll(bytes));
    }
    done.frames.reserve(pieces_.size());
    for (auto const& piece : pieces_) {
        CAPSTAN_TRY(auto const extent, write_frame(submissions.subspan(piece.first, piece.count)));
        done.frames.push_back(extent);
    }
    last_batch_bytes_ = bytes;
    return done;
}

Result<Appended> Writer::append_copied(std::span<ByteView const> submissions, LogOffset last) {
    CAPSTAN_INVARIANT(options_.is_tape && last > tail_.copied);
    auto const before = std::exchange(tail_.copied, last);
    auto appended = append(submissions);
    if (!appended) {
        tail_.copied = before;
    }
    return appended;
}

Result<Position> Writer::flush() {
    CAPSTAN_TRY(check_alive());
    if (!options_.is_tape) {
        CAPSTAN_TRY(sync());
    }
    marks_.durable.store(tail_.last.value, std::memory_order_release);
    return tail_.last;
}

Result<> Writer::sync() {
    CAPSTAN_TRY(check_alive());
    if (synced_ < tail_.last) {
        CAPSTAN_TRY(or_fail(tail_.file->datasync()));
        synced_ = tail_.last;
    }
    return success();
}

Result<> Writer::mark_idle() {
    CAPSTAN_TRY(flush());
    CAPSTAN_TRY(sync());
    auto const block = block_bytes(tail_.segment.block_shift);
    if (tail_.declared == tail_.last || tail_.offset.value + block > tail_.room) {
        return success();
    }
    auto header = next_header(FrameKind::marker);
    CAPSTAN_TRY(or_fail(tail_.file->pwrite(buffer_.build(header, {}), tail_.offset.value)));
    CAPSTAN_TRY(or_fail(tail_.file->datasync()));
    tail_.offset.value += block;
    tail_.declared = tail_.last;
    return success();
}

Result<> Writer::prepare_spare() {
    CAPSTAN_TRY(check_alive());
    // As large a part of what is missing as the last batch was of what is left, and half as much
    // again.
    auto const left = tail_.room - std::min(tail_.room, tail_.offset.value);
    auto const batches =
        std::max<std::uint64_t>(1, left / std::max<std::uint64_t>(1, last_batch_bytes_));
    auto const share = spare_.missing_bytes() / batches * 3 / 2;
    return or_fail_unless_short(spare_.step(std::max(kSpareStepBytesMin, share)));
}

SpareState Writer::spare() const {
    if (spare_.is_ready() || failure_) {
        return SpareState::ready;
    }
    return tail_.offset.value > tail_.room / 2 ? SpareState::urgent : SpareState::wanted;
}

Result<> Writer::check_alive() const {
    if (failure_) {
        return *failure_;
    }
    return success();
}

Error Writer::fail(Error const& cause) {
    failure_ = Error{Errc::storage_failed, cause.detail};
    return *failure_;
}

Result<> Writer::or_fail_unless_short(Result<> outcome) {
    bool const is_short = !outcome && (outcome.error().code == Errc::storage_full ||
                                       outcome.error().code == Errc::overloaded);
    return is_short ? outcome : or_fail(std::move(outcome));
}

/// Cuts the batch into frames and returns their size on disk.
std::uint64_t Writer::plan(std::span<ByteView const> submissions) {
    CAPSTAN_INVARIANT(!submissions.empty());
    pieces_.clear();
    // The open segment may be of an earlier configuration.
    auto const block_shift = std::max(options_.block_shift, tail_.segment.block_shift);
    std::uint64_t total = 0;
    std::uint64_t payload_bytes = 0;
    auto const close_piece = [&](std::size_t end) {
        auto const first = pieces_.empty() ? 0 : pieces_.back().first + pieces_.back().count;
        auto const extent = frame_extent(payload_bytes, block_shift);
        pieces_.push_back({first, end - first, extent});
        total += extent;
        payload_bytes = 0;
    };
    for (std::size_t i = 0; i < submissions.size(); ++i) {
        auto const bytes = submissions[i].size();
        CAPSTAN_INVARIANT(bytes <= kSubmissionBytesMax);
        if (payload_bytes + bytes > kFrameBytesMax) {
            close_piece(i);
        }
        payload_bytes += bytes;
    }
    close_piece(submissions.size());
    return total;
}

/// The last block is kept for a marker.
bool Writer::fits(std::uint64_t bytes) const {
    return tail_.offset.value + bytes + block_bytes(tail_.segment.block_shift) <= tail_.room;
}

Result<ClosedSegment> Writer::roll(std::uint64_t bytes) {
    // Before the next segment's header declares it.
    CAPSTAN_TRY(flush());
    CAPSTAN_TRY(sync());
    ClosedSegment const closed{
        SegmentNumber{tail_.segment.number}, tail_.segment.first_position, tail_.last};
    SegmentHeader header = tail_.segment;
    ++header.number;
    header.first_position = tail_.last.next();
    header.chain = tail_.chain;
    CAPSTAN_TRY(start_segment(header, bytes));
    return closed;
}

/// Makes the spare the open segment, with room for `bytes` of frames at least. What fails for want
/// of space before the rename leaves all as it was.
Result<> Writer::start_segment(SegmentHeader header, std::uint64_t bytes) {
    auto const block = block_bytes(options_.block_shift);
    header.block_shift = options_.block_shift;
    header.secret = random_.next();
    header.size_bytes = std::max(round_up(options_.segment_bytes, block), bytes + 2 * block);
    if (header.size_bytes > kSegmentBytesMax) {
        return Error{Errc::too_large, "a batch of " + std::to_string(bytes) + " bytes"};
    }
    CAPSTAN_TRY(or_fail_unless_short(spare_.complete(header.size_bytes)));
    auto file = spare_.take();
    auto written = write_header(*file, header);
    if (written) {
        written = storage_.rename(kSpareName, segment_name(SegmentNumber{header.number}));
    }
    CAPSTAN_TRY(or_fail_unless_short(std::move(written)));
    CAPSTAN_TRY(or_fail(storage_.sync()));

    tail_.segment = header;
    tail_.file = std::move(file);
    tail_.offset = Offset{block};
    tail_.room = header.size_bytes;
    tail_.declared = tail_.last;
    if (table_ != nullptr) {
        table_->add(SegmentNumber{header.number});
    }
    return success();
}

Result<> Writer::write_header(File& file, SegmentHeader const& header) {
    CAPSTAN_TRY(file.pwrite(buffer_.build(header), 0));
    return file.datasync();
}

Result<FrameExtent> Writer::write_frame(std::span<ByteView const> submissions) {
    auto header = next_header(FrameKind::data);
    header.count = static_cast<std::uint32_t>(submissions.size());
    for (auto const submission : submissions) {
        header.chain = submission_chain_next(header.chain, submission);
    }
    auto const frame = buffer_.build(header, submissions);
    CAPSTAN_TRY(or_fail(tail_.file->pwrite(frame, tail_.offset.value)));

    FrameExtent const extent{SegmentNumber{tail_.segment.number},
                             tail_.offset,
                             frame.size(),
                             header.first_position,
                             header.last_position(),
                             header.chain};
    tail_.offset.value += frame.size();
    tail_.last = extent.last;
    tail_.chain = header.chain;
    tail_.declared = std::max(tail_.declared, header.durable_position);
    return extent;
}

FrameHeader Writer::next_header(FrameKind kind) const {
    FrameHeader header;
    header.kind = kind;
    header.block_shift = tail_.segment.block_shift;
    header.segment_secret = tail_.segment.secret;
    header.first_position = tail_.last.next();
    header.durable_position = synced_;
    header.kafka_offset = tail_.copied.value;
    header.chain = tail_.chain;
    header.offset = tail_.offset;
    return header;
}

}  // namespace capstan::file_journal
