#pragma once
#include <capstan/importers/exported.hpp>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace capstan::importers {

/// Brings an exported stream into a stream that holds its first events, or none: takes the pieces
/// and makes requests (`POST /v1/import/…`) of them. Every run keeps author, attempt, time and
/// place, so what comes out has the chain hashes of the original, if it has its name.
///
/// The merge mark may come out lower than it was: devices that only read, and held it back, are not
/// part of an export. In their place one device of the import is told to stand where they stood, so
/// that it never comes out higher and every edit still lies above it.
class StreamImport {
  public:
    /// What the target stream holds. 0: nothing.
    struct Target {
        std::string stream;
        Seq head;
        Hash128 chain;
    };
    struct Batch {
        Seq head;        // that the runs follow
        Bytes runs;      // delivered runs, floors among them
        Seq head_after;  // what the target must hold then
        Hash128 chain_after;
    };

    explicit StreamImport(Target target);

    /// Errors: `position_conflict`: the target holds other events, or does not come so far.
    Result<> begin(ExportedStream const& stream);
    /// Errors: `position_conflict`, `malformed`.
    Result<> take(ExportedRun run);
    /// All that is left is in the next batches. Errors: `position_conflict`.
    Result<> end();
    /// No section of the stream follows. Errors: `position_conflict`: the target holds more.
    Result<> finish() const;
    /// Those that are full, and after `end` the last one. Nothing: none for now.
    std::optional<Batch> take_batch();

    std::uint64_t already_there() const { return already_there_; }  // events
    Seq head() const { return at_; }                                // of what was taken

  private:
    Result<> place(ExportedRun const& run, Seq mark_after);
    void hold_mark(Seq first, Seq last, Seq mark_after, WallTime time);
    void close_batch();
    Error other(std::string const& what) const;

    Target target_;
    Seq at_;                              // of the pieces
    Hash128 chain_;                       // there, by the target's name
    std::optional<ExportedRun> waiting_;  // until the mark behind it is known
    DeviceId holder_;
    std::optional<Seq> held_;  // the mark that the holder stands at
    Seq held_at_;              // head when it said so
    Batch batch_;
    std::deque<Batch> ready_;
    std::uint64_t already_there_ = 0;
};

}  // namespace capstan::importers
