#include <algorithm>
#include <capstan/engine/model/overlay.hpp>

#include "model/object_rules.hpp"

namespace capstan {
namespace {

/// All but the fields.
Object head_of(Object const& from) {
    Object out;
    out.id = from.id;
    out.id_hash = from.id_hash;
    out.type = from.type;
    out.state = from.state;
    out.deleted_under = from.deleted_under;
    out.changes = from.changes;
    out.life = from.life;
    out.inserted = from.inserted;
    if (from.deletions) {
        out.deletions = std::make_unique<Touches>(*from.deletions);
    }
    return out;
}

}  // namespace

Overlay::Overlay(Model& model, DeviceId const& own)
    : model_(model),
      own_(own),
      number_(model.tables().devices.find(own)),
      room_(std::make_unique<EditRoom>()) {}

Overlay::~Overlay() {
    model_.keep_from(std::nullopt);
}

/// A mutation on what is worked out goes on top of it: typing costs what a keystroke costs.
std::uint64_t Overlay::add(Event event, Seq preceding_seq, Changes* changes) {
    if (events_.empty()) {
        number_ = model_.tables().devices.find(own_);  // nobody told while nothing was pending
    }
    Pending const& added = events_.emplace_back(
        Pending{++local_, preceding_seq, std::move(event), std::nullopt, false});
    note_policies(local_, added.event);
    for (Op const& op : added.event.ops) {
        Seen& seen = seen_[op.object];
        if (!seen.locals.empty() && *seen.locals.rbegin() == local_) {
            continue;
        }
        if (changes != nullptr && !seen.fresh) {
            work_out(op.object, seen);
        }
        seen.locals.insert(local_);
        if (seen.fresh) {
            put_on_top(op.object, seen, added, changes);
            note_dependence(op.object, seen);
        }
    }
    keep_what_is_needed();
    return local_;
}

void Overlay::remove(std::uint64_t local) {
    auto const at = std::ranges::lower_bound(events_, local, {}, &Pending::local);
    if (at == events_.end() || at->local != local) {
        return;
    }
    for (Op const& op : at->event.ops) {
        auto const seen = seen_.find(op.object);
        if (seen != seen_.end()) {
            seen->second.locals.erase(local);
            outdate(seen->first, seen->second);
            if (seen->second.locals.empty()) {
                seen_.erase(seen);
            }
        }
    }
    events_.erase(at);
    if (policy_locals_.erase(local) > 0) {
        outdate_policies();
    }
    keep_what_is_needed();
}

void Overlay::touched(Event const& event) {
    bool policies = false;
    for (Op const& op : event.ops) {
        auto const seen = seen_.find(op.object);
        if (seen != seen_.end()) {
            outdate(seen->first, seen->second);
        }
        auto const slot = model_.objects().find(op.object);
        policies |= slot != ObjectTable::kNone &&
                    model_.tables().names.str(model_.objects().at(slot).type) == kPolicyType;
    }
    auto const number = model_.tables().devices.find(own_);
    if (std::exchange(number_, number) != number || policies) {
        outdate_policies();  // what is pending bears the device's number, and knows itself by it
    }
    if (std::exchange(mark_, model_.mark()) != model_.mark()) {
        for (auto const& id : std::exchange(by_mark_, {})) {
            auto const seen = seen_.find(id);
            if (seen != seen_.end()) {
                outdate(id, seen->second);
            }
        }
    }
}

/// What is kept for those who tell is what was seen first.
void Overlay::outdate(std::string const& id, Seen& seen) {
    if (seen.fresh && keeps_outdated_) {
        outdated_.try_emplace(id, std::move(static_cast<Shown&>(seen)));
    }
    seen.fresh = false;
}

Overlay::Shown const* Overlay::last_shown(std::string_view object) const {
    if (auto const outdated = outdated_.find(object); outdated != outdated_.end()) {
        return &outdated->second;
    }
    auto const seen = seen_.find(object);
    return seen == seen_.end() ? nullptr : &seen->second;
}

std::optional<Overlay::Shown> Overlay::take_outdated(std::string const& object) {
    auto node = outdated_.extract(object);
    return node.empty() ? std::nullopt : std::optional(std::move(node.mapped()));
}

void Overlay::accepted(std::uint64_t local, std::optional<Seq> seq) {
    auto const at = std::ranges::lower_bound(events_, local, {}, &Pending::local);
    if (at != events_.end() && at->local == local) {
        at->accepted = seq;
    }
}

/// p never falls from one mutation of a device to the next.
void Overlay::keep_what_is_needed() {
    model_.keep_from(events_.empty() ? std::nullopt : std::optional(events_.front().preceding_seq));
}

Overlay::Pending const* Overlay::pending(std::uint64_t local) const {
    auto const at = std::ranges::lower_bound(events_, local, {}, &Pending::local);
    return at == events_.end() || at->local != local ? nullptr : &*at;
}

/// Fields that no pending operation names are read where they are. One that is named and not there
/// yet is empty: what comes into it is not shown as the confirmed model has it.
void Overlay::copy_touched(std::string const& id, Seen& seen, Pending const& next) {
    auto const slot = model_.objects().find(id);
    if (slot == ObjectTable::kNone) {
        return;
    }
    Object const& confirmed = model_.objects().at(slot);
    for (Op const& op : next.event.ops) {
        auto const kind = kind_of(op.kind);
        if (op.object != id || !kind) {
            continue;
        }
        auto const name = model_.tables_.names.number(op.field);
        Field const* const from = confirmed.fields.find(name, *kind);
        if (seen.object.fields.find(name, *kind) != nullptr) {
            continue;
        }
        Field& field = seen.object.fields.find_or_add(name, *kind);
        if (from != nullptr) {
            field = from->copy();
        }
    }
}

/// The confirmed object, as far as pending mutations touch it.
void Overlay::begin(std::string const& id, Seen& seen) {
    auto const slot = model_.objects().find(id);
    seen.object = Object{};
    seen.object.id = id;
    seen.replaced = false;
    if (slot != ObjectTable::kNone) {
        seen.object = head_of(model_.objects().at(slot));
        for (auto const local : seen.locals) {
            copy_touched(id, seen, *pending(local));
        }
    }
}

void Overlay::work_out(std::string const& id, Seen& seen) {
    begin(id, seen);
    for (auto const local : seen.locals) {
        put_on_top(id, seen, *pending(local), nullptr);
    }
    seen.fresh = true;
    note_dependence(id, seen);
}

void Overlay::put_on_top(std::string const& id, Seen& seen, Pending const& next, Changes* changes) {
    if (seen.fresh && !seen.replaced) {
        copy_touched(id, seen, next);
    }
    Policies const& policies = policies_before(next.local);
    auto const born = seen.object.inserted;
    auto const p = next.preceding_seq.value;
    Author const author{.seq = Stamp::kPendingBase + next.local,
                        .a = std::min(next.event.authored_p.value_or(next.preceding_seq).value, p),
                        .p = p,
                        .run_first = Stamp::kPendingBase,
                        .mark = model_.mark().value,
                        .device = number_,
                        .pending = true};
    ops_.clear();
    for (std::uint32_t place = 0; place < next.event.ops.size(); ++place) {
        Op const& op = next.event.ops[place];
        bool const counts = !next.refused || kind_of(op.kind) >= FieldKind::list;
        if (op.object == id && counts) {
            ops_.push_back({&op, place});
        }
    }
    if (ops_.empty()) {
        return;
    }
    Scene const scene{author, model_.tables_, policies, seen.object, 0, changes, nullptr, *room_};
    ObjectEvent(scene, ops_).apply();
    seen.replaced = seen.replaced || seen.object.inserted != born;
}

/// The mark decides whether a tombstone, a remove or an increment still counts. What has none of
/// them reads the same at any mark.
void Overlay::note_dependence(std::string const& id, Seen const& seen) {
    auto const slot = model_.objects().find(id);
    bool const on_tombstone = slot != ObjectTable::kNone && !model_.objects().at(slot).alive();
    auto const depends = [](Field const& field) {
        return field.kind != FieldKind::text && field.kind != FieldKind::list && field.more;
    };
    if (on_tombstone || std::ranges::any_of(seen.object.fields.all(), depends)) {
        by_mark_.insert(id);
    }
}

Overlay::Seen* Overlay::seen(std::string_view object) {
    auto const at = seen_.find(object);
    if (at == seen_.end()) {
        return nullptr;
    }
    if (!at->second.fresh) {
        work_out(at->first, at->second);
    }
    return &at->second;
}

Object const* Overlay::find(std::string_view object) {
    Seen const* const pending = seen(object);
    if (pending == nullptr) {
        return model_.find(object);
    }
    return pending->object.alive() ? &pending->object : nullptr;
}

Field const* Overlay::field(std::string_view object, std::string_view name, FieldKind kind) {
    Object const* const found = find(object);
    auto const number = model_.tables().names.find(name);
    if (found == nullptr || !number) {
        return nullptr;
    }
    Field const* const shown = found->fields.find(*number, kind);
    Seen const* const pending = seen(object);
    if (shown != nullptr || pending == nullptr || pending->replaced) {
        return shown;
    }
    auto const slot = model_.objects().find(object);
    return slot == ObjectTable::kNone ? nullptr
                                      : model_.objects().at(slot).fields.find(*number, kind);
}

std::string Overlay::text(std::string_view object, std::string_view name) {
    Field const* const found = field(object, name, FieldKind::text);
    return found == nullptr || found->text() == nullptr ? std::string()
                                                        : found->text()->content().str();
}

std::vector<Value> Overlay::list(std::string_view object, std::string_view name) {
    Field const* const found = field(object, name, FieldKind::list);
    return found == nullptr ? std::vector<Value>() : list_values(*found);
}

std::vector<std::string> Overlay::touched_objects() const {
    std::vector<std::string> out;
    for (auto const& [id, seen] : seen_) {
        out.push_back(id);
    }
    return out;
}

}  // namespace capstan
