#pragma once
#include <capstan/schema/event.hpp>
#include <capstan/schema/limits.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace capstan::coalesce {

/// What the stream's policies say of a field, as the author sees them. Where a rule is not the
/// default, what it may decide otherwise is left as it is.
struct CoalesceRules {
    bool last_wins = true;    // registers: false for `max` and `min`
    bool adds_win = true;     // sets and maps: false for remove wins
    bool deletes_win = true;  // objects: false for update wins and surfaced
};
using RulesOf = std::function<CoalesceRules(std::string_view object, std::string_view field)>;

/// Makes fewer and smaller events of consecutive ones of one author that are not frozen yet. They
/// have the same preceding seq and will be in one run, so nothing comes between them.
///
/// | first, then                      | become                                               |
/// |----------------------------------|------------------------------------------------------|
/// | insert, update                   | the insert's event with the update in it             |
/// | set or unset, set or unset       | the last one                                         |
/// | add, add                         | their sum, unless it leaves int64                    |
/// | counter_set, counter_set         | the last one                                         |
/// | set_add or set_remove, the same  | the last one                                         |
/// | map_put or map_remove, the same  | the last one                                         |
/// | splice, splice                   | one, where they touch: typing, erasing, retyping     |
/// | list_remove, list_remove         | one, where they touch                                |
/// | list_insert, list_remove of it   | nothing                                              |
/// | updates, remove                  | the remove                                           |
/// | insert, updates, remove          | nothing                                              |
///
/// An event merges as a whole or not at all, into the last event that names one of its objects, so
/// what took effect together still does. One that inserts something stays its own event, so
/// that objects keep the order in which they were made. Operations of one object keep their order.
/// An operation that has no effect (an add of 0, a splice of nothing) is left out: an empty
/// counter, set, map, list or text is the same as none.
///
/// Precondition: the operations are valid in their author's view; one that is void there may make
/// others void that it is merged with.
///
/// Law: state(result) = state(all that was added), whatever was there before, as far as a reader of
/// the model can tell. `insert, remove` leaves no tombstone: an insert's id is new to its author.
///
/// Threading: one thread at a time.
class Coalescer {
  public:
    explicit Coalescer(RulesOf rules = {});
    ~Coalescer();
    Coalescer(Coalescer&&) noexcept;
    Coalescer& operator=(Coalescer&&) noexcept;

    void add(Event event);

    /// Events that are left.
    std::size_t count() const;
    /// At least what `take` will encode to.
    std::size_t bytes() const;
    /// The result, in order. The coalescer is empty again.
    std::vector<Event> take();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// At least what the events encode to.
std::size_t bytes_max_of(std::vector<Event> const& events);

/// All at once.
std::vector<Event> coalesce(std::vector<Event> events, RulesOf rules = {});

}  // namespace capstan::coalesce
