#include <algorithm>
#include <array>
#include <capstan/schema/hash.hpp>
#include <utility>

#include "segment.hpp"

namespace capstan {
namespace file_journal {
namespace {

/// Reads a journal from its first segment to its last, notes what is wrong and goes on behind it.
class Verifier {
  public:
    Verifier(Storage& storage, VerifyHooks const& hooks) : storage_(storage), hooks_(hooks) {}
    Result<VerifyReport> run();

  private:
    Result<> verify_segment(bool is_last);
    bool take_header(SegmentHeader const& header);
    Result<> pass_segment(JournalFault fault, std::string detail);
    Result<> verify_frames(ReadWindow& window, bool is_last);
    void forgive_torn_tail();
    Result<> take_frame(FrameAt const& frame);
    void take_submissions(FrameAt const& frame);
    Result<> show_submissions(FrameAt const& frame, Hash128 chain);
    Result<bool> has_arrived(ReadWindow& window) const;
    Result<> pass_damage(FrameAt const& found, std::optional<FrameAt> const& next, bool is_last);
    Result<Position> end_of_segment();

    void note(JournalFault fault, Position first, Position last, std::string detail);

    Storage& storage_;
    VerifyHooks const& hooks_;
    bool visiting_ = true;  // nothing is missing so far
    VerifyReport report_;
    std::vector<SegmentNumber> numbers_;

    SegmentNumber number_;  // of the segment at hand
    std::unique_ptr<File> file_;
    SegmentHeader header_;
    Offset at_;
    bool sealed_ = false;
    Position declared_;  // durable, as what was read says

    Position expected_{1};          // of the next submission
    std::optional<Hash128> chain_;  // before it; nothing behind damage
    bool identified_ = false;       // a header was read: partition and lineage are known
    bool any_ = false;              // a segment was read: what comes must follow it
    std::vector<ByteView> submissions_;
};

Result<VerifyReport> Verifier::run() {
    CAPSTAN_TRY(auto const names, storage_.list());
    numbers_ = segments_in(names);
    if (numbers_.empty()) {
        return Error{Errc::not_found, storage_.describe() + " holds no journal"};
    }
    CAPSTAN_TRY(report_.locked_by, storage_.lock_holder(kLockName));
    for (auto const number : numbers_) {
        if (any_ && number != number_.next()) {
            number_ = number_.next();
            at_ = Offset{0};
            CAPSTAN_TRY(pass_segment(JournalFault::segment_missing, "no such file"));
        }
        number_ = number;
        CAPSTAN_TRY(verify_segment(number == numbers_.back()));
    }
    report_.last = Position{expected_.value - 1};
    report_.chain = chain_.value_or(Hash128{});
    return std::move(report_);
}

Result<> Verifier::verify_segment(bool is_last) {
    at_ = Offset{0};
    sealed_ = false;
    ++report_.segments;
    CAPSTAN_TRY(file_, storage_.open(segment_name(number_), OpenMode::read));
    auto const header = read_segment_header(*file_, number_);
    any_ = true;
    if (!header) {
        bool const newer = header.error().code == Errc::format_unknown;
        return pass_segment(newer ? JournalFault::format_unknown : JournalFault::header_damaged,
                            header.error().detail);
    }
    if (!take_header(header.value())) {
        return pass_segment(JournalFault::foreign, "another partition or lineage");
    }
    at_ = Offset{block_bytes(header_.block_shift)};
    CAPSTAN_TRY(auto window, ReadWindow::over(*file_));
    CAPSTAN_TRY(verify_frames(window, is_last));
    if (is_last) {
        forgive_torn_tail();
    }
    if (!sealed_ && !is_last) {
        note(JournalFault::footer_missing, {}, {}, "closed and not sealed");
    }
    return success();
}

/// Nothing of the segment can be read.
Result<> Verifier::pass_segment(JournalFault fault, std::string detail) {
    CAPSTAN_TRY(auto const end, end_of_segment());
    note(fault, expected_, Position{std::max(end.value - 1, expected_.value)}, std::move(detail));
    expected_ = end;
    chain_.reset();
    return success();
}

/// False when it is of another journal.
bool Verifier::take_header(SegmentHeader const& header) {
    if (!identified_) {
        identified_ = true;
        report_.first = header.first_position;
        report_.lineage = header.lineage;
        report_.partition = header.partition;
        if (number_ == numbers_.front()) {
            expected_ = header.first_position;
            chain_ = header.chain;
        }
    }
    if (header.lineage != report_.lineage || header.partition != report_.partition) {
        return false;
    }
    header_ = header;
    if (header_.first_position != expected_ && chain_) {
        note(JournalFault::positions_broken,
             std::min(expected_, header_.first_position),
             std::max(expected_, header_.first_position),
             "starts at position " + std::to_string(header_.first_position.value));
    } else if (chain_ && header_.chain != *chain_) {
        note(JournalFault::chain_broken, expected_, expected_, "differs at the segment's start");
    }
    expected_ = header_.first_position;
    chain_ = header_.chain;
    declared_ = std::max(declared_, Position{expected_.value - 1});
    return true;
}

Result<> Verifier::verify_frames(ReadWindow& window, bool is_last) {
    for (;;) {
        CAPSTAN_TRY(auto const found, frame_at(window, header_, at_));
        if (found.state == FrameAt::State::unknown) {
            note(JournalFault::format_unknown, expected_, expected_, "a frame of a newer format");
            chain_.reset();
            return success();
        }
        if (found.state == FrameAt::State::whole) {
            CAPSTAN_TRY(take_frame(found));
            at_ = Offset{found.end()};
            if (sealed_) {
                return success();
            }
            continue;
        }
        auto const before = at_;
        CAPSTAN_TRY(auto const next, next_frame(window, header_, at_));
        if (is_last && report_.locked_by) {
            CAPSTAN_TRY(auto const arrived, has_arrived(window));
            if (arrived) {
                continue;
            }
        }
        CAPSTAN_TRY(pass_damage(found, next, is_last));
        if (at_ == before) {
            return success();
        }
    }
}

/// Looks again, after what stands behind was seen: the process that writes may have finished the
/// frame since the first look.
Result<bool> Verifier::has_arrived(ReadWindow& window) const {
    CAPSTAN_TRY(auto again, ReadWindow::over(*file_));
    CAPSTAN_TRY(auto const frame, frame_at(again, header_, at_));
    bool const arrived = frame.state == FrameAt::State::whole;
    window = std::move(again);
    return arrived;
}

/// What nothing in the last segment declares durable was never acknowledged.
void Verifier::forgive_torn_tail() {
    for (auto& problem : report_.problems) {
        bool const torn = problem.fault == JournalFault::frame_damaged &&
                          problem.segment == number_ && problem.first > declared_;
        if (torn) {
            problem.fault = JournalFault::torn_tail;
            expected_ = std::min(expected_, problem.first);
            chain_.reset();
        }
    }
}

Result<> Verifier::take_frame(FrameAt const& frame) {
    auto const& header = frame.header;
    ++report_.frames;
    report_.bytes += frame.end() - header.offset.value;
    declared_ = std::max(declared_, header.durable_position);
    sealed_ = header.kind == FrameKind::footer;
    if (header.first_position != expected_) {
        note(JournalFault::positions_broken,
             std::min(expected_, header.first_position),
             std::max(expected_, header.first_position),
             "a frame starts at position " + std::to_string(header.first_position.value));
        chain_.reset();
    }
    auto const before = chain_;
    take_submissions(frame);
    expected_ = header.first_position.plus(header.count);
    chain_ = header.chain;
    // What was noted until here concerns submissions, but for a footer that is missing.
    visiting_ = visiting_ && before && report_.is_sound();
    if (hooks_.submission && visiting_ && header.kind == FrameKind::data) {
        CAPSTAN_TRY(show_submissions(frame, *before));
    }
    if (!hooks_.frame) {
        return success();
    }
    return hooks_.frame({.segment = number_,
                         .offset = header.offset,
                         .bytes = frame.end() - header.offset.value,
                         .first = header.first_position,
                         .last = Position{expected_.value - 1},
                         .chain = header.chain});
}

Result<> Verifier::show_submissions(FrameAt const& frame, Hash128 chain) {
    auto const& header = frame.header;
    StoredSubmission stored{.position = header.first_position,
                            .segment = number_,
                            .offset = Offset{header.offset.value + kFrameHeaderBytes},
                            .resume = header.offset};
    for (auto const submission : submissions_) {
        chain = submission_chain_next(chain, submission);
        stored.bytes = submission;
        stored.chain = chain;
        if (stored.position == header.last_position()) {
            stored.resume = Offset{frame.end()};
        }
        CAPSTAN_TRY(auto const wish, hooks_.submission(stored));
        if (wish == Visit::stop) {
            visiting_ = false;
            return success();
        }
        stored.position = stored.position.next();
        stored.offset.value += submission.size();
    }
    return success();
}

void Verifier::take_submissions(FrameAt const& frame) {
    auto const& header = frame.header;
    if (header.kind == FrameKind::data) {
        if (auto const parted = split(frame.payload, header.count, submissions_); !parted) {
            note(JournalFault::submission_damaged,
                 header.first_position,
                 header.last_position(),
                 parted.error().detail);
            return;
        }
        report_.submissions += header.count;
        for (auto const submission : submissions_) {
            if (chain_) {
                chain_ = submission_chain_next(*chain_, submission);
            }
        }
    }
    if (chain_ && *chain_ != header.chain) {
        note(JournalFault::chain_broken,
             header.first_position,
             Position{std::max(header.first_position.value,
                               header.first_position.value + header.count - 1)},
             "differs behind this frame");
    }
}

/// There is no whole frame at `at_`: finds out what should have been there, and where to go on.
/// Stays where it is at the end of the segment.
Result<> Verifier::pass_damage(FrameAt const& found,
                               std::optional<FrameAt> const& next,
                               bool is_last) {
    bool const damaged = found.state == FrameAt::State::damaged;
    bool const is_footer = damaged && found.header.kind == FrameKind::footer;
    auto end = expected_;  // behind what is missing here
    if (next && next->state == FrameAt::State::whole) {
        end = next->header.first_position;
        declared_ = std::max(declared_, next->header.durable_position);
    } else if (!is_last) {
        CAPSTAN_TRY(end, end_of_segment());
    } else if (damaged && !is_footer) {
        end = found.header.first_position.plus(found.header.count);
    }
    if (end > expected_) {
        note(JournalFault::frame_damaged,
             expected_,
             Position{end.value - 1},
             std::string(damaged ? kHashDiffers : kNoFrame));
    }
    if (!next) {
        if (end > expected_ && !is_last) {
            expected_ = end;
            chain_.reset();
        }
        return success();
    }
    at_ = next->header.offset;
    expected_ = end;
    chain_.reset();
    return success();
}

/// What the next segment says of this one's end; what is expected, if it says nothing.
Result<Position> Verifier::end_of_segment() {
    auto const next = number_.next();
    auto file = storage_.open(segment_name(next), OpenMode::read);
    if (!file && file.error().code == Errc::not_found) {
        return expected_;
    }
    CAPSTAN_TRY(auto opened, std::move(file));
    auto const header = read_segment_header(*opened, next);
    return header ? std::max(expected_, header.value().first_position) : expected_;
}

void Verifier::note(JournalFault fault, Position first, Position last, std::string detail) {
    report_.problems.push_back({fault, number_, at_, first, last, std::move(detail)});
}

}  // namespace
}  // namespace file_journal

Result<VerifyReport> verify_journal(Storage& storage, VerifyHooks const& hooks) {
    return file_journal::Verifier(storage, hooks).run();
}

Result<VerifyReport> verify_journal(Storage& storage, SubmissionVisitor const& visit) {
    return verify_journal(storage, VerifyHooks{.submission = visit, .frame = {}});
}

std::string_view to_string(JournalFault fault) {
    switch (fault) {
        case JournalFault::segment_missing:
            return "segment_missing";
        case JournalFault::header_damaged:
            return "header_damaged";
        case JournalFault::foreign:
            return "foreign";
        case JournalFault::frame_damaged:
            return "frame_damaged";
        case JournalFault::chain_broken:
            return "chain_broken";
        case JournalFault::positions_broken:
            return "positions_broken";
        case JournalFault::submission_damaged:
            return "submission_damaged";
        case JournalFault::footer_missing:
            return "footer_missing";
        case JournalFault::torn_tail:
            return "torn_tail";
        case JournalFault::format_unknown:
            return "format_unknown";
    }
    CAPSTAN_INVARIANT(false, "journal fault");
}

std::string to_string(JournalProblem const& problem) {
    std::string text(to_string(problem.fault));
    text += ": " + file_journal::place_text(problem.segment, problem.offset);
    if (problem.first.value != 0) {
        text += ", " + file_journal::positions_text(problem.first, problem.last);
    }
    return text + ": " + problem.detail;
}

bool JournalProblem::is_damage() const {
    return fault != JournalFault::footer_missing && fault != JournalFault::torn_tail;
}

bool VerifyReport::is_sound() const {
    return std::ranges::none_of(problems, &JournalProblem::is_damage);
}

}  // namespace capstan
