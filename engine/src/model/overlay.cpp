#include <algorithm>
#include <capstan/engine/model/overlay.hpp>

#include "model/object_rules.hpp"

namespace capstan {
namespace {

constexpr std::uint64_t kPendingSeqs = std::uint64_t{1} << 63;

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

std::uint64_t Overlay::add(Event event, Seq preceding_seq) {
    ++local_;
    for (Op const& op : event.ops) {
        Seen& seen = seen_[op.object];
        seen.locals.insert(local_);
        seen.fresh = false;
    }
    events_.push_back({local_, preceding_seq, std::move(event)});
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
            seen->second.fresh = false;
            if (seen->second.locals.empty()) {
                seen_.erase(seen);
            }
        }
    }
    events_.erase(at);
}

void Overlay::touched(Event const& event) {
    bool policies = false;
    for (Op const& op : event.ops) {
        auto const seen = seen_.find(op.object);
        if (seen != seen_.end()) {
            seen->second.fresh = false;
        }
        auto const slot = model_.objects().find(op.object);
        policies |= slot != ObjectTable::kNone &&
                    model_.tables().names.str(model_.objects().at(slot).type) == kPolicyType;
    }
    if (policies) {
        for (auto& [id, seen] : seen_) {
            seen.fresh = false;
        }
    }
}

Overlay::Pending const& Overlay::pending(std::uint64_t local) const {
    return *std::ranges::lower_bound(events_, local, {}, &Pending::local);
}

/// Fields that no pending operation names are read where they are.
void Overlay::copy_touched(std::string const& id, Seen& seen, Object const& confirmed) {
    for (auto const local : seen.locals) {
        for (Op const& op : pending(local).event.ops) {
            auto const kind = kind_of(op.kind);
            if (op.object != id || !kind) {
                continue;
            }
            auto const name = model_.tables_.names.number(op.field);
            Field const* const from = confirmed.fields.find(name, *kind);
            if (from != nullptr && seen.object.fields.find(name, *kind) == nullptr) {
                seen.object.fields.find_or_add(name, *kind) = from->copy();
            }
        }
    }
}

void Overlay::work_out(std::string const& id, Seen& seen) {
    auto const slot = model_.objects().find(id);
    seen.object = Object{};
    seen.object.id = id;
    if (slot != ObjectTable::kNone) {
        Object const& confirmed = model_.objects().at(slot);
        seen.object = head_of(confirmed);
        copy_touched(id, seen, confirmed);
    }
    auto const born = seen.object.inserted;
    std::vector<PlacedOp> ops;
    for (auto const local : seen.locals) {
        Pending const& next = pending(local);
        auto const p = next.preceding_seq.value;
        auto const authored = next.event.authored_p.value;
        Author const author{.seq = kPendingSeqs + local,
                            .a = authored == 0 ? p : std::min(authored, p),
                            .p = p,
                            .run_first = kPendingSeqs,
                            .mark = model_.mark().value,
                            .device = model_.tables().devices.find(own_)};
        ops.clear();
        for (Op const& op : next.event.ops) {
            if (op.object == id) {
                ops.push_back({&op, static_cast<std::uint32_t>(ops.size())});
            }
        }
        Scene const scene{author, model_.tables_, seen.object, 0, nullptr, nullptr};
        ObjectEvent(scene, ops).apply();
    }
    seen.replaced = seen.object.inserted != born;
    seen.fresh = true;
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

std::vector<std::string> Overlay::touched_objects() const {
    std::vector<std::string> out;
    for (auto const& [id, seen] : seen_) {
        out.push_back(id);
    }
    return out;
}

}  // namespace capstan
