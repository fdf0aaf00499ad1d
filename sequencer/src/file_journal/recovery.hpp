#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "walk.hpp"
#include "writer.hpp"

namespace capstan::file_journal {

/// What recovery found, once all of it is durable.
struct Recovered {
    Tail tail;
    SegmentNumber first_segment;
    RecoveryReport report;
};

/// Finds the end of a journal that exists. It reads first and decides; then, if nothing
/// acknowledged is damaged, it makes the end durable. Cost: the frames behind the checkpoint, once,
/// and the rest of the last segment.
class Recovery {
  public:
    Recovery(Storage& storage, JournalOptions const& options, SubmissionVisitor const& visit)
        : storage_(storage), options_(options), visit_(visit) {}

    /// `numbers`: the segments in the directory, in order, at least one. Errors: as
    /// `FileJournal::open`.
    Result<Recovered> run(std::vector<SegmentNumber> numbers);

  private:
    /// The end of a segment as far as it was read.
    struct Stop {
        FrameAt frame;  // what stands there instead of the next frame
        bool sealed = false;
    };
    /// What stands behind the end of the last segment.
    struct Rest {
        Position declared;             // durable, as a header there says
        std::optional<Position> next;  // first position of the next header there
        std::uint64_t end = 0;         // of the last frame there
    };
    /// A frame that nothing read so far declares durable.
    struct Undeclared {
        Offset offset;
        Position settled_at;  // when this is declared durable the frame is
    };

    Result<JournalPlace> start();
    Result<> open_segment(SegmentNumber number);
    Result<Stop> read_segment(Walk& walk);
    Result<> go_on(Walk& walk, Stop const& stop);
    void declare(Position durable);
    void note(FrameAt const& frame);
    Result<> check_end(Walk const& walk, Stop const& stop);
    Result<Rest> look_behind(Offset end, FrameAt const& there);
    Error newer_format(Offset offset) const;
    Result<> settle(Offset end, std::uint64_t rest_end);
    Result<> write_again(File& file, Offset from, Offset end);
    Result<std::vector<ClosedSegment>> unsealed();
    Result<LogOffset> last_copied();

    Storage& storage_;
    JournalOptions const& options_;
    SubmissionVisitor const& visit_;

    std::vector<SegmentNumber> numbers_;
    SegmentHeader header_;        // of the segment at hand
    std::unique_ptr<File> file_;  // read only
    Position declared_;           // durable, as checkpoint, segments and frames say
    Position declared_here_;      // as segments and frames say
    std::vector<Undeclared> undeclared_;
    LogOffset copied_{-1};  // of a tape: as the last frame that was read says
    std::optional<SegmentHeader> first_header_;
    std::vector<ClosedSegment> unsealed_;  // of the segments that were walked
    Recovered result_;
};

}  // namespace capstan::file_journal
