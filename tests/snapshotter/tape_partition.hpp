// A partition that only has tapes to read: streams move when a test says so.
#pragma once
#include <capstan/sequencer/partition.hpp>
#include <map>
#include <string>

#include "tape_bed.hpp"

namespace capstan::test {

class TapePartition final : public Partition {
  public:
    /// The stream's tape, up to this seq. Tapes outlive the partition.
    void show(std::string const& stream, Tape const& tape, Seq head);
    /// What a listener hears when a stream has come from `first` to its head.
    StreamMoved moved(std::string const& stream, Seq first) const;

    Result<std::optional<StreamStat>> stat(std::string_view name) override;
    Result<std::optional<StreamStat>> stat(StreamNumber number) override;
    Result<FoundPage> find_page(StreamNumber stream, Seq from, std::size_t bytes_max) override;
    Result<Page> load_page(FoundPage found) const override { return std::move(found.page); }

    std::size_t reads = 0;

    bool is_ready() const override { return true; }
    void catch_up(std::function<void(Result<> const&)> done) override { done(success()); }
    std::uint64_t bytes_cut() const override { return 0; }
    void close() override {}
    std::optional<LogProgress> log_progress() const override { return std::nullopt; }
    Result<> submit(Bytes, std::uint64_t) override { return not_here(); }
    Result<DeviceStat> device(StreamNumber, DeviceId const&) override { return not_here(); }
    Result<Hash128> chain_at(StreamNumber, Seq) override { return not_here(); }
    Result<std::vector<StreamStat>> list(StreamPattern const&,
                                         std::string_view,
                                         std::size_t) override {
        return not_here();
    }
    Result<std::optional<std::vector<StreamNumber>>> changed_since(Position,
                                                                   Hash128 const&) override {
        return not_here();
    }
    std::pair<Position, Hash128> position() const override { return {}; }
    PartitionMarks marks() const override { return {}; }
    std::uint64_t state_hash() override { return 0; }
    void drain(std::function<void()> done) override { done(); }

  private:
    struct Shown {
        StreamNumber number;
        Tape const* tape = nullptr;
        Seq head;
    };
    static Error not_here() { return {Errc::not_ready, "only a tape"}; }
    std::optional<StreamStat> stat_of(std::string const& name, Shown const& shown) const;

    std::map<std::string, Shown, std::less<>> streams_;
};

}  // namespace capstan::test
