#pragma once
#include <capstan/engine/model/model.hpp>
#include <capstan/engine/sync/mutation_builder.hpp>
#include <capstan/engine/sync/recent_past.hpp>
#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace capstan::sync {

/// Where authors may be in dispute: a register (no key), or a key of a map.
struct DisputePlace {
    std::string object;
    std::string field;
    std::optional<std::string> key;
    friend auto operator<=>(DisputePlace const&, DisputePlace const&) = default;
};

/// What was written in one place by authors who did not know of each other, and what nobody has
/// written since who knew all of it.
struct Dispute {
    DisputePlace place;
    std::string type;                  // of the object
    std::vector<ConflictSide> sides;   // at least two; first the one that shows, then by seq
    std::optional<ConflictBase> base;  // what all of them had seen; nothing: not remembered here
};

/// What is in dispute there; nothing if nothing is, or all sides say the same.
std::optional<Dispute> find_dispute(Model const& model, DisputePlace const& place);
/// All places of such fields where something is in dispute. It costs a look at all objects.
std::vector<DisputePlace> find_disputes(Model const& model,
                                        std::string_view type,
                                        std::string_view field);

/// An application's decision of what is in dispute in fields of one name in objects of one type:
/// registers and values of maps, whatever the rule. It is an ordinary event by a device that knows
/// all sides, so it stands against them, everywhere alike, whatever other devices would decide; a
/// person who knows it may write something else, and that stands against it.
///
/// It is asked once the model has caught up, and not while own writes to the field are on their
/// way: these speak first. What stood before it was there, or when the process ended, is found in
/// the model.
///
/// One device decides: of the authors of the sides the one with the smallest id, so that two of
/// them never answer each other. Where that one has no resolver nobody decides, until a person or a
/// device that decides `for_all` does.
struct Resolver {
    std::string type;
    std::string field;
    /// Says what is to be there instead, and reads what it decides by from `view()`. Nothing said:
    /// it stays as it is.
    std::function<void(MutationBuilder&, Dispute const&)> decide;
    /// Decides what others wrote as well, always. For one device of a stream, such as a backend;
    /// then no other one has a resolver for the field.
    bool for_all = false;
    /// What was said was refused at once, and why. May be left out.
    std::function<void(Dispute const&, Error const&)> on_error;
};

}  // namespace capstan::sync
