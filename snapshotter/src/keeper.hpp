#pragma once
#include <capstan/snapshotter/build.hpp>
#include <capstan/snapshotter/keeper.hpp>
#include <capstan/snapshotter/store.hpp>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "blob_reader.hpp"
#include "due_streams.hpp"

namespace capstan {

class Keeper final : public SnapshotKeeper {
  public:
    Keeper(SnapshotOptions const& options, SnapshotSeams const& seams, Trouble trouble);

    void attach(Partition& partition) override;
    void stop() override {
        stopped_ = true;
        rest_.reset();
    }
    void on_moved(StreamMoved const& moved) override;
    void on_tick(Instant now) override;
    void create(std::string_view stream, OnSnapshot done) override;
    void check(std::string_view stream, OnSnapshot done) override;
    void remove(std::string_view stream, OnDone done) override;
    std::vector<SnapshotOffer> list(std::string_view stream) const override;
    std::size_t streams() const override { return entries_.size(); }
    bool is_building() const override { return busy_; }
    SnapshotCounters const& counters() const override { return counters_; }

    SnapshotOffer const* newest(std::string_view stream) const override;
    void read(std::string_view stream, ChunkId const& id, OnBytes done) override;
    void fold(std::string_view stream, Seq from, OnFolded done) override;

  private:
    /// The snapshots of a stream that can be had.
    struct Entry {
        SnapshotOffer newest;
        std::optional<SnapshotOffer> before;
        Seq checked;  // without being asked
    };
    using Entries = std::map<std::string, Entry, std::less<>>;

    enum class Kind : std::uint8_t { build, check, remove };
    struct Job {
        Kind kind = Kind::build;
        std::string stream;
        bool anew = false;  // what there is goes first
        std::vector<OnSnapshot> done;
    };
    /// The job under way. The thread that works on it has it to itself.
    struct Work {
        Job job;
        Instant began;
        StreamNumber number;
        SnapshotBuild::Stream stream;
        std::optional<SnapshotBuild> build;
        std::optional<SnapshotCheck> check;
    };

    template <class Step, class Then>
    void on_builder(Step step, Then then);
    void rested(Task task);

    // The queue.
    void ask(Kind kind, std::string_view stream, bool anew, OnSnapshot done);
    void next_job();
    void start();
    void finish(Result<SnapshotOffer> const& result);
    void drop(std::string const& stream);
    void damaged(std::string const& stream, Error const& why);
    template <class Result, class Done>
    void hand_out(std::string const& stream, Result const& result, Done const& done);

    // A build, step by step.
    void start_build();
    void begin_build();
    void read_rested(Seq next, void (Keeper::*feed)(FoundPage));
    void read_page(Seq next, void (Keeper::*feed)(FoundPage));
    void feed_build(FoundPage found);
    void finish_build();
    void publish(SnapshotOffer const& offer);
    void build_failed(Error const& why);

    // A check.
    void start_check();
    void feed_check(FoundPage found);
    void compare();
    void check_failed(Error const& why);

    void start_remove();

    SnapshotOptions options_;
    SnapshotSeams seams_;
    Trouble trouble_;
    Partition* partition_ = nullptr;
    BlobReader blobs_;
    DueStreams due_;
    Entries entries_;
    std::deque<Job> jobs_;
    bool busy_ = true;  // until the store is open, and while a job is under way
    bool stopped_ = false;
    std::optional<Error> broken_;
    SnapshotCounters counters_;
    std::optional<Work> work_;
    Duration unrested_{};  // what the steps since the last rest took
    std::unique_ptr<Timer> rest_;
    std::optional<SnapshotStore> store_;  // of the builder's thread
};

}  // namespace capstan
