#include "replica_author.hpp"

#include <algorithm>
#include <array>
#include <capstan/engine/text/rope.hpp>

namespace capstan::test {

Event ReplicaAuthor::event(ReplicaDevice& device) {
    Event event;
    note(device, event);
    auto const things = device.view().query({.type = "Thing"});
    if (things.empty() || dice_.one_in(4)) {
        auto const id = "t" + std::to_string(++last_);
        event.ops.push_back({.kind = OpKind::insert, .object = id, .type = "Thing"});
        set(event, id);
    } else {
        update(device, event, dice_.pick(things));
    }
    return event;
}
Event ReplicaAuthor::quarrel(ReplicaDevice& device) {
    Event event;
    note(device, event);
    auto const things = device.view().query({.type = "Thing"});
    if (!things.empty()) {
        set(event, things.front());
    }
    return event;
}

/// Each device keeps a log: a set of the names of its writes, and how many there were.
void ReplicaAuthor::note(ReplicaDevice& device, Event& event) {
    auto const log = "log " + device.name();
    if (!device.view().type(log)) {
        event.ops.push_back({.kind = OpKind::insert, .object = log, .type = "Log"});
    }
    note_ = "w" + std::to_string(++last_);
    event.ops.push_back(
        {.kind = OpKind::set_add, .object = log, .field = "writes", .value = note_});
    event.ops.push_back(
        {.kind = OpKind::add, .object = log, .field = "count", .value = std::int64_t{1}});
    if (dice_.one_in(3)) {
        write_down(device, event, log);
    }
}

/// Some writes are in a text and a list as well, which nobody else edits: at the end.
void ReplicaAuthor::write_down(ReplicaDevice& device, Event& event, std::string const& log) {
    auto const& [book, index] = std::pair{std::string("book"), std::string("index")};
    event.ops.push_back({.kind = OpKind::splice,
                         .object = log,
                         .field = book,
                         .value = note_ + "\n",
                         .at = device.view().size(log, book, FieldKind::text)});
    event.ops.push_back({.kind = OpKind::list_insert,
                         .object = log,
                         .field = index,
                         .value = note_,
                         .at = device.view().size(log, index, FieldKind::list)});
}

/// Somewhere in a text that all edit; some letters take several bytes.
void ReplicaAuthor::edit_text(ReplicaDevice& device, Event& event, std::string const& id) {
    auto size = device.view().size(id, "t", FieldKind::text);
    for (auto edits = 1 + dice_.below(3); edits > 0; --edits) {
        auto const at = dice_.below(size + 1);
        auto const count = dice_.below(std::min<std::uint64_t>(size - at, 4) + 1);
        std::array const pieces{"", "a", "bc", "ä", "€€", "def"};
        std::string const piece = dice_.pick(pieces);
        event.ops.push_back({.kind = OpKind::splice,
                             .object = id,
                             .field = "t",
                             .value = piece,
                             .at = at,
                             .count = count});
        size = size - count + Rope::count(piece);
    }
}

void ReplicaAuthor::edit_list(ReplicaDevice& device, Event& event, std::string const& id) {
    auto const size = device.view().size(id, "l", FieldKind::list);
    if (size > 0 && dice_.one_in(3)) {
        auto const at = dice_.below(size);
        event.ops.push_back({.kind = OpKind::list_remove,
                             .object = id,
                             .field = "l",
                             .at = at,
                             .count = 1 + dice_.below(std::min<std::uint64_t>(size - at, 2))});
        return;
    }
    event.ops.push_back({.kind = OpKind::list_insert,
                         .object = id,
                         .field = "l",
                         .value = static_cast<std::int64_t>(dice_.below(100)),
                         .at = dice_.below(size + 1)});
}

void ReplicaAuthor::set(Event& event, std::string const& id) {
    event.ops.push_back({.kind = OpKind::set,
                         .object = id,
                         .field = "f" + std::to_string(dice_.below(3)),
                         .value = static_cast<std::int64_t>(dice_.below(1'000))});
}

void ReplicaAuthor::update(ReplicaDevice& device, Event& event, std::string const& id) {
    auto const element = Value{static_cast<std::int64_t>(dice_.below(4))};
    switch (dice_.below(14)) {
        case 0:
            event.ops.push_back({.kind = OpKind::remove, .object = id});
            break;
        case 1:
            event.ops.push_back(
                {.kind = OpKind::set_add, .object = id, .field = "s", .value = element});
            break;
        case 2:
            event.ops.push_back(
                {.kind = OpKind::set_remove, .object = id, .field = "s", .value = element});
            break;
        case 3:
            event.ops.push_back({.kind = OpKind::map_put,
                                 .object = id,
                                 .field = "m",
                                 .value = element,
                                 .key = "k" + std::to_string(dice_.below(3))});
            break;
        case 4:
            event.ops.push_back({.kind = OpKind::map_remove,
                                 .object = id,
                                 .field = "m",
                                 .key = "k" + std::to_string(dice_.below(3))});
            break;
        case 5:
            event.ops.push_back({.kind = OpKind::add,
                                 .object = id,
                                 .field = "c",
                                 .value = static_cast<std::int64_t>(dice_.below(10))});
            break;
        case 6:
            event.ops.push_back({.kind = OpKind::counter_set,
                                 .object = id,
                                 .field = "c",
                                 .value = static_cast<std::int64_t>(dice_.below(100))});
            break;
        case 7:
            event.ops.push_back({.kind = OpKind::unset,
                                 .object = id,
                                 .field = "f" + std::to_string(dice_.below(3))});
            break;
        case 8:
            set(event, id);
            break;
        case 9:
        case 10:
            edit_list(device, event, id);
            break;
        default:
            edit_text(device, event, id);
    }
}

}  // namespace capstan::test
