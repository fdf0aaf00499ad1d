#include <algorithm>
#include <capstan/engine/model/model.hpp>
#include <iterator>
#include <utility>

#include "model/field_rules.hpp"
#include "model/object_rules.hpp"
#include "model/policy_object.hpp"

namespace capstan {
namespace {

/// How many facts one event lets go at most: more than one event makes on average.
constexpr std::size_t kCollectedPerEvent = 4;

Author author_of(Event const& event, EventStamp const& stamp, DeviceNumber device) {
    auto const p = stamp.preceding_seq.value;
    return {.seq = stamp.seq.value,
            .a = std::min(event.authored_p.value_or(stamp.preceding_seq).value, p),
            .p = p,
            .run_first = stamp.run_first.value,
            .mark = stamp.mark.value,
            .device = device};
}

}  // namespace

Model::Model(Collect collect) : collect_(collect), room_(std::make_unique<EditRoom>()) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

Changes apply(Model& model, Event const& event, EventStamp const& stamp) {
    Changes changes;
    model.apply(event, stamp, &changes);
    return changes;
}

void Model::apply(Event const& event, EventStamp const& stamp, Changes* changes) {
    CAPSTAN_INVARIANT(stamp.seq.value > head_);
    head_ = stamp.seq.value;
    mark_ = std::max(mark_, stamp.mark.value);
    auto const author = author_of(event, stamp, tables_.devices.number(stamp.device));
    ops_.clear();
    for (Op const& op : event.ops) {
        ops_.push_back({&op, static_cast<std::uint32_t>(ops_.size())});
    }
    auto const object_less = [](PlacedOp const& x, PlacedOp const& y) {
        return x.op->object < y.op->object;
    };
    if (!std::ranges::is_sorted(ops_, object_less)) {
        std::ranges::stable_sort(ops_, object_less);
    }
    objects_.prefetch(ops_);
    for (std::size_t first = 0; first < ops_.size();) {
        std::size_t end = first + 1;
        while (end < ops_.size() && ops_[end].op->object == ops_[first].op->object) {
            ++end;
        }
        apply_to_object(author, first, end, changes);
        first = end;
    }
    if (std::exchange(policies_changed_, false)) {
        read_policies();  // events from the next one on are judged by them
    }
    if (collect_ == Collect::as_applied) {
        collect(kCollectedPerEvent + event.ops.size());
    }
}

void Model::apply_to_object(Author const& author,
                            std::size_t first,
                            std::size_t end,
                            Changes* changes) {
    Op const& op = *ops_[first].op;
    auto slot = objects_.find(op.object);
    if (slot == ObjectTable::kNone) {
        if (op.kind != OpKind::insert) {
            if (changes != nullptr) {
                changes->voids.push_back({VoidReason::missing,
                                          op.object,
                                          {},
                                          Seq{author.seq},
                                          tables_.devices.id(author.device)});
            }
            return;
        }
        slot = objects_.add(op.object);
    }
    Object& object = objects_.at(slot);
    auto const hash_before = object.hash;
    bool const was_alive = object.alive();
    auto const type_before = object.type;
    auto const inserted_before = object.inserted;
    bool const stale_before = object.hash_stale;
    auto const keep_from = collect_ == Collect::as_applied ? keep_from_ : 0;
    Scene const scene{
        author, tables_, tables_.policies, object, slot, changes, &due_, *room_, keep_from};
    ObjectEvent(scene, std::span(ops_).subspan(first, end - first)).apply();
    hash_ += object.hash - hash_before;
    if (object.hash_stale && !stale_before) {
        stale_.push_back(slot);
    }
    moved(object, slot, was_alive, type_before, inserted_before);
    if (object.state == ObjectState::unknown) {
        objects_.remove(slot);
    }
}

/// Keeps what depends on which objects are alive, and on their births.
void Model::moved(Object const& object,
                  std::uint32_t slot,
                  bool was_alive,
                  NameNumber type_before,
                  InsertStamp const& inserted_before) {
    auto const is_policy = [&](NameNumber type) { return tables_.names.str(type) == kPolicyType; };
    bool const same_birth = inserted_before == object.inserted && type_before == object.type;
    if (was_alive && !(object.alive() && same_birth)) {
        by_insert_[type_before].erase(InsertOrder::entry(inserted_before, slot), objects_);
        --alive_;
        policies_changed_ |= is_policy(type_before);
    }
    if (object.alive() && !(was_alive && same_birth)) {
        by_insert_[object.type].insert(InsertOrder::entry(object.inserted, slot), objects_);
        ++alive_;
    }
    policies_changed_ |= object.alive() && is_policy(object.type);
}

std::uint32_t Model::place(Object object) {
    auto const slot = objects_.add(object.id);
    Object& placed = objects_.at(slot);
    placed = std::move(object);
    hash_ += placed.hash;
    moved(placed, slot, false, placed.type, placed.inserted);
    return slot;
}

void Model::take_out(std::uint32_t slot) {
    Object& object = objects_.at(slot);
    bool const was_alive = object.alive();
    auto const inserted = object.inserted;
    hash_ -= std::exchange(object.hash, 0);
    capstan::forget(object);
    moved(object, slot, was_alive, object.type, inserted);
    objects_.remove(slot);
}

void Model::add_due(std::vector<Due> due) {
    std::ranges::move(due, std::back_inserter(due_));
    std::stable_sort(
        due_.begin(), due_.end(), [](Due const& x, Due const& y) { return x.seq < y.seq; });
}

void Model::read_policies() {
    Policies policies;
    policies.govern_by_defaults(tables_.names.number(kPolicyType));
    for (auto const& chunk : by_insert_[tables_.names.number(kPolicyType)].chunks()) {
        for (auto const& entry : chunk) {
            Object const& object = objects_.at(entry.slot);
            choose_by(policies, tables_.names, [&](std::string_view name) {
                return field(object, name, FieldKind::reg);
            });
        }
    }
    tables_.policies = std::move(policies);
}

void Model::collect() {
    collect(due_.size());
}

void Model::collect(std::size_t facts_max) {
    for (; facts_max > 0 && !due_.empty() && due_.front().seq <= collectable(); --facts_max) {
        auto const due = std::move(due_.front());
        due_.pop_front();
        forget(due);
    }
}

void Model::forget(Due const& due) {
    Object& object = objects_.at(due.slot);
    if (due.name == Policies::kAny) {
        if (object.state == ObjectState::dead && object.deletions->last.seq <= collectable()) {
            objects_.remove(due.slot);
        }
        return;
    }
    Field* const field = object.fields.find(due.name, due.kind);
    if (field == nullptr) {
        return;
    }
    if (due.kind == FieldKind::reg) {
        capstan::forget(field->value, collectable());
    } else if (due.kind == FieldKind::counter) {
        forget_adds(*field, collectable());
    } else if (due.kind == FieldKind::text || due.kind == FieldKind::list) {
        collect_content(*field, due);
    } else if (field->more) {
        auto const at = field->more->elements.find(due.key);
        if (at != field->more->elements.end()) {
            capstan::forget(at->second, collectable());
            if (!at->second.present() && at->second.removes.empty()) {
                field->more->elements.erase(at);
            }
        }
    }
}

/// A window stands in the queue once: it is gone through when the mark has passed all that was in
/// it, and what has come since waits for the next time.
void Model::collect_content(Field& field, Due const& due) {
    field.due = false;
    auto const collect = [&](auto& held) {
        if (held == nullptr) {
            return;
        }
        held->collect(Seq{collectable()});
        if (!held->at_rest()) {
            field.due = true;
            due_.push_back({head_, due.slot, due.name, due.kind, {}});
        }
    };
    if (field.more) {
        collect(field.more->text);
        collect(field.more->list);
    }
}

std::uint64_t Model::state_hash() const {
    for (auto const slot : std::exchange(stale_, {})) {
        Object& object = objects_.at(slot);
        if (!std::exchange(object.hash_stale, false)) {
            continue;  // another one lives there by now
        }
        auto const before = object.hash;
        bring_hash_up_to_date(object, tables_);
        hash_ += object.hash - before;
    }
    return hash_;
}

void Model::check_invariants() const {
    state_hash();
    std::uint64_t hash = 0;
    std::size_t alive = 0;
    for (std::uint32_t slot = 0; slot < objects_.slots_end(); ++slot) {
        Object const& object = objects_.at(slot);
        CAPSTAN_INVARIANT(object.id.empty() == (object.state == ObjectState::unknown));
        if (!object.alive()) {
            CAPSTAN_INVARIANT(object.hash == 0, object.id);
            continue;
        }
        std::uint64_t fields = 0;
        for (Field const& field : object.fields.all()) {
            CAPSTAN_INVARIANT(field.hash == field_hash(object, field, tables_), object.id);
            fields += field.hash;
        }
        CAPSTAN_INVARIANT(fields == object.fields_hash, object.id);
        CAPSTAN_INVARIANT(object.birth_hash == birth_hash(object, tables_), object.id);
        CAPSTAN_INVARIANT(object.hash == fields + head_hash(object, tables_.devices), object.id);
        hash += object.hash;
        ++alive;
    }
    CAPSTAN_INVARIANT(hash == hash_);
    CAPSTAN_INVARIANT(alive == alive_);
}

}  // namespace capstan
