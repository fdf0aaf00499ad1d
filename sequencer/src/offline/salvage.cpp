#include "salvage.hpp"

#include <algorithm>
#include <capstan/schema/submission.hpp>

#include "../file_journal/segment.hpp"

namespace capstan {

Position Salvage::end() const {
    if (!touched_.known) {
        return Position{lost_.front().first.value - 1};
    }
    auto const last = frames_.empty() ? Position{} : frames_.back().last;
    return std::max(last, lost_.back().last);
}

Result<> Salvage::run(Take const& take, TakeAside const& aside) {
    at_ = {};
    for (auto const& frame : frames_) {
        CAPSTAN_TRY(take_frame(frame, take, aside));
    }
    return fill(end(), take);
}

Result<> Salvage::take_frame(FrameExtent const& frame, Take const& take, TakeAside const& aside) {
    if (frame.last < frame.first) {
        return success();  // a marker or a footer
    }
    CAPSTAN_TRY(auto const file,
                journal_.open(file_journal::segment_name(frame.segment), OpenMode::read));
    Bytes bytes(frame.bytes - kFrameHeaderBytes);
    CAPSTAN_TRY(auto const got, file->pread(bytes, frame.payload().value));
    auto rest = ByteView(bytes).first(got);
    for (auto position = frame.first; position <= frame.last; position = position.next()) {
        auto const length = submission_length(rest);
        if (!length || length.value() > rest.size()) {
            return success();  // a lost position: it is filled
        }
        auto const record = rest.first(length.value());
        rest = rest.subspan(length.value());
        if (is_lost(position) || position <= at_) {
            continue;
        }
        if (position > end() || is_aside(position, record)) {
            if (aside) {
                aside(position, record);
            }
            continue;
        }
        CAPSTAN_TRY(fill(Position{position.value - 1}, take));
        CAPSTAN_TRY(take(position, record));
        at_ = position;
    }
    return success();
}

/// A first position that was lost held the genesis record, which follows from the journal itself.
Result<> Salvage::fill(Position through, Take const& take) {
    auto const nothing = encode_heartbeat();
    while (at_ < through) {
        at_ = at_.next();
        CAPSTAN_TRY(take(
            at_,
            at_ == Position{1} ? encode_genesis(report_.lineage, report_.partition) : nothing));
    }
    return success();
}

bool Salvage::is_lost(Position position) const {
    return std::ranges::any_of(lost_, [position](LostRange const& range) {
        return position >= range.first && position <= range.last;
    });
}

bool Salvage::is_aside(Position position, ByteView record) const {
    auto const view = SubmissionView::decode(record);
    if (!view || view.value().stream.empty()) {
        return false;
    }
    auto const found = touched_.streams.find(view.value().stream);
    return found != touched_.streams.end() && position > found->second;
}

}  // namespace capstan
