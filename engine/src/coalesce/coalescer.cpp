#include <algorithm>
#include <capstan/engine/coalesce/coalescer.hpp>
#include <set>
#include <utility>

#include "coalesce/code_points.hpp"
#include "coalesce/merged_events.hpp"

namespace capstan::coalesce {
namespace {

bool has_no_effect(Op const& op) {
    switch (op.kind) {
        case OpKind::add: {
            auto const* delta = std::get_if<std::int64_t>(&op.value);
            return delta != nullptr && *delta == 0;
        }
        case OpKind::splice: {
            auto const* content = std::get_if<std::string>(&op.value);
            return content != nullptr && content->empty() && op.count == 0;
        }
        case OpKind::list_remove:
            return op.count == 0;
        default:
            return false;
    }
}

}  // namespace

/// What is known of an object and its fields while events come in.
struct Coalescer::State {
    struct Object {
        std::size_t home = 0;                   // the last event that names it
        std::vector<EntryPlace> since;          // its operations since it was last removed
        bool inserted = false;                  // one of them is an insert
        std::optional<std::size_t> removed_in;  // a remove of it stands before them, in this event
        std::map<std::pair<std::string, FieldTail::Kind>, FieldTail> fields;
    };

    explicit State(RulesOf rules_of) : rules(std::move(rules_of)) {}

    CoalesceRules rules_for(Op const& op) const {
        return rules ? rules(op.object, op.field) : CoalesceRules{};
    }

    std::size_t choose(Event const& event) const;
    void place(std::size_t slot, Op op);
    void place_remove(std::size_t slot, Op op, Object& object);

    RulesOf rules;
    MergedEvents events;
    std::map<std::string, Object> objects;
};

Coalescer::Coalescer(RulesOf rules) : state_(std::make_unique<State>(std::move(rules))) {}
Coalescer::~Coalescer() = default;
Coalescer::Coalescer(Coalescer&&) noexcept = default;
Coalescer& Coalescer::operator=(Coalescer&&) noexcept = default;

/// The event that takes this one in; one past the last: it stands alone.
std::size_t Coalescer::State::choose(Event const& event) const {
    auto const alone = events.count();
    std::optional<std::size_t> home;
    std::set<std::size_t> ended;  // events that end the life of one of the objects
    bool inserts = false;
    bool inserts_known = false;
    std::size_t bytes = 0;
    for (auto const& op : event.ops) {
        auto const found = objects.find(op.object);
        inserts = inserts || op.kind == OpKind::insert;
        inserts_known = inserts_known || (op.kind == OpKind::insert && found != objects.end());
        bytes += MergedEvents::bytes_of(op);
        if (found != objects.end()) {
            home = std::max(home.value_or(0), found->second.home);
            if (found->second.removed_in) {
                ended.insert(*found->second.removed_in);
            }
        }
    }
    // What comes behind the end of a life is judged otherwise than what comes with it, and so is a
    // life that begins with what came before it.
    if (!home || inserts_known || ended.contains(*home) ||
        !events.has_room(*home, event.ops.size(), bytes) ||
        events.authored_p(*home) != event.authored_p) {
        return alone;
    }
    bool const keeps_order = *home + 1 == alone && !events.inserts(*home);
    return !inserts || keeps_order ? *home : alone;
}

void Coalescer::add(Event event) {
    auto const slot = state_->choose(event);
    if (slot == state_->events.count()) {
        state_->events.open(event.authored_p);
    }
    for (auto& op : event.ops) {
        state_->place(slot, std::move(op));
    }
}

void Coalescer::State::place(std::size_t slot, Op op) {
    auto& object = objects[op.object];
    object.home = std::max(object.home, slot);
    if (op.kind == OpKind::remove) {
        place_remove(slot, std::move(op), object);
        return;
    }
    if (op.kind == OpKind::insert) {
        object.inserted = true;
        object.fields.clear();
        object.since.push_back(events.append(slot, std::move(op)));
        return;
    }
    auto const rules_now = rules_for(op);
    if (has_no_effect(op) && rules_now.deletes_win) {
        return;
    }
    auto const kind = FieldTail::kind_of(op.kind);
    auto& tail = object.fields.try_emplace({op.field, kind}, kind).first->second;
    if (auto const appended = tail.take(events, slot, std::move(op), rules_now)) {
        object.since.push_back(*appended);
    }
}

void Coalescer::State::place_remove(std::size_t slot, Op op, Object& object) {
    bool const deletes_win = rules_for(op).deletes_win;
    // A life that began where another one had ended is known to be over by who knows its beginning
    // alone, unless deletions win anyway.
    bool const is_new_id = object.inserted && !object.removed_in;
    if (is_new_id || deletes_win) {
        for (auto const& place : std::exchange(object.since, {})) {
            events.drop(place);
        }
    }
    object.fields.clear();
    if (std::exchange(object.inserted, false) ? is_new_id || deletes_win
                                              : object.removed_in && deletes_win) {
        return;
    }
    events.append(slot, std::move(op));
    object.since.clear();
    object.removed_in = slot;
}

std::size_t Coalescer::count() const {
    return state_->events.live();
}

std::size_t Coalescer::bytes() const {
    return state_->events.bytes();
}

std::vector<Event> Coalescer::take() {
    auto events = state_->events.take();
    *state_ = State(std::move(state_->rules));
    return events;
}

std::size_t bytes_max_of(std::vector<Event> const& events) {
    std::size_t bytes = 0;
    for (auto const& event : events) {
        bytes += kEventOverhead;
        for (auto const& op : event.ops) {
            bytes += MergedEvents::bytes_of(op);
        }
    }
    return bytes;
}

std::vector<Event> coalesce(std::vector<Event> events, RulesOf rules) {
    Coalescer coalescer(std::move(rules));
    for (auto& event : events) {
        coalescer.add(std::move(event));
    }
    return coalescer.take();
}

}  // namespace capstan::coalesce
