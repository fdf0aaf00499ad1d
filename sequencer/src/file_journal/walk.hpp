#pragma once
#include "segment.hpp"

namespace capstan::file_journal {

/// Follows submissions from frame to frame: checks that positions and chain go on, and hands them
/// out. Recovery and reading share it.
class Walk {
  public:
    /// From the place on; frames before it in its segment are passed over.
    Walk(JournalPlace const& from, SubmissionVisitor const& visit) : at_(from), visit_(visit) {}

    /// Takes one whole frame of any kind. `stop` when the visitor said so: `place` is then inside
    /// the frame. Errors: `journal_corrupt` (it does not fit behind what came before), what the
    /// visitor returns.
    Result<Visit> take(FrameAt const& frame);
    /// Goes on in the next segment. Errors: `journal_corrupt`.
    Result<> enter(SegmentHeader const& next);

    /// Behind the last submission handed out, at the frame that is to be taken next.
    JournalPlace const& place() const { return at_; }
    std::uint64_t visited() const { return visited_; }

  private:
    Result<Visit> take_submissions(FrameAt const& frame);
    Error mismatch(FrameHeader const& header, std::string_view why) const;

    JournalPlace at_;
    SubmissionVisitor const& visit_;
    bool in_step_ = false;  // a frame that goes on from the place has been seen: from here on all
                            // follow exactly
    std::uint64_t visited_ = 0;
    std::vector<ByteView> submissions_;  // of the frame at hand
};

}  // namespace capstan::file_journal
