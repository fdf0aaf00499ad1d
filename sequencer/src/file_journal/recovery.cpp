#include "recovery.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace capstan::file_journal {

Result<Recovered> Recovery::run(std::vector<SegmentNumber> numbers) {
    numbers_ = std::move(numbers);
    CAPSTAN_TRY(auto const from, start());
    result_.first_segment = numbers_.front();
    result_.report.start = from;
    declared_ = from.position;
    declare(Position{header_.first_position.value - 1});

    Walk walk(from, visit_);
    for (;;) {
        CAPSTAN_TRY(auto const stop, read_segment(walk));
        if (walk.place().segment == numbers_.back()) {
            CAPSTAN_TRY(check_end(walk, stop));
            break;
        }
        CAPSTAN_TRY(go_on(walk, stop));
    }
    CAPSTAN_TRY(result_.report.unsealed, unsealed());

    auto& tail = result_.tail;
    tail.last = walk.place().position;
    tail.chain = walk.place().chain;
    tail.offset = walk.place().offset;
    // The checkpoint may be lost before the next start: an idle writer is to say it again.
    tail.declared = declared_here_;
    if (options_.is_tape) {
        CAPSTAN_TRY(tail.copied, last_copied());
    }
    result_.report.end = walk.place();
    result_.report.submissions = walk.visited();
    return std::move(result_);
}

/// The checkpoint's place, or the start of the first segment. Opens the segment there.
Result<JournalPlace> Recovery::start() {
    auto const& checkpoint = options_.checkpoint;
    if (!checkpoint) {
        CAPSTAN_TRY(open_segment(numbers_.front()));
        return JournalPlace{Position{header_.first_position.value - 1},
                            header_.chain,
                            numbers_.front(),
                            Offset{block_bytes(header_.block_shift)}};
    }
    auto const lost = [&](std::string_view why) {
        return corrupt(checkpoint->segment,
                       checkpoint->offset,
                       checkpoint->position,
                       checkpoint->position,
                       why);
    };
    if (!std::ranges::binary_search(numbers_, checkpoint->segment)) {
        return lost("the checkpoint's segment is not there");
    }
    CAPSTAN_TRY(open_segment(checkpoint->segment));
    auto const block = block_bytes(header_.block_shift);
    CAPSTAN_TRY(auto const size, file_->size());
    auto const offset = checkpoint->offset.value;
    if (offset < block || offset % block != 0 || offset > size ||
        checkpoint->position.next() < header_.first_position) {
        return lost("the checkpoint is at no frame of this segment");
    }
    return *checkpoint;
}

Result<> Recovery::open_segment(SegmentNumber number) {
    CAPSTAN_TRY(file_, storage_.open(segment_name(number), OpenMode::read));
    CAPSTAN_TRY(header_, read_segment_header(*file_, number));
    if (!first_header_) {
        first_header_ = header_;
    }
    auto const lineage = options_.lineage.value_or(first_header_->lineage);
    if (header_.partition != options_.partition || header_.lineage != lineage) {
        return Error{Errc::journal_foreign,
                     "segment " + std::to_string(number.value) + " is of partition " +
                         std::to_string(header_.partition) + ", lineage " +
                         std::to_string(header_.lineage.value) + "; expected partition " +
                         std::to_string(options_.partition) + ", lineage " +
                         std::to_string(lineage.value)};
    }
    undeclared_.clear();
    return success();
}

/// Takes whole frames up to the first place where there is none.
Result<Recovery::Stop> Recovery::read_segment(Walk& walk) {
    CAPSTAN_TRY(auto window, ReadWindow::over(*file_));
    Stop stop;
    for (;;) {
        CAPSTAN_TRY(stop.frame, frame_at(window, header_, walk.place().offset));
        if (stop.frame.state == FrameAt::State::unknown) {
            return newer_format(walk.place().offset);
        }
        if (stop.sealed || stop.frame.state != FrameAt::State::whole) {
            stop.frame.payload = {};
            return stop;
        }
        CAPSTAN_TRY(auto const visit, walk.take(stop.frame));
        if (visit == Visit::stop) {
            return Error{Errc::cancelled, "recovery was stopped by its visitor"};
        }
        note(stop.frame);
        stop.sealed = stop.frame.header.kind == FrameKind::footer;
    }
}

void Recovery::declare(Position durable) {
    declared_here_ = std::max(declared_here_, durable);
    declared_ = std::max(declared_, durable);
}

void Recovery::note(FrameAt const& frame) {
    auto const& header = frame.header;
    declare(header.durable_position);
    copied_ = LogOffset{header.kafka_offset};
    std::erase_if(undeclared_, [&](auto const& one) { return one.settled_at <= declared_; });
    bool const is_data = header.kind == FrameKind::data;
    // A marker is settled as soon as something behind it is.
    auto const settled_at = is_data ? header.last_position() : header.first_position;
    if (settled_at > declared_) {
        undeclared_.push_back({header.offset, settled_at});
    }
}

/// Into the next segment, whose header declares all before it durable.
Result<> Recovery::go_on(Walk& walk, Stop const& stop) {
    auto const before = walk.place();
    ClosedSegment const closed{before.segment, header_.first_position, before.position};
    auto const next = before.segment.next();
    if (!std::ranges::binary_search(numbers_, next)) {
        return corrupt(next,
                       Offset{0},
                       before.position.next(),
                       before.position.next(),
                       "missing between two segments");
    }
    CAPSTAN_TRY(open_segment(next));
    auto const end = header_.first_position;
    if (before.position.next() < end) {
        bool const damaged = stop.frame.state == FrameAt::State::damaged;
        return corrupt(before.segment,
                       before.offset,
                       before.position.next(),
                       Position{end.value - 1},
                       std::string(damaged ? kHashDiffers : kNoFrame) +
                           ", but a later segment goes on behind");
    }
    CAPSTAN_TRY(walk.enter(header_));
    declare(closed.last);
    if (!stop.sealed) {
        unsealed_.push_back(closed);
    }
    return success();
}

/// At the end of the last segment: decides between a torn tail and a corrupt middle, and settles
/// the former.
Result<> Recovery::check_end(Walk const& walk, Stop const& stop) {
    auto const& end = walk.place();
    CAPSTAN_TRY(auto const rest, look_behind(end.offset, stop.frame));
    // A tape has lost nothing that is not in the log, as long as the checkpoint's rows fit.
    auto const declared =
        options_.is_tape ? result_.report.start.position : std::max(declared_, rest.declared);
    auto const& header = stop.frame.header;
    bool const damaged =
        stop.frame.state == FrameAt::State::damaged && header.kind == FrameKind::data;
    // A frame is flushed as a whole: with part of it below the checkpoint all of it was.
    bool const holds_declared = damaged && header.first_position <= declared;
    if (declared > end.position || holds_declared) {
        auto const last = damaged     ? header.last_position()
                          : rest.next ? Position{rest.next->value - 1}
                                      : declared;
        return corrupt(end.segment,
                       end.offset,
                       end.position.next(),
                       std::max(last, end.position.next()),
                       std::string(damaged ? kHashDiffers : kNoFrame) + ", but position " +
                           std::to_string(declared.value) + " was declared durable");
    }
    if (stop.sealed) {
        return corrupt(end.segment.next(),
                       Offset{0},
                       end.position.next(),
                       end.position.next(),
                       "missing: the segment before it is sealed");
    }
    return settle(end.offset, rest.end);
}

/// Every block behind the end may be the start of a frame that was in flight, or of one behind a
/// rotten frame.
Result<Recovery::Rest> Recovery::look_behind(Offset end, FrameAt const& there) {
    CAPSTAN_TRY(auto window, ReadWindow::over(*file_));
    Rest rest;
    if (there.state == FrameAt::State::damaged) {
        rest.end = std::min(there.end(), window.file_bytes());
    }
    for (auto at = end;;) {
        CAPSTAN_TRY(auto const found, next_frame(window, header_, at));
        if (!found) {
            return rest;
        }
        at = found->header.offset;
        if (found->state == FrameAt::State::unknown) {
            return newer_format(at);
        }
        rest.declared = std::max(rest.declared, found->header.durable_position);
        rest.next = rest.next.value_or(found->header.first_position);
        rest.end = std::max(rest.end, std::min(found->end(), window.file_bytes()));
    }
}

Error Recovery::newer_format(Offset offset) const {
    return Error{Errc::format_unknown,
                 place_text(SegmentNumber{header_.number}, offset) + ": a frame of a newer format"};
}

/// Makes what was read durable and the rest unreadable, for ever.
Result<> Recovery::settle(Offset end, std::uint64_t rest_end) {
    auto const name = segment_name(SegmentNumber{header_.number});
    CAPSTAN_TRY(auto file, storage_.open(name, OpenMode::write));
    if (!undeclared_.empty()) {
        CAPSTAN_TRY(write_again(*file, undeclared_.front().offset, end));
    }
    static constexpr std::array<std::byte, 64 * 1'024> kZeros{};
    for (auto at = end.value; at < rest_end;) {
        auto const bytes = std::min<std::uint64_t>(kZeros.size(), rest_end - at);
        CAPSTAN_TRY(file->pwrite(ByteView(kZeros).first(bytes), at));
        at += bytes;
    }
    CAPSTAN_TRY(file->datasync());
    CAPSTAN_TRY(storage_.sync());

    CAPSTAN_TRY(auto const size, file->size());
    result_.report.bytes_cut = rest_end > end.value ? rest_end - end.value : 0;
    result_.tail.segment = header_;
    result_.tail.file = std::move(file);
    result_.tail.room = std::min(size, header_.size_bytes);
    return success();
}

/// The same bytes to the same place: pages that a failed flush left clean in the cache go to the
/// disk this time.
Result<> Recovery::write_again(File& file, Offset from, Offset end) {
    CAPSTAN_TRY(auto window, ReadWindow::over(file));
    for (auto at = from.value; at < end.value;) {
        CAPSTAN_TRY(
            auto const piece,
            window.view(at, std::min<std::uint64_t>(ReadWindow::kAheadBytes, end.value - at)));
        if (piece.empty()) {
            break;  // the padding of the last frame was cut off
        }
        CAPSTAN_TRY(file.pwrite(piece, at));
        at += piece.size();
    }
    return success();
}

/// The walked ones without a footer, and those just before the start: segments are sealed in order,
/// so the first sealed one ends the search. So does one that can't be read: damage below the
/// checkpoint concerns its readers alone.
Result<std::vector<ClosedSegment>> Recovery::unsealed() {
    auto found = std::move(unsealed_);
    auto number = result_.report.start.segment;
    CAPSTAN_TRY(auto file, storage_.open(segment_name(number), OpenMode::read));
    CAPSTAN_TRY(auto next, read_segment_header(*file, number));
    while (number > numbers_.front()) {
        number = number.before();
        auto opened = storage_.open(segment_name(number), OpenMode::read);
        if (!opened && opened.error().code == Errc::not_found) {
            break;
        }
        CAPSTAN_TRY(file, std::move(opened));
        auto const header = read_segment_header(*file, number);
        if (!header && header.error().code == Errc::journal_corrupt) {
            break;
        }
        CAPSTAN_TRY(auto const last, last_frame(*file, header.value()));
        if (last && last->header.kind == FrameKind::footer &&
            last->state == FrameAt::State::whole) {
            break;
        }
        found.insert(
            found.begin(),
            {number, header.value().first_position, Position{next.first_position.value - 1}});
        next = header.value();
    }
    return found;
}

/// What a frame behind the checkpoint says, or else the newest one before it.
Result<LogOffset> Recovery::last_copied() {
    auto copied = copied_;
    for (auto number = numbers_.end(); copied < LogOffset{} && number != numbers_.begin();) {
        --number;
        CAPSTAN_TRY(auto const file, storage_.open(segment_name(*number), OpenMode::read));
        CAPSTAN_TRY(auto const header, read_segment_header(*file, *number));
        CAPSTAN_TRY(auto const last, last_frame(*file, header));
        copied = last ? LogOffset{last->header.kafka_offset} : copied;
    }
    return copied;
}

}  // namespace capstan::file_journal
