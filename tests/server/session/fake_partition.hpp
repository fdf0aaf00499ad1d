// A partition in memory: the real fold, no journal. A test says when a batch is durable.
#pragma once

#include <capstan/sequencer/partition.hpp>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace capstan::test {

class FakePartition final : public Partition {
  public:
    explicit FakePartition(PartitionListener& listener);

    /// Folds up to `submissions_max` of what is queued as one batch, and tells the listener.
    void flush(std::size_t submissions_max = ~std::size_t{0});
    /// Drops what is queued, as a full disk does.
    void turn_away(Error const& why);
    /// A backup was restored: histories end at the heads that they have now.
    void restore(Lineage lineage);
    std::size_t queued() const { return queue_.size(); }

    std::optional<Error> submit_error;  // what `submit` answers
    std::optional<Error> read_error;    // what `find_page` answers
    std::optional<Error> load_error;    // what `load_page` answers

    /// A node of a cluster that has not read yet what devices have seen on others.
    void fall_behind() { behind_ = true; }
    void caught_up(Result<> const& result);

    bool is_ready() const override { return true; }
    std::optional<LogProgress> log_progress() const override { return std::nullopt; }
    void catch_up(std::function<void(Result<> const&)> done) override;
    void close() override {}
    Result<> submit(Bytes submission, std::uint64_t token) override;
    Result<std::optional<StreamStat>> stat(std::string_view name) override;
    Result<std::optional<StreamStat>> stat(StreamNumber number) override;
    Result<DeviceStat> device(StreamNumber stream, DeviceId const& device) override;
    Result<FoundPage> find_page(StreamNumber stream, Seq from, std::size_t bytes_max) override;
    Result<Page> load_page(FoundPage found) const override {
        return load_error ? Result<Page>(*load_error) : Result<Page>(std::move(found.page));
    }
    Result<Hash128> chain_at(StreamNumber stream, Seq seq) override;
    Result<std::vector<StreamStat>> list(StreamPattern const& pattern,
                                         std::string_view after,
                                         std::size_t limit) override;
    Result<std::optional<std::vector<StreamNumber>>> changed_since(Position position,
                                                                   Hash128 const& chain) override;
    std::pair<Position, Hash128> position() const override { return {row_.position, row_.chain}; }
    PartitionMarks marks() const override { return {}; }
    std::uint64_t bytes_cut() const override { return 0; }
    std::uint64_t state_hash() override { return row_.state_hash; }
    void drain(std::function<void()> done) override { done(); }

    std::size_t reads = 0;  // calls of `find_page`

  private:
    struct Run {
        Seq first;
        Seq last;
        Seq mark_before;
        Seq mark;
        Hash128 chain;  // at last
        Bytes delivered;
    };
    struct Stream {
        StreamRow row;
        std::map<DeviceId, DeviceRow> devices;
        std::vector<Run> runs;
        Position changed;
    };
    struct Queued {
        Bytes record;
        std::uint64_t token;
    };

    Verdict fold_one(ByteView record);
    Stream* find(StreamNumber number);
    StreamStat stat_of(Stream& stream);

    PartitionListener& listener_;
    PartitionRow row_;
    std::deque<Queued> queue_;
    bool behind_ = false;
    std::vector<std::function<void(Result<> const&)>> catching_up_;
    std::map<std::string, Stream, std::less<>> streams_;
    std::vector<Hash128> chains_{Hash128{}};  // by position
    struct Moved {
        Stream* stream;
        std::size_t runs_before;
    };
    std::vector<Moved> moved_;  // in this batch
};

}  // namespace capstan::test
