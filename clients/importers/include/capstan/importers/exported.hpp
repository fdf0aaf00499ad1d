#pragma once
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/schema/run.hpp>
#include <functional>
#include <map>
#include <string>
#include <variant>

/// What a file of exported streams holds, whichever form it has. It only grows: sections, each of
/// which continues a stream where the file ends for it, or begins one.
namespace capstan::importers {

/// A section begins: events after + 1, … of a stream follow.
struct ExportedStream {
    std::string name;
    Generation generation;
    Seq after;
    Hash128 chain;  // at `after`
    friend bool operator==(ExportedStream const&, ExportedStream const&) = default;
};

/// One run, as readers get it: DeliveredRunView.
struct ExportedRun {
    Seq first;
    Seq mark_before;  // the stream's merge mark before it
    Bytes delivered;
    friend bool operator==(ExportedRun const&, ExportedRun const&) = default;
};

/// A section ends.
struct ExportedEnd {
    Seq head;
    Hash128 chain;  // at `head`
    friend bool operator==(ExportedEnd const&, ExportedEnd const&) = default;
};

using ExportedPiece = std::variant<ExportedStream, ExportedRun, ExportedEnd>;

/// The chain hash behind a run that begins at `first`.
Hash128 chain_behind(Hash128 const& before, Seq first, DeliveredRunView const& run);

/// Holds the pieces of a file against each other: seqs are dense, chain hashes come out.
class ExportCheck {
  public:
    struct Place {
        Generation generation;
        Seq seq;
        Hash128 chain;
    };

    /// Errors: `malformed` (the bytes), `journal_corrupt` (a chain hash comes out otherwise: what
    /// is here is not what was exported).
    Result<> take(ExportedPiece const& piece);
    /// How far the file goes for each stream.
    std::map<std::string, Place> const& streams() const { return streams_; }
    /// Where a section stands that has begun and not ended; nothing: none has.
    Place const* open_section() const { return current_ == nullptr ? nullptr : &current_->second; }
    std::uint64_t events() const { return events_; }

  private:
    Result<> take_piece(ExportedStream const& stream);
    Result<> take_piece(ExportedRun const& run);
    Result<> take_piece(ExportedEnd const& end);
    Error wrong(Errc code, std::string const& what) const;

    std::map<std::string, Place> streams_;
    std::map<std::string, Place>::value_type* current_ = nullptr;
    std::uint64_t events_ = 0;
};

}  // namespace capstan::importers
