// Policies that are pending themselves: they judge what is pending behind them.
#include <algorithm>
#include <capstan/engine/model/overlay.hpp>

#include "model/policy_object.hpp"

namespace capstan {

bool Overlay::is_policy(std::string const& object) const {
    auto const slot = model_.objects().find(object);
    return own_policies_.contains(object) ||
           (slot != ObjectTable::kNone &&
            model_.tables().names.str(model_.objects().at(slot).type) == kPolicyType);
}

/// For an event that is pending from now on.
void Overlay::note_policies(std::uint64_t local, Event const& event) {
    bool any = false;
    for (Op const& op : event.ops) {
        if (op.kind == OpKind::insert && op.type == kPolicyType) {
            own_policies_.insert(op.object);
        }
        any = any || is_policy(op.object);
    }
    if (any) {
        policy_locals_.insert(local);
        outdate_policies();
    }
}

void Overlay::outdate_policies() {
    policies_fresh_ = false;
    for (auto& [id, seen] : seen_) {
        outdate(id, seen);
    }
}

Policies const& Overlay::policies_before(std::uint64_t local) {
    if (!std::exchange(policies_fresh_, true)) {
        work_out_policies();
    }
    auto const at = policies_.lower_bound(local);
    return at == policies_.begin() ? model_.tables().policies : std::prev(at)->second;
}

void Overlay::work_out_policies() {
    policies_.clear();
    std::map<std::string, Seen> held;
    for (auto const local : policy_locals_) {
        Pending const& next = *pending(local);
        std::set<std::string> touched;
        for (Op const& op : next.event.ops) {
            if (!is_policy(op.object) || !touched.insert(op.object).second) {
                continue;
            }
            auto const [at, fresh] = held.try_emplace(op.object);
            if (fresh) {
                at->second.locals = policy_locals_;
                begin(op.object, at->second);
            }
            put_on_top(op.object, at->second, next, nullptr);
        }
        policies_.emplace(local, policies_with(held));
    }
}

Policies Overlay::policies_with(std::map<std::string, Seen> const& held) {
    auto& names = model_.tables_.names;
    auto const type = names.number(kPolicyType);
    Policies policies;
    policies.govern_by_defaults(type);
    auto const order = model_.by_insert().find(type);
    if (order != model_.by_insert().end()) {
        for (auto const& chunk : order->second.chunks()) {
            for (auto const& entry : chunk) {
                Object const& object = model_.objects().at(entry.slot);
                if (!held.contains(object.id)) {
                    choose_by(policies, names, [&](std::string_view name) {
                        return model_.field(object, name, FieldKind::reg);
                    });
                }
            }
        }
    }
    for (auto const& [id, seen] : held) {
        if (seen.object.alive() && seen.object.type == type) {
            choose_by(policies, names, [&, &id = id, &seen = seen](std::string_view name) {
                return shown_register(id, seen, name);
            });
        }
    }
    return policies;
}

Field const* Overlay::shown_register(std::string const& id,
                                     Shown const& shown,
                                     std::string_view name) const {
    auto const number = model_.tables().names.find(name);
    if (!number) {
        return nullptr;
    }
    if (shown.hides(*number, FieldKind::reg)) {
        return shown.object.fields.find(*number, FieldKind::reg);
    }
    Object const* const confirmed = model_.find(id);
    return confirmed == nullptr ? nullptr : confirmed->fields.find(*number, FieldKind::reg);
}

}  // namespace capstan
