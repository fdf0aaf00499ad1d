// The rules of reconciliation once more, slow and obvious: every event has its past as an explicit
// set of seqs, every operation of an object's life is kept, and what a field shows is worked out
// from all of them each time. Knows nothing of stamps, dots, windows or collection.
#pragma once
#include <capstan/engine/model.hpp>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "engine/text/naive_text.hpp"

namespace capstan::test {

/// A sequenced event with its past spelled out.
struct PastEvent {
    Event event;
    EventStamp stamp;
    std::uint64_t a = 0;
    std::set<std::uint64_t> past;       // what its author had really seen
    std::set<std::uint64_t> past_at_p;  // what it was put behind

    std::uint64_t seq() const { return stamp.seq.value; }
    bool saw(PastEvent const& other) const { return past.contains(other.seq()); }
    bool saw_at_p(PastEvent const& other) const { return past_at_p.contains(other.seq()); }
};

struct NaiveRules {
    RegisterRule reg = RegisterRule::causal;
    SetRule elements = SetRule::add_wins;
    DeleteRule deletion = DeleteRule::delete_wins;
};

/// An operation on a text or list as an edit of letters.
bool is_edit(OpKind kind);
NaiveEdit edit_of(Op const& op);
NaiveEvent naive_event(PastEvent const& event, std::vector<NaiveEdit> edits);

/// Two writes of a register that did not know each other, by seq.
using Pair = std::pair<std::uint64_t, std::uint64_t>;

class NaiveModel {
  public:
    explicit NaiveModel(NaiveRules rules) : rules_(rules) {}
    /// The event must outlive the model.
    void apply(PastEvent const& event);

    bool alive(std::string const& object) const;
    bool contested(std::string const& object) const;
    /// By seq; nothing for `unset`.
    std::vector<std::optional<Value>> reg(std::string const& object,
                                          std::string const& field) const;
    std::int64_t counter(std::string const& object, std::string const& field) const;
    std::set<std::string> elements(std::string const& object, std::string const& field) const;
    std::map<std::string, Value> entries(std::string const& object, std::string const& field) const;
    /// What a text holds, or a list whose elements are texts of one letter each.
    std::string content(std::string const& object, std::string const& field) const;
    /// The same with all its past, whether the object is alive or not.
    NaiveText merged(std::string const& object, std::string const& field) const;

    std::set<Pair> const& register_conflicts() const { return pairs_; }
    std::set<std::pair<std::uint64_t, std::string>> const& voids() const { return voids_; }

  private:
    struct Done {
        PastEvent const* event;
        Op op;
    };
    struct Object {
        enum { none, live, dead, contested } state = none;
        PastEvent const* birth = nullptr;
        PastEvent const* life = nullptr;           // the delete before this life
        std::vector<PastEvent const*> deletions;   // of its death, or contested
        std::vector<PastEvent const*> changes;     // of this life
        std::vector<Done> done;                    // operations of this life
        std::map<std::string, NaiveText> content;  // texts and lists of this life, by field
    };
    using Writes = std::vector<Done>;

    bool is_void(Object const& object, PastEvent const& event, std::vector<Op> const& ops) const;
    bool needs_window(Op const& op) const;
    void one(Object& object, PastEvent const& event, Op const& op, bool& taken);
    void edit(Object& object, PastEvent const& event, std::span<Op const> rest, bool taken);
    void remove(Object& object, PastEvent const& event);
    void write(Object& object, PastEvent const& event, Op const& op);
    bool seen_all(PastEvent const& event, std::vector<PastEvent const*> const& others) const;
    Done const* winner(Writes const& writes) const;
    Writes counted(Writes const& writes) const;
    void report_pairs(Writes const& before, Done const& next);
    std::vector<std::optional<Value>> shown(Writes const& writes) const;
    bool present(Writes const& writes) const;
    Writes of(std::string const& object, std::string const& field, FieldKind kind) const;

    NaiveRules rules_;
    std::map<std::string, Object> objects_;
    std::set<Pair> pairs_;
    std::set<std::pair<std::uint64_t, std::string>> voids_;
};

}  // namespace capstan::test
