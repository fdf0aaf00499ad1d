#include "model/scene.hpp"

namespace capstan {

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

void Scene::changed(Target const& target,
                    StoredValue const& before,
                    StoredValue const& after) const {
    if (changes != nullptr && before != after) {
        changed(Change::Kind::update);
        Change& change = changes->changes.back();
        change.field = tables.names.str(target.field.name);
        change.field_kind = target.field.kind;
        change.key = key_of(target);
        change.before = before.value();
        change.after = after.value();
    }
}

void Scene::voided(VoidReason reason, std::optional<std::uint32_t> op) const {
    if (changes != nullptr) {
        changes->voids.push_back(
            {reason, object.id, op, Seq{author.seq}, tables.devices.id(author.device)});
    }
}

}  // namespace capstan
