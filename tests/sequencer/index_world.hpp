// A small world around the index: segments that hold nothing but footers, a history of accepted
// runs, and what a partition does with seals and checkpoints. Beside it, the same as plain maps.
#pragma once

#include <capstan/sequencer/index.hpp>
#include <capstan/sequencer/memory_checkpoint_store.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace capstan::test {

/// Footers of sealed segments, at odd places.
class FakeSegments final : public SegmentReader {
  public:
    static constexpr std::uint64_t kFooterAt = 1'000;

    Result<> read(SegmentNumber segment, Offset offset, std::span<std::byte> into) const override {
        auto const& footer = footers.at(segment);
        if (offset.value < kFooterAt || offset.value - kFooterAt + into.size() > footer.size()) {
            return Error{Errc::journal_corrupt, "outside of the footer"};
        }
        std::copy_n(footer.begin() + static_cast<std::ptrdiff_t>(offset.value - kFooterAt),
                    into.size(),
                    into.begin());
        ++reads;
        return success();
    }
    Result<FooterPlace> footer(SegmentNumber segment) const override {
        auto const found = footers.find(segment);
        if (found == footers.end()) {
            return Error{Errc::not_found, "not sealed"};
        }
        return FooterPlace{Offset{kFooterAt}, found->second.size()};
    }

    std::map<SegmentNumber, Bytes> footers;
    mutable std::size_t reads = 0;
};

inline DeviceId device_of(std::uint8_t number) {
    DeviceId device;
    device.bytes.fill(std::byte{number});
    return device;
}

/// Makes runs as a fold would accept them.
class RunMaker {
  public:
    RunEntry make(StreamNumber stream, std::uint8_t device, std::uint32_t count) {
        auto& state = streams_[stream];
        auto& author = state.devices[device];
        position_ = position_.next();
        if (++runs_ % 7 == 0) {  // opens its store again now and then
            author.attempt = Attempt::of(author.attempt.ordinal() + 1, 77);
        }
        RunEntry run;
        run.stream = stream;
        run.first = state.head.next();
        run.count = count;
        run.place = {segment_, Offset{offset_ + 90}, 64 + count * 3, 90};
        run.position = position_;
        run.device = device_of(device);
        run.attempt = author.attempt;
        run.first_counter = author.last.next();
        run.mark = Seq{state.head.value > 20 ? state.head.value - 20 : 0};
        run.chain = Hash128{position_.value * 0x9e3779b97f4a7c15, stream.value};
        author.last = author.last.plus(count);
        state.head = state.head.plus(count);
        offset_ += 90 + run.place.bytes;
        return run;
    }
    /// A submission that is no accepted run.
    Position skip() { return position_ = position_.next(); }
    void next_segment() {
        segment_ = segment_.next();
        offset_ = 4'096;
    }
    Position position() const { return position_; }
    SegmentNumber segment() const { return segment_; }
    Seq head(StreamNumber stream) const {
        auto const found = streams_.find(stream);
        return found == streams_.end() ? Seq{} : found->second.head;
    }

  private:
    struct Author {
        Attempt attempt = Attempt::of(1, 5);
        Counter last;
    };
    struct Stream {
        Seq head;
        std::map<std::uint8_t, Author> devices;
    };
    std::map<StreamNumber, Stream> streams_;
    Position position_;
    SegmentNumber segment_{1};
    std::uint64_t offset_ = 4'096;
    std::size_t runs_ = 0;
};

/// Drives an index as a partition does, through seals, checkpoints and restarts.
class IndexWorld {
  public:
    explicit IndexWorld(CheckpointStore& store_in, IndexOptions options = {})
        : store(store_in), options_(options) {
        restart();
    }

    void append(StreamNumber stream, std::uint8_t device, std::uint32_t count) {
        auto const run = maker.make(stream, device, count);
        history.push_back(run);
        by_stream[stream].push_back(run);
        touch(stream, run.position);
        index->add(run);
    }
    /// A change without a run.
    void seal_stream(StreamNumber stream) {
        auto const position = maker.skip();
        touch(stream, position);
        noted.push_back({position, stream});
        index->note_change(stream, position);
    }
    void next_segment() { maker.next_segment(); }

    /// Seals the oldest segment that can be sealed; false if there is none.
    bool seal_segment() {
        if (sealed_through.next() >= maker.segment()) {
            return false;
        }
        sealed_through = sealed_through.next();
        index->sealed(make_footer(sealed_through));
        return true;
    }
    /// The same for the two oldest ones, where the younger one is done first.
    bool seal_two_segments() {
        auto const first = sealed_through.next();
        if (first.next() >= maker.segment()) {
            return false;
        }
        index->sealed(make_footer(first.next()));
        index->sealed(make_footer(first));
        sealed_through = first.next();
        return true;
    }
    SealedSegment make_footer(SegmentNumber segment) {
        auto sealed = index->seal(segment).run().value();
        auto const [place, is_new] = segments.footers.emplace(sealed.number, sealed.footer);
        footers_repeat = footers_repeat && (is_new || place->second == sealed.footer);
        return sealed;
    }

    /// Commits a checkpoint; the index hears of it at `hear_of_checkpoint`.
    Result<> checkpoint() {
        CheckpointBatch batch;
        batch.checkpoint.position = maker.position();
        for (auto const stream : dirty) {
            batch.streams.push_back({stream,
                                     name_of(stream),
                                     last_change.at(stream),
                                     Bytes(100, static_cast<std::byte>(stream.value))});
        }
        batch.index = index->take_delta();
        dirty.clear();
        CAPSTAN_TRY(store.commit(batch));
        heard_.emplace(batch.checkpoint.position, batch.index.retired);
        return success();
    }
    void hear_of_checkpoint() {
        if (heard_) {
            index->committed(heard_->first, heard_->second);
            heard_.reset();
        }
    }

    /// A new process: recovers, and folds what lies behind the checkpoint again.
    void restart() {
        auto const checkpoint = store.load().value();
        auto const position = checkpoint ? checkpoint->position : Position{};
        sealed_through = store.runs().value().retired;
        heard_.reset();
        index = std::make_unique<Index>(store, segments, options_);
        index->recover().value();
        std::map<Position, std::function<void()>> tail;
        dirty.clear();
        for (auto const& run : history) {
            if (run.position > position) {
                tail[run.position] = [&] { index->add(run); };
                dirty.insert(run.stream);
            }
        }
        for (auto const& change : noted) {
            if (change.position > position) {
                tail[change.position] = [&] { index->note_change(change.stream, change.position); };
                dirty.insert(change.stream);
            }
        }
        for (auto const& [at, fold] : tail) {
            fold();
        }
    }

    std::vector<RunEntry> expected_from(StreamNumber stream, Seq next) const {
        std::vector<RunEntry> expected;
        auto const found = by_stream.find(stream);
        if (found != by_stream.end()) {
            for (auto const& run : found->second) {
                if (run.last() >= next) {
                    expected.push_back(run);
                }
            }
        }
        return expected;
    }
    std::vector<StreamChange> expected_changes(Position after) const {
        std::map<Position, StreamNumber> changes;
        for (auto const& [stream, position] : last_change) {
            if (position > after) {
                changes[position] = stream;
            }
        }
        std::vector<StreamChange> expected;
        for (auto const& [position, stream] : changes) {
            expected.push_back({position, stream});
        }
        return expected;
    }
    static std::string name_of(StreamNumber stream) {
        return "tenant/stream-" + std::to_string(stream.value);
    }

    CheckpointStore& store;
    FakeSegments segments;
    RunMaker maker;
    std::unique_ptr<Index> index;
    SegmentNumber sealed_through;
    bool footers_repeat = true;  // each footer made twice came out the same
    std::vector<RunEntry> history;
    std::vector<StreamChange> noted;
    std::map<StreamNumber, std::vector<RunEntry>> by_stream;
    std::map<StreamNumber, Position> last_change;
    std::set<StreamNumber> dirty;

  private:
    void touch(StreamNumber stream, Position position) {
        last_change[stream] = position;
        dirty.insert(stream);
    }
    IndexOptions options_;
    std::optional<std::pair<Position, SegmentNumber>> heard_;
};

}  // namespace capstan::test
