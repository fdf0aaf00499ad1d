#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/ids.hpp>
#include <cstdint>
#include <span>
#include <vector>

#include "row_cache.hpp"

namespace capstan {

/// What a batch did to one stream; becomes a StreamMoved.
struct Move {
    RowCache::Stream& stream;
    Seq first;
    Seq mark_before;
    std::span<std::uint64_t const> marks;  // after each run
    std::span<ByteView const> runs;
};

/// The runs that a batch added, gathered by stream when all are there. A stream's row knows its
/// place here, and memory is kept from batch to batch: noting a run neither looks up nor allocates.
class MoveList {
  public:
    struct Run {
        Seq first;
        Seq mark_before;
        Seq mark;
        ByteView bytes;
    };

    void add(RowCache::Stream& stream, Run const& run) {
        if (stream.move == RowCache::kNoMove) {
            stream.move = static_cast<std::uint32_t>(streams_.size());
            streams_.push_back({&stream, run.first, run.mark_before});
        }
        ++streams_[stream.move].count;
        added_.push_back({stream.move, run.mark.value, run.bytes});
    }

    /// Hands each move to the visitor, in the order in which the streams moved first.
    template <class Visitor>
    void visit(Visitor visitor) {
        gather();
        for (auto const& [stream, first, mark_before, count, end] : streams_) {
            visitor(Move{*stream,
                         first,
                         mark_before,
                         std::span(marks_).subspan(end - count, count),
                         std::span(runs_).subspan(end - count, count)});
        }
    }

    void clear() {
        for (auto const& each : streams_) {
            each.stream->move = RowCache::kNoMove;
        }
        streams_.clear();
        added_.clear();
    }

  private:
    struct Stream {
        RowCache::Stream* stream;
        Seq first;
        Seq mark_before;
        std::size_t count = 0;  // of its runs
        std::size_t end = 0;    // behind the last of them in marks_ and runs_
    };
    struct Added {
        std::uint32_t move;
        std::uint64_t mark;
        ByteView run;
    };

    void gather() {
        marks_.resize(added_.size());
        runs_.resize(added_.size());
        std::size_t begin = 0;
        for (auto& each : streams_) {
            each.end = begin;
            begin += each.count;
        }
        for (auto const& each : added_) {
            auto const at = streams_[each.move].end++;
            marks_[at] = each.mark;
            runs_[at] = each.run;
        }
    }

    std::vector<Stream> streams_;
    std::vector<Added> added_;
    std::vector<std::uint64_t> marks_;
    std::vector<ByteView> runs_;
};

}  // namespace capstan
