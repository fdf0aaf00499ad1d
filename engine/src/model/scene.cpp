#include "model/scene.hpp"

namespace capstan {

std::optional<FieldKind> kind_of(OpKind kind) {
    switch (kind) {
        case OpKind::insert:
        case OpKind::remove:
            return std::nullopt;
        case OpKind::set:
        case OpKind::unset:
            return FieldKind::reg;
        case OpKind::add:
        case OpKind::counter_set:
            return FieldKind::counter;
        case OpKind::set_add:
        case OpKind::set_remove:
            return FieldKind::set;
        case OpKind::map_put:
        case OpKind::map_remove:
            return FieldKind::map;
        case OpKind::list_insert:
        case OpKind::list_remove:
        case OpKind::list_move:
        case OpKind::list_set:
            return FieldKind::list;
        case OpKind::splice:
            return FieldKind::text;
    }
    return std::nullopt;
}

Value Scene::key_of(Target const& target) {
    if (target.key == nullptr) {
        return {};
    }
    if (target.field.kind == FieldKind::map) {
        return Value{*target.key};
    }
    auto const element = StoredValue::parse_key(*target.key);
    return element->value().value();
}

void Scene::remember(Target const& target) const {
    if (due != nullptr) {
        due->push_back({author.seq,
                        slot,
                        target.field.name,
                        target.field.kind,
                        target.key == nullptr ? std::string() : *target.key});
    }
}

ConflictSide Scene::side(Write const& write, StoredValue const& value) const {
    return {Seq{write.seq}, Seq{write.a}, tables.devices.id(write.device), value.value()};
}

ConflictSide Scene::side(Touch const& touch) const {
    return {Seq{touch.seq}, Seq{}, tables.devices.id(touch.device), std::nullopt};
}

void Scene::conflict(Rule rule, ConflictSide winner, ConflictSide loser, bool open) const {
    if (changes != nullptr) {
        changes->conflicts.push_back({.rule = rule,
                                      .object = object.id,
                                      .type = tables.names.str(object.type),
                                      .winner = std::move(winner),
                                      .loser = std::move(loser),
                                      .open = open});
    }
}

void Scene::conflict(
    Target const& target, Rule rule, ConflictSide winner, ConflictSide loser, bool open) const {
    if (changes != nullptr) {
        conflict(rule, std::move(winner), std::move(loser), open);
        changes->conflicts.back().field = tables.names.str(target.field.name);
        changes->conflicts.back().field_kind = target.field.kind;
        changes->conflicts.back().key = key_of(target);
    }
}

void Scene::changed(Change::Kind kind) const {
    if (changes != nullptr) {
        changes->changes.push_back(
            {.kind = kind, .object = object.id, .type = tables.names.str(object.type)});
    }
}

Change& Scene::updated(Field const& field) const {
    changed(Change::Kind::update);
    Change& change = changes->changes.back();
    change.field = tables.names.str(field.name);
    change.field_kind = field.kind;
    return change;
}

void Scene::changed(Target const& target,
                    StoredValue const& before,
                    StoredValue const& after) const {
    if (changes != nullptr && before != after) {
        Change& change = updated(target.field);
        change.key = key_of(target);
        change.before = before.value();
        change.after = after.value();
    }
}

void Scene::changed(Field const& field,
                    std::span<TextSplice const> effects,
                    std::string removed) const {
    Change& change = updated(field);
    for (auto const& [at, points, inserted] : effects) {
        auto gone = Rope::slice_of(removed, 0, points);
        removed.erase(0, gone.size());
        change.text.push_back({at, std::move(gone), std::string(inserted)});
    }
}

void Scene::changed(Field const& field,
                    std::span<ListSplice const> effects,
                    std::vector<ListItem> const& removed) const {
    auto const values_of = [](std::span<ListItem const> items) {
        std::vector<Value> values;
        for (auto const& item : items) {
            values.push_back(item.value.value().value());
        }
        return values;
    };
    Change& change = updated(field);
    std::span<ListItem const> rest(removed);
    for (auto const& [at, count, inserted] : effects) {
        change.list.push_back({at, values_of(rest.first(count)), values_of(inserted)});
        rest = rest.subspan(count);
    }
}

void Scene::voided(VoidReason reason, std::optional<std::uint32_t> op) const {
    if (changes != nullptr) {
        changes->voids.push_back(
            {reason, object.id, op, Seq{author.seq}, tables.devices.id(author.device)});
    }
}

}  // namespace capstan
