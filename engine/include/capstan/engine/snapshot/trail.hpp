#pragma once
#include <capstan/engine/model/model.hpp>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace capstan {

/// What an edit did to a text, as a reader at the head saw it.
struct TrailEdit {
    Seq seq;
    std::uint64_t at = 0;
    std::uint64_t removed = 0;
    std::string inserted;
    friend bool operator==(TrailEdit const&, TrailEdit const&) = default;
};

/// When a field that is no register was last changed. (Registers have it in their stamps.)
struct FieldTrail {
    std::string name;
    FieldKind kind = FieldKind::counter;
    Seq changed;                   // by the last event that named it
    Seq edits_after;               // text: `edits` are all edits above this seq
    std::vector<TrailEdit> edits;  // by seq
    friend bool operator==(FieldTrail const&, FieldTrail const&) = default;
};

/// What a live object leaves behind for folded deltas. A function of the stream's events alone.
struct Trail {
    Seq alive_since;                 // insert or revival
    std::vector<FieldTrail> fields;  // changed since then, by name, then kind
    friend bool operator==(Trail const&, Trail const&) = default;
};

/// Edits of a text are kept up to so many, and so many bytes beside twice what the text holds.
inline constexpr std::size_t kTrailEditsMax = 4'096;
inline constexpr std::size_t kTrailBytesMin = 256;
inline constexpr std::size_t kTrailBytesMax = 65'536;

/// Appends it. `inserted`: of its object.
void append_trail(Bytes& out, Trail const& trail, Seq inserted);
/// Errors: `malformed`.
Result<Trail> read_trail(ByteView bytes, Seq inserted);

/// Trails of the objects that events name.
class Trails {
  public:
    using ById = std::map<std::string, Trail, std::less<>>;

    /// An object as it was left, before the first event that names it.
    void load(std::string_view id, Trail trail) {
        by_id_.try_emplace(std::string(id), std::move(trail));
    }
    /// Applies the next event to the model.
    void apply(Model& model, Event const& event, EventStamp const& stamp);

    /// Of all that events named or that were loaded; without meaning for what is not alive.
    ById const& all() const { return by_id_; }
    bool contains(std::string_view id) const { return by_id_.contains(id); }
    /// Objects that were alive, be it within the event alone, and are not, by its seq.
    std::span<std::pair<Seq, std::string> const> deaths() const { return deaths_; }

  private:
    struct Named {
        ById::value_type* entry = nullptr;
        bool alive = false;     // before the event
        bool inserted = false;  // by it, whatever came of that
    };
    bool note_before(Model const& model, Event const& event);
    void note_after(Model const& model, Seq seq);
    void note_field(Model const& model, Op const& op, Seq seq);
    void note_edits(Model const& model, Seq seq);

    ById by_id_;
    std::vector<std::pair<Seq, std::string>> deaths_;
    std::vector<Named> named_;  // by the event at hand, each once
    Changes changes_;           // of the event at hand, if it edits texts
};

}  // namespace capstan
