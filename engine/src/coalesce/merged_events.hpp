// Events while others are merged into them, and the ends of their fields, where merging happens.
#pragma once
#include <capstan/engine/coalesce/coalescer.hpp>
#include <capstan/engine/coalesce/value_order.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace capstan::coalesce {

/// Where an operation stands: which event, which operation of it.
struct EntryPlace {
    std::size_t event = 0;
    std::size_t entry = 0;
};

/// Tables, offsets and padding of an event: never more than this.
inline constexpr std::size_t kEventOverhead = 64;

/// Events of operations that may be changed and dropped. Places stay valid.
class MergedEvents {
  public:
    /// At least what an operation encodes to.
    static std::size_t bytes_of(Op const& op);

    void open(std::optional<Seq> authored_p);
    std::size_t count() const { return events_.size(); }
    /// Those that have an operation left.
    std::size_t live() const { return live_; }
    std::size_t bytes() const { return bytes_; }
    std::optional<Seq> authored_p(std::size_t event) const { return events_[event].authored_p; }
    bool inserts(std::size_t event) const { return events_[event].inserts; }
    bool has_room(std::size_t event, std::size_t ops, std::size_t bytes) const;

    EntryPlace append(std::size_t event, Op op);
    void drop(EntryPlace place);
    Op const& at(EntryPlace place) const { return *events_[place.event].ops[place.entry]; }
    /// Changes an operation by `change(op)`.
    template <class Change>
    void update(EntryPlace place, Change change) {
        auto& event = events_[place.event];
        auto& op = *event.ops[place.entry];
        auto const before = bytes_of(op);
        change(op);
        auto const after = bytes_of(op);
        event.bytes += after - before;
        bytes_ += after - before;
    }

    std::vector<Event> take();

  private:
    struct Slot {
        std::vector<std::optional<Op>> ops;
        std::size_t live = 0;
        std::size_t bytes = 0;
        bool inserts = false;
        std::optional<Seq> authored_p;
    };
    std::vector<Slot> events_;
    std::size_t live_ = 0;
    std::size_t bytes_ = 0;
};

/// The operations of one field that the next one may merge with. A field is its name and its kind.
class FieldTail {
  public:
    enum class Kind : std::uint8_t { none, single, counter, set, map, list, text };
    static Kind kind_of(OpKind kind);
    explicit FieldTail(Kind kind) : kind_(kind) {}

    /// Merges an operation with what stands in the same event, or appends it there. Returns where
    /// it was appended.
    std::optional<EntryPlace> take(MergedEvents& events,
                                   std::size_t event,
                                   Op op,
                                   CoalesceRules const& rules);

  private:
    EntryPlace append(MergedEvents& events, std::size_t event, Op op);
    bool merge_single(MergedEvents& events, Op& op, CoalesceRules const& rules);
    bool merge_counter(MergedEvents& events, Op& op, CoalesceRules const& rules);
    bool merge_element(MergedEvents& events, std::size_t event, Op& op, CoalesceRules const& rules);
    bool merge_text(MergedEvents& events, Op& op, CoalesceRules const& rules);
    bool merge_list(MergedEvents& events, std::size_t event, Op& op, CoalesceRules const& rules);
    void cancel_inserts(MergedEvents& events, std::size_t event, Op& remove);
    void forget(MergedEvents& events, std::size_t index);

    Kind kind_;
    std::optional<EntryPlace> last_;
    std::uint64_t points_ = 0;                         // text: in the last one's content
    std::map<Value, EntryPlace, ValueLess> elements_;  // set: by element; map: by key
    std::vector<EntryPlace> list_;                     // list: since the last move
};

}  // namespace capstan::coalesce
