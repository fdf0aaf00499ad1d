#pragma once
#include <capstan/engine/model/stamp.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace capstan {

/// A name of a type or field, as its model numbers it.
using NameNumber = std::uint32_t;

/// What a field is. An operation implies it, and a field is its name and its kind: a register and a
/// counter of one name are two fields. Numbers are for ever: snapshots hold them.
enum class FieldKind : std::uint8_t { reg, counter, set, map, list, text };
inline constexpr std::size_t kFieldKinds = 6;

/// Who wins in a register.
enum class RegisterRule : std::uint8_t {
    causal,   // the later one in causal order, (a, seq); the default
    arrival,  // the later one in seq order
    first,    // the one there, unless the author knew it
    max,      // the greater value
    min,      // the smaller value
    multi,    // all that did not know each other, until an author who knows them writes
};
/// Whether an add or a remove that did not know each other wins, in sets and for keys of maps.
enum class SetRule : std::uint8_t { add_wins, remove_wins };
/// Whether an object's deletion or an update wins that did not know each other.
enum class DeleteRule : std::uint8_t {
    delete_wins,
    update_wins,
    surfaced,  // the object stays and says so, until someone who knows both decides
};

std::string_view to_string(FieldKind kind);
std::string_view to_string(RegisterRule rule);
std::string_view to_string(SetRule rule);
std::string_view to_string(DeleteRule rule);

struct FieldRules {
    RegisterRule reg = RegisterRule::causal;
    SetRule elements = SetRule::add_wins;
    std::optional<FieldKind> kind;  // declared: operations of another kind are void
    friend bool operator==(FieldRules const&, FieldRules const&) = default;
};

/// Objects of this type are the policies of their stream: ordinary objects, so policies are events,
/// and stand in snapshots, deltas and state hashes. Registers that count, all texts:
///
///     type      the type it governs; absent: all types
///     field     the field it governs; absent: all fields of the type
///     register  causal | arrival | first | max | min | multi
///     set       add_wins | remove_wins
///     delete    delete_wins | update_wins | surfaced; only without `field`
///     kind      register | counter | set | map | list | text; only with `field`
///
/// The nearest one decides: (type, field), then type, then field in all types, then the stream's.
/// Among equals the greater stamp does. Policies themselves are governed by the defaults.
inline constexpr std::string_view kPolicyType = "capstan.policy";

/// One choice that a policy object makes, with the stamp of its register.
struct PolicyChoice {
    std::string type;   // empty: all
    std::string field;  // empty: all
    std::string aspect;
    std::string word;
    Write stamp;
};

/// The policies in force, resolved by interned names.
class Policies {
  public:
    static constexpr NameNumber kAny = ~NameNumber{0};

    /// One choice with its names numbered (`kAny` for all). The greatest stamp of each place
    /// counts, in any order of calls; words that nobody knows count for nothing.
    void choose(NameNumber type, NameNumber field, PolicyChoice const& choice);
    void govern_by_defaults(NameNumber policy_type) { policy_type_ = policy_type; }

    bool empty() const { return entries_.empty(); }
    FieldRules const& field(NameNumber type, NameNumber name) const;
    DeleteRule deletion(NameNumber type) const;

  private:
    struct Chosen {
        std::uint8_t value = 0;
        Write stamp;
    };
    /// What one policy says, aspect by aspect.
    struct Entry {
        std::optional<Chosen> reg, elements, deletion, kind;
    };
    using Place = std::pair<NameNumber, NameNumber>;

    template <class Choice>
    std::optional<Choice> nearest(std::optional<Chosen> Entry::*aspect,
                                  NameNumber type,
                                  NameNumber name) const;

    std::map<Place, Entry> entries_;
    NameNumber policy_type_ = kAny;
    mutable std::unordered_map<std::uint64_t, FieldRules> resolved_;
};

}  // namespace capstan
