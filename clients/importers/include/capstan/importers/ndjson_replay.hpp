#pragma once
#include <capstan/importers/author.hpp>
#include <capstan/schema/event.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/schema/ids.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>

namespace capstan::importers {

/// What a stream holds of imported lines, so that another import adds what is missing: every
/// inserted object by a hash of its id and of what it was inserted with, and how far each author's
/// device has come. About 70 bytes an object; what others publish into the stream does no harm.
class NdjsonReplay {
  public:
    /// Events 1, 2, 3, … in order; of what this build cannot read, only who sent it.
    /// Errors: `position_conflict` (the stream holds an import of another kind), `format_unknown`.
    Result<> apply(Seq seq, Dot const& dot, Attempt attempt, Seq preceding_seq, ByteView bytes);
    /// A line that is on its way to the stream.
    void note(std::string_view object, Event const& event) { keep(object, event, Seq{}); }

    Seq head() const { return head_; }
    std::optional<ImportId> const& import() const { return import_; }
    std::map<DeviceId, AuthorState> const& authors() const { return authors_; }

    /// Where the object was inserted, and whether with just these operations.
    struct Found {
        Seq seq;  // 0: it is on its way
        bool same = false;
    };
    std::optional<Found> find(std::string_view object, Event const& event) const;

  private:
    struct Inserted {
        Hash128 content;
        Seq seq;
    };
    struct HashOfHash {
        std::size_t operator()(Hash128 const& hash) const { return hash.low; }
    };
    Result<> read_import(Event const& event);
    void keep(std::string_view object, Event const& event, Seq seq);

    Seq head_;
    std::optional<ImportId> import_;
    std::map<DeviceId, AuthorState> authors_;
    std::unordered_map<Hash128, Inserted, HashOfHash> inserted_;
};

}  // namespace capstan::importers
