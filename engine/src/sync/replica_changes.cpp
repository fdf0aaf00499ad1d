// What changes for the user: what the confirmed model says; of fields with pending writes the
// difference between what was shown and what is; of objects that come, go or change as a whole the
// difference of all that was shown.
#include <algorithm>
#include <capstan/engine/sync/replica.hpp>
#include <iterator>
#include <utility>

#include "sync/difference.hpp"

namespace capstan::sync {

/// To be called before anything happens that may change how an object is shown as a whole.
void Replica::remember(std::string const& object) {
    if (before_.contains(object)) {
        return;
    }
    auto const outdated = overlay_->take_outdated(object);
    before_.emplace(object, outdated ? view().get(*outdated) : view().get(object));
}

/// Also what nothing is pending on any more since the user was last told.
void Replica::remember_pending() {
    for (auto const& [object, shown] : overlay_->take_outdated()) {
        before_.try_emplace(object, view().get(shown));
    }
    for (auto const& object : overlay_->touched_objects()) {
        remember(object);
    }
}

/// Before an event of the stream acts on it: whether it then still is the object that the user saw
/// depends on more than the fields with pending writes.
void Replica::remember_life(Op const& op) {
    auto const* const shown = overlay_->last_shown(op.object);
    if (shown == nullptr) {
        return;
    }
    bool const moves = op.kind == OpKind::insert || op.kind == OpKind::remove || shown->replaced ||
                       !shown->object.alive() || model_->find(op.object) == nullptr;
    if (moves) {
        remember(op.object);
    }
}

/// Whether what the confirmed model says of this is no news for the user: pending writes hide it,
/// or the object is compared as a whole.
bool Replica::is_hidden(Change const& change) const {
    if (before_.contains(change.object)) {
        return true;
    }
    auto const* const shown = overlay_->last_shown(change.object);
    auto const name = model_->tables().names.find(change.field);
    return shown != nullptr && change.kind == Change::Kind::update && name &&
           shown->hides(*name, change.field_kind);
}

void Replica::keep_news(Changes&& changes) {
    conflicts_.add(changes);
    for (Change& change : changes.changes) {
        if (!is_hidden(change)) {
            changes_.changes.push_back(std::move(change));
        }
    }
    std::ranges::move(changes.conflicts, std::back_inserter(changes_.conflicts));
    std::ranges::move(changes.voids, std::back_inserter(changes_.voids));
}

/// An own write on top of what is shown: what it changes is known from putting it there. What
/// changed below it since the user was last told comes first.
std::uint64_t Replica::put_on_top(Event event, Seq preceding) {
    std::string const* last = nullptr;
    for (Op const& op : event.ops) {
        if ((last == nullptr || *last != op.object) && !before_.contains(op.object)) {
            if (auto const outdated = overlay_->take_outdated(op.object)) {
                tell_outdated(op.object, *outdated, changes_.changes);
            }
        }
        last = &op.object;
    }
    Changes made;
    auto const local = overlay_->add(std::move(event), preceding, &made);
    for (Change& change : made.changes) {
        if (!before_.contains(change.object)) {
            changes_.changes.push_back(std::move(change));
        }
    }
    return local;
}

/// Fields with pending writes, then or now: all others are told as the model has them. If against
/// expectation the object is another one now, all of it is told.
void Replica::tell_outdated(std::string const& object,
                            Overlay::Shown const& before,
                            std::vector<Change>& out) {
    auto const* const pending = overlay_->shown(object);
    Object const* const now = overlay_->find(object);
    bool const stays = before.object.alive() && now != nullptr && before.object.type == now->type &&
                       before.replaced == (pending != nullptr && pending->replaced);
    if (!stays) {
        append_difference(
            object, before.object.alive() ? view().get(before) : std::nullopt, {}, out);
        append_difference(object, {}, view().get(object), out);
        return;
    }
    auto const& names = model_->tables().names;
    for (Field const& field : before.object.fields.all()) {
        auto const& name = names.str(field.name);
        auto const was = content_of(field);
        Field const* const found = overlay_->field(object, name, field.kind);
        auto const is = found == nullptr ? std::nullopt : content_of(*found);
        if (was || is) {
            append_difference(object,
                              names.str(now->type),
                              name,
                              was ? &*was : nullptr,
                              is ? &*is : nullptr,
                              out);
        }
    }
}

Changes Replica::take_changes() {
    note_changes();
    return std::exchange(gathered_, {});
}

/// What has changed until now comes before what is about to.
void Replica::note_changes() {
    auto fresh = gather_changes();
    if (undo_) {
        undo_->changed(fresh);
    }
    keep_gathered(std::move(fresh));
}

void Replica::keep_gathered(Changes&& fresh) {
    if (gathered_.empty()) {
        gathered_ = std::move(fresh);
        return;
    }
    std::ranges::move(fresh.changes, std::back_inserter(gathered_.changes));
    std::ranges::move(fresh.conflicts, std::back_inserter(gathered_.conflicts));
    std::ranges::move(fresh.voids, std::back_inserter(gathered_.voids));
}

Changes Replica::gather_changes() {
    auto out = std::exchange(changes_, {});
    auto const remembered = std::exchange(before_, {});
    for (auto const& [object, before] : remembered) {
        append_difference(object, before, view().get(object), out.changes);
    }
    for (auto const& [object, before] : overlay_->take_outdated()) {
        if (!remembered.contains(object)) {
            tell_outdated(object, before, out.changes);
        }
    }
    return out;
}

}  // namespace capstan::sync
