#pragma once
#include <capstan/engine/sim/sim_random.hpp>
#include <capstan/engine/sim/sim_storage.hpp>
#include <capstan/sequencer/file_journal.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace capstan::test {

/// A whole record of this length whose contents follow from `seed`.
Bytes record_of(std::uint64_t seed, std::size_t bytes);

/// A disk with a journal on it, and what a truthful witness knows of it.
class JournalWorld {
  public:
    JournalWorld();
    explicit JournalWorld(std::unique_ptr<SimStorage> disk);

    /// Opens the journal; what is recovered goes to `recovered`.
    Result<> open();
    /// Opens, and checks what was found against the witness: nothing flushed is missing, nothing is
    /// there that was not appended in this place, and the same comes back after a second death.
    /// What was not flushed and is there is witnessed as flushed from now on.
    void reopen();
    void close() { journal.reset(); }
    /// The process dies; the page cache stays.
    void kill();
    /// The machine dies.
    void crash(std::function<Fate(PendingOp const&)> const& choose);
    void crash_randomly();

    /// Each of `bytes` is the size of one record; witnessed when it succeeds, and as possibly there
    /// when it doesn't.
    Result<Appended> append(std::vector<std::size_t> const& bytes);
    Result<> flush();
    Result<> mark_idle();
    /// append and flush, which succeed.
    Appended commit(std::vector<std::size_t> const& bytes);
    /// Commits until a segment is closed; returns it.
    ClosedSegment fill_segment(std::size_t record_bytes = 4'000);
    void make_spare();

    /// All that `read` shows from the journal's first position.
    std::vector<Bytes> read_all();
    Bytes const& witnessed(Position position) const { return history.at(position.value - 1); }
    Bytes file(std::uint64_t segment) const;
    std::string name(std::uint64_t segment) const;
    /// Every file, to see that nothing was touched.
    std::map<std::string, Bytes> image() const;

    std::unique_ptr<SimStorage> disk;
    SimRandom random{1};
    JournalOptions options;
    std::unique_ptr<FileJournal> journal;
    RecoveryReport recovery;
    std::vector<Bytes> recovered;
    std::vector<Bytes> history;  // by position: what was given to append
    Position flushed;            // acknowledged
    Position declared;           // acknowledged, and something later on disk says so
    std::vector<ClosedSegment> closed;

    bool failed = false;  // the journal at hand takes no more writes

  private:
    void check_recovered() const;
    void note(Error const& error, std::vector<Bytes> const& records);
};

Fate lose(PendingOp const&);
Fate keep(PendingOp const&);

/// Code and detail, for messages and comparisons.
std::string text_of(Error const& error);

}  // namespace capstan::test
