#include "model/object_rules.hpp"

#include <algorithm>

#include "model/field_rules.hpp"

namespace capstan {
namespace {

StoredValue present_value(Field const& field, Element const& element) {
    if (!element.present()) {
        return {};
    }
    return field.kind == FieldKind::map ? element.value.value : StoredValue(Value{true});
}

bool is_number(Op const& op) {
    return std::holds_alternative<std::int64_t>(op.value);
}

}  // namespace

void forget(Object& object) {
    object.state = ObjectState::unknown;
    object.deletions.reset();
    object.fields.clear();
    object.fields_hash = 0;
}

bool ObjectEvent::apply() {
    if (object_.state == ObjectState::dead && !author_.remembered(object_.deletions->last)) {
        forget(object_);
    }
    if (auto const reason = judge()) {
        scene_.voided(*reason);
        return false;
    }
    for (std::size_t at = 0; at < ops_.size(); ++at) {
        apply(at);
    }
    object_.hash =
        object_.alive() ? object_.fields_hash + head_hash(object_, scene_.tables.devices) : 0;
    return true;
}

bool ObjectEvent::begins_life() const {
    return object_.state == ObjectState::unknown ||
           (object_.state == ObjectState::dead && author_.saw(object_.deletions->last));
}

std::optional<VoidReason> ObjectEvent::judge() {
    bool const inserts = ops_.front().op->kind == OpKind::insert;
    if (!(inserts && begins_life())) {
        if (object_.state == ObjectState::unknown) {
            return VoidReason::missing;
        }
        if (object_.state == ObjectState::dead) {
            if (auto const reason = judge_dead()) {
                return reason;
            }
        }
    }
    return judge_ops();
}

/// An event on a dead object that is no insert of a new life.
std::optional<VoidReason> ObjectEvent::judge_dead() {
    Touch const& death = object_.deletions->last;
    bool const needs_window = object_.deleted_under != DeleteRule::delete_wins;
    if (needs_window ? author_.saw_at_p(death) : author_.saw(death)) {
        return VoidReason::known_deleted;
    }
    if (ops_.front().op->kind == OpKind::remove) {
        return VoidReason::deleted;  // both wanted the same
    }
    if (!needs_window) {
        scene_.conflict(Rule::delete_wins, scene_.side(death), scene_.own_side({}));
        return VoidReason::deleted;
    }
    return author_.is_late() ? std::optional(VoidReason::below_mark) : std::nullopt;
}

/// What can be told before anything is changed.
std::optional<VoidReason> ObjectEvent::judge_ops() {
    Op const& first = *ops_.front().op;
    bool const inserts = first.kind == OpKind::insert;
    bool const begins = inserts && begins_life();
    NameNumber const type =
        begins ? scene_.tables.names.find(first.type).value_or(Policies::kAny) : object_.type;
    // What the same device inserted in the same run nobody else can have touched.
    bool const own = begins || (object_.inserted.seq >= author_.run_first &&
                                object_.inserted.device == author_.device);
    bool const at_p = scene_.policies.deletion(type) != DeleteRule::delete_wins;
    for (PlacedOp const& placed : ops_) {
        auto const& rules = scene_.rules_of(*placed.op, type);
        auto const reason = judge_op(*placed.op, rules, own);
        if (reason) {
            return reason;
        }
        bool const knew = at_p || needs_window(*placed.op, rules) ? author_.saw_at_p(object_.life)
                                                                  : author_.saw(object_.life);
        if (!inserts && !knew) {
            return VoidReason::earlier_life;
        }
    }
    return judge_edits(inserts, begins);
}

/// Of all edits up to where the event itself removes the object or inserts it once more. Those
/// behind are judged when their turn has come: it depends on those before.
std::optional<VoidReason> ObjectEvent::judge_edits(bool inserts, bool begins) {
    bool const edits = std::ranges::any_of(
        ops_, [](PlacedOp const& placed) { return kind_of(placed.op->kind) >= FieldKind::list; });
    if (!edits || (inserts && !begins)) {  // an id that was taken: they are left out
        return std::nullopt;
    }
    auto const first = std::size_t{inserts ? 1U : 0U};
    judged_end_ = edits_end(first);
    edits_.take(ops_, first, judged_end_);
    return edits_.judge(begins);
}

std::size_t ObjectEvent::edits_end(std::size_t from) const {
    while (from < ops_.size() && kind_of(ops_[from].op->kind)) {
        ++from;
    }
    return from;
}

std::optional<VoidReason> ObjectEvent::judge_op(Op const& op,
                                                FieldRules const& rules,
                                                bool own) const {
    auto const kind = kind_of(op.kind);
    if (!kind) {
        return std::nullopt;
    }
    if (rules.kind && *rules.kind != *kind) {
        return VoidReason::kind;
    }
    if (*kind == FieldKind::counter && !is_number(op)) {
        return VoidReason::operand;
    }
    if (op.kind == OpKind::list_move || op.kind == OpKind::list_set) {
        return VoidReason::unsupported;
    }
    if (!is_edit_operand(op)) {
        return VoidReason::operand;
    }
    bool const as_add = ops_.front().op->kind == OpKind::insert && !own;  // the id was taken
    if (needs_window(op, rules) && !own && author_.is_late() &&
        !(as_add && (*kind == FieldKind::counter || *kind >= FieldKind::list))) {
        return VoidReason::below_mark;
    }
    return std::nullopt;
}

bool ObjectEvent::needs_window(Op const& op, FieldRules const& rules) const {
    auto const kind = kind_of(op.kind);
    return op.kind == OpKind::counter_set || kind == FieldKind::list || kind == FieldKind::text ||
           (rules.elements == SetRule::remove_wins &&
            (kind == FieldKind::set || kind == FieldKind::map));
}

void ObjectEvent::apply(std::size_t at) {
    PlacedOp const& placed = ops_[at];
    if (placed.op->kind == OpKind::insert) {
        insert(*placed.op);
    } else if (placed.op->kind == OpKind::remove) {
        remove(placed);
    } else {
        update(at);
    }
}

void ObjectEvent::insert(Op const& op) {
    if (begins_life()) {
        begin_life(op);
        return;
    }
    if (object_.state == ObjectState::dead) {
        revive();
    }
    settle();
    if (object_.inserted.seq != author_.seq) {
        taken_ = true;
        auto const& at = object_.inserted;
        scene_.conflict(
            Rule::id_taken, scene_.side({at.a, at.seq, at.device}, {}), scene_.own_side({}));
    }
    object_.changes.add(author_.touch());
}

void ObjectEvent::begin_life(Op const& op) {
    object_.life =
        object_.state == ObjectState::dead ? object_.deletions->last : Touch{};  // above the mark
    forget(object_);
    object_.state = ObjectState::live;
    object_.type = scene_.tables.names.number(op.type);
    object_.inserted = {author_.a, author_.run_first, author_.seq, author_.device};
    object_.changes = {author_.touch(), {}};
    object_.birth_hash = birth_hash(object_, scene_.tables);
    scene_.changed(Change::Kind::insert);
}

/// An update that did not know the deletion meets content that was kept for it.
void ObjectEvent::revive() {
    bool const surfaced = object_.deleted_under == DeleteRule::surfaced;
    scene_.conflict(surfaced ? Rule::surfaced : Rule::update_wins,
                    scene_.own_side({}),
                    scene_.side(object_.deletions->last),
                    surfaced);
    object_.state = surfaced ? ObjectState::contested : ObjectState::live;
    if (!surfaced) {
        object_.deletions.reset();
    }
    scene_.changed(Change::Kind::revive);
}

/// An update by an author who knows all that is contested: the object stays.
void ObjectEvent::settle() {
    if (object_.state == ObjectState::contested && object_.deletions->all_seen_at_p(author_)) {
        object_.state = ObjectState::live;
        object_.deletions.reset();
        scene_.changed(Change::Kind::settle);
    }
}

void ObjectEvent::remove(PlacedOp const& placed) {
    if (!object_.alive()) {
        scene_.voided(VoidReason::known_deleted, placed.place);
        return;
    }
    auto const rule = scene_.policies.deletion(object_.type);
    if (object_.changes.all_seen(author_)) {
        die(rule);
        return;
    }
    auto theirs = scene_.side(object_.changes.newest_unseen(author_));
    auto own = scene_.own_side({});
    switch (rule) {
        case DeleteRule::delete_wins:
            scene_.conflict(Rule::delete_wins, std::move(own), std::move(theirs));
            die(rule);
            break;
        case DeleteRule::update_wins:
            scene_.conflict(Rule::update_wins, std::move(theirs), std::move(own));
            break;
        case DeleteRule::surfaced:
            scene_.conflict(Rule::surfaced, std::move(theirs), std::move(own), true);
            contest();
            break;
    }
}

void ObjectEvent::die(DeleteRule rule) {
    scene_.changed(Change::Kind::remove);
    object_.state = ObjectState::dead;
    object_.deleted_under = rule;
    object_.deletions = std::make_unique<Touches>(Touches{author_.touch(), {}});
    if (rule == DeleteRule::delete_wins) {
        object_.fields.clear();
        object_.fields_hash = 0;
    }
    if (scene_.due != nullptr) {
        scene_.due->push_back({author_.seq, scene_.slot, Policies::kAny, FieldKind::reg, {}});
    }
}

void ObjectEvent::contest() {
    if (object_.state != ObjectState::contested) {
        object_.state = ObjectState::contested;
        object_.deleted_under = DeleteRule::surfaced;
        object_.deletions = std::make_unique<Touches>();
        scene_.changed(Change::Kind::contest);
    }
    object_.deletions->add(author_.touch());
}

void ObjectEvent::update(std::size_t at) {
    PlacedOp const& placed = ops_[at];
    if (object_.state == ObjectState::dead) {
        if (author_.saw(object_.deletions->last)) {  // the event itself removed it
            scene_.voided(VoidReason::known_deleted, placed.place);
            return;
        }
        revive();
    }
    settle();
    object_.changes.add(author_.touch());
    switch (*kind_of(placed.op->kind)) {
        case FieldKind::reg:
            update_register(*placed.op);
            break;
        case FieldKind::counter:
            update_counter(*placed.op);
            break;
        case FieldKind::set:
        case FieldKind::map:
            update_element(*placed.op);
            break;
        case FieldKind::list:
        case FieldKind::text:
            update_content(at);
            break;
    }
}

/// The first edit brings all those with it that were or can be judged with it.
void ObjectEvent::update_content(std::size_t at) {
    if (at < applied_end_) {
        return;
    }
    applied_end_ = edits_end(at);
    if (taken_) {
        return;
    }
    if (applied_end_ != judged_end_) {
        edits_.take(ops_, at, applied_end_);
        edits_.leave_out_void();
    }
    edits_.apply();
}

NameNumber ObjectEvent::name_of(Op const& op) const {
    return scene_.tables.names.number(op.field);
}

HashPlace ObjectEvent::place_of(Field const& field) const {
    return {object_.id_hash, scene_.tables.names.hash(field.name), field.kind};
}

void ObjectEvent::update_register(Op const& op) {
    Field& field = object_.fields.find_or_add(name_of(op), FieldKind::reg);
    Target const target{field};
    auto const rule = scene_.policies.field(object_.type, field.name).reg;
    StoredValue const before = scene_.changes == nullptr ? StoredValue() : field.value.value;
    write_register(scene_,
                   target,
                   field.value,
                   rule,
                   op.kind == OpKind::unset ? StoredValue() : StoredValue(op.value));
    scene_.changed(target, before, field.value.value);
    auto const hash = register_hash(place_of(field), field.value, scene_.tables.devices);
    object_.fields_hash += hash - std::exchange(field.hash, hash);
}

void ObjectEvent::update_counter(Op const& op) {
    Field& field = object_.fields.find_or_add(name_of(op), FieldKind::counter);
    Target const target{field};
    StoredValue const before = field.value.value;
    auto const number = std::get<std::int64_t>(op.value);
    if (op.kind == OpKind::add || taken_) {
        add_to_counter(scene_, target, number);
    } else {
        set_counter(scene_, target, number);
    }
    scene_.changed(target, before, field.value.value);
    auto const hash = register_hash(place_of(field), field.value, scene_.tables.devices);
    object_.fields_hash += hash - std::exchange(field.hash, hash);
}

void ObjectEvent::update_element(Op const& op) {
    auto const kind = *kind_of(op.kind);
    Field& field = object_.fields.find_or_add(name_of(op), kind);
    auto const& rules = scene_.policies.field(object_.type, field.name);
    Elements& elements = field.room().elements;
    auto const at =
        elements.try_emplace(kind == FieldKind::map ? op.key : StoredValue(op.value).key()).first;
    Element& element = at->second;
    Target const target{field, &at->first};
    HashPlace place = place_of(field);
    place.key = hash64(as_bytes(at->first));
    auto const hash_before = element_hash(place, element, scene_.tables.devices);
    StoredValue const before = present_value(field, element);
    if (op.kind == OpKind::set_remove || op.kind == OpKind::map_remove) {
        remove_element(scene_, target, element, rules.elements);
        if (!element.present()) {
            element.value = {};  // a later put starts empty
        }
    } else if (add_element(scene_, target, element, rules.elements) && kind == FieldKind::map) {
        write_register(scene_, target, element.value, rules.reg, StoredValue(op.value));
    }
    scene_.changed(target, before, present_value(field, element));
    auto const change = element_hash(place, element, scene_.tables.devices) - hash_before;
    field.hash += change;
    object_.fields_hash += change;
    if (!element.present() && element.removes.empty()) {
        elements.erase(at);
    }
}

}  // namespace capstan
