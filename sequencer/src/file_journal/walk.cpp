#include "walk.hpp"

#include <algorithm>
#include <capstan/schema/hash.hpp>

namespace capstan::file_journal {

Result<Visit> Walk::take(FrameAt const& frame) {
    auto const& header = frame.header;
    auto const next = at_.position.next();
    Position const end = header.first_position.plus(header.count);
    bool const is_passed = !in_step_ && end <= next;
    if (!is_passed) {
        if (in_step_ ? header.first_position != next : header.first_position > next) {
            return mismatch(header, "expected position " + std::to_string(next.value));
        }
        in_step_ = true;
    }
    if (is_passed || header.count == 0) {
        if (end == next && header.chain != at_.chain) {
            return mismatch(header, "the submission chain differs");
        }
    } else {
        CAPSTAN_TRY(auto const visit, take_submissions(frame));
        if (visit == Visit::stop) {
            return visit;
        }
    }
    at_.offset = Offset{frame.end()};
    return Visit::next;
}

Result<Visit> Walk::take_submissions(FrameAt const& frame) {
    auto const& header = frame.header;
    if (auto const parted = split(frame.payload, header.count, submissions_); !parted) {
        return mismatch(header, parted.error().detail);
    }
    Position position = header.first_position;
    Offset offset{header.offset.value + kFrameHeaderBytes};
    for (auto const bytes : submissions_) {
        if (position > at_.position) {
            auto const chain = submission_chain_next(at_.chain, bytes);
            if (position == header.last_position() && chain != header.chain) {
                return mismatch(header, "the submission chain differs");
            }
            at_.position = position;
            at_.chain = chain;
            ++visited_;
            if (position == header.last_position()) {
                at_.offset = Offset{frame.end()};
            }
            CAPSTAN_TRY(auto const visit,
                        visit_({position, bytes, chain, at_.segment, offset, at_.offset}));
            if (visit == Visit::stop) {
                return visit;
            }
        }
        position = position.next();
        offset.value += bytes.size();
    }
    return Visit::next;
}

Result<> Walk::enter(SegmentHeader const& next) {
    auto const expected = at_.position.next();
    at_.segment = SegmentNumber{next.number};
    at_.offset = Offset{block_bytes(next.block_shift)};
    if (next.first_position != expected || next.chain != at_.chain) {
        return corrupt(
            at_.segment,
            Offset{0},
            std::min(expected, next.first_position),
            next.first_position,
            "starts at position " + std::to_string(next.first_position.value) + ", expected " +
                std::to_string(expected.value) +
                (next.first_position == expected ? " with another submission chain" : ""));
    }
    in_step_ = true;
    return success();
}

Error Walk::mismatch(FrameHeader const& header, std::string_view why) const {
    Position const end = header.first_position.plus(header.count);
    return corrupt(at_.segment,
                   header.offset,
                   header.first_position,
                   Position{std::max(header.first_position.value, end.value - 1)},
                   why);
}

}  // namespace capstan::file_journal
