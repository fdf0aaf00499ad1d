// A stream's tape in memory, in pages as a partition gives them.
#pragma once
#include <capstan/schema/hash.hpp>
#include <capstan/sequencer/partition.hpp>
#include <capstan/snapshotter/build.hpp>

namespace capstan::test {

class Tape {
  public:
    explicit Tape(std::string stream) : stream_(std::move(stream)) {}

    /// A run of one event. Its p may be below the head: a late one.
    void append(std::size_t device, Event const& event, Seq preceding_seq);
    void append(std::size_t device, Event const& event) { append(device, event, head()); }
    /// The merge mark from the next run on.
    void set_mark(Seq mark) { mark_ = mark; }

    Seq head() const { return Seq{events_.size()}; }
    SnapshotBuild::Stream stream(Seq head) const { return {stream_, generation, head}; }
    /// Runs first..last.
    Page page(Seq first, Seq last) const;
    Model replay(Seq last) const;

    Generation generation{7};

  private:
    struct Stored {
        Bytes run;  // as delivered
        Seq mark_before;
        Hash128 chain;
    };
    std::string stream_;
    std::vector<Stored> events_;
    std::map<std::size_t, Link> last_;
    Seq mark_;
};

/// Builds the snapshot at `seq` with pages of `page_events` runs.
Result<Manifest> build(SnapshotStore& store,
                       Tape const& tape,
                       Seq seq,
                       std::size_t page_events = 50,
                       BuildFigures* figures = nullptr);

/// A history of some hundred objects: inserts, updates, removals, late writes, policies.
Tape busy_tape(std::string const& stream, std::size_t events, std::uint32_t seed);

/// `capstan::load_snapshot` gives what a replay gives, part by part.
bool equals_replay(SnapshotStore& store, Manifest const& manifest, Tape const& tape);

}  // namespace capstan::test
