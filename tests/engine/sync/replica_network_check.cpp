// What has to hold when all is quiet again.
#include "replica_network.hpp"
#include "shown_objects.hpp"

namespace capstan::test {

std::string ReplicaNetwork::check() {
    auto const head = Seq{server_.tape(kStream).size()};
    auto const truth = fold_tape(server_, kStream, head).state_hash();
    for (auto const& device : devices_) {
        if (device->replica().state_hash() != truth) {
            return "device " + device->name() + " has another model than the tape";
        }
    }
    if (options_.resolves) {
        return check_disputes();
    }
    return options_.undoes ? check_steps() : check_writes();
}

/// All that was in dispute has been decided, once and for all.
std::string ReplicaNetwork::check_disputes() {
    auto const& replica = devices_.front()->replica();
    for (char const* field : {"f0", "f1", "f2"}) {
        auto const open = sync::find_disputes(replica.model(), "Thing", field);
        if (!open.empty()) {
            return open.front().object + "." + field + " is still in dispute";
        }
    }
    return {};
}

/// What a device wrote down in one event was taken back in one event; and when all that its
/// user did since the last crash is taken back and made again, nothing is another.
std::string ReplicaNetwork::check_steps() {
    for (auto& device : devices_) {
        auto const log = "log " + device->name();
        std::string listed;
        for (Value const& value : device->view().list(log, "index")) {
            listed += std::get<std::string>(value) + "\n";
        }
        if (device->view().text(log, "book") != listed) {
            return log + " reads:\n" + device->view().text(log, "book") + "and lists:\n" + listed;
        }
        auto const before = shown_objects(device->view());
        int steps = 0;
        while (device->undo()) {
            ++steps;
        }
        while (steps-- > 0 && device->redo()) {
        }
        if (!device->wrong().empty()) {
            return device->wrong();
        }
        if (auto const other = find_difference(before, shown_objects(device->view()));
            !other.empty()) {
            return "device " + device->name() + ": undo and redo left another " + other;
        }
    }
    return {};
}

/// Notes of the writes that the tape holds.
std::set<std::string> ReplicaNetwork::notes_on_tape() const {
    std::set<std::string> found;
    for (auto const& taped : server_.tape(kStream)) {
        auto const event = decode_event(as_bytes(taped.bytes)).value();
        for (Op const& op : event.ops) {
            if (op.field == "writes") {
                found.insert(std::get<std::string>(op.value));
            }
        }
    }
    return found;
}

/// What a device wrote down at the end of its own text and list, each time from what it saw
/// then: all of that in its order, whatever was refused in between. (Where history was lost, so
/// may be what it wrote down.)
std::string ReplicaNetwork::check_books() {
    std::map<std::string, std::string> books;
    for (auto const& taped : server_.tape(kStream)) {
        auto const event = decode_event(as_bytes(taped.bytes)).value();
        for (Op const& op : event.ops) {
            if (op.field == "index") {
                books[op.object] += std::get<std::string>(op.value) + "\n";
            }
        }
    }
    auto const view = devices_.front()->view();
    for (auto const& [log, expected] : books) {
        std::string listed;
        for (Value const& value : view.list(log, "index")) {
            listed += std::get<std::string>(value) + "\n";
        }
        if (view.text(log, "book") != expected || listed != expected) {
            return log + " reads:\n" + view.text(log, "book") + "and lists:\n" + listed +
                   "and not:\n" + expected;
        }
    }
    return {};
}

/// All that was written and not refused is there, and was counted once. (A restored server may
/// have forgotten the log itself; an old image may send once more what the store that went on
/// had sent.)
std::string ReplicaNetwork::check_writes() {
    auto const view = devices_.front()->view();
    for (auto const& device : devices_) {
        auto const log = "log " + device->name();
        auto const notes = view.elements(log, "writes").size();
        auto const count = static_cast<std::size_t>(view.counter(log, "count"));
        if (!options_.images && count != notes) {
            return log + " counts " + std::to_string(count) + " and has " + std::to_string(notes);
        }
    }
    bool const went_back = options_.images || options_.backups;
    if (auto wrong = went_back ? std::string() : check_books(); !wrong.empty()) {
        return wrong;
    }
    auto const found = notes_on_tape();
    for (auto const& [note, written] : written_) {
        bool const there = found.contains(note);
        if (!there && !written.refused && !written.may_vanish) {
            return "write " + note + " of " + written.device +
                   (written.confirmed ? " was confirmed, and is missing" : " is lost");
        }
        if (there && written.refused && !options_.images && !options_.backups) {
            return "write " + note + " was refused, and is there";
        }
    }
    return {};
}

}  // namespace capstan::test
