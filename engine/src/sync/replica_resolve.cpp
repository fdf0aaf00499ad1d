// What is in dispute, what stood before it, and what the application's resolvers make of it.
#include <algorithm>
#include <array>
#include <capstan/engine/sync/replica.hpp>
#include <utility>

namespace capstan::sync {
namespace {

std::optional<Value> present_at(Model const& model, ValuePlace const& place) {
    Object const* const object = model.find(place.object);
    if (object == nullptr) {
        return std::nullopt;
    }
    switch (place.kind) {
        case FieldKind::reg:
            return model.value(*object, place.field);
        case FieldKind::counter:
            return Value{model.counter(*object, place.field)};
        case FieldKind::set:
            return model.contains(*object, place.field, place.key) ? std::optional<Value>(true)
                                                                   : std::nullopt;
        case FieldKind::map:
            return model.value(*object, place.field, std::get<std::string>(place.key));
        case FieldKind::list:
        case FieldKind::text:
            break;
    }
    return std::nullopt;
}

ValuePlace value_place(DisputePlace const& place) {
    return {place.object,
            place.field,
            place.key ? FieldKind::map : FieldKind::reg,
            place.key ? Value{*place.key} : Value{}};
}

}  // namespace

std::optional<ConflictBase> Replica::base_of(Conflict const& conflict) const {
    if (conflict.field.empty()) {
        return std::nullopt;
    }
    std::array const sides{conflict.winner, conflict.loser};
    auto const place = place_of(conflict);
    return past_.base_of(place, sides, present_at(*model_, place));
}

void Replica::resolve_by(Resolver resolver) {
    std::pair const key{resolver.type, resolver.field};
    auto const at = resolvers_.insert_or_assign(key, std::move(resolver)).first;
    look_through_model(at->second);
    resolve();
}

Resolver const* Replica::resolver_of(std::string_view type, std::string_view field) const {
    auto const at = resolvers_.find({std::string(type), std::string(field)});
    return at == resolvers_.end() ? nullptr : &at->second;
}

void Replica::look_through_model(Resolver const& resolver) {
    for (auto& place : find_disputes(*model_, resolver.type, resolver.field)) {
        disputes_.insert(std::move(place));
    }
}

void Replica::note_disputes(Changes const& changes) {
    for (Conflict const& conflict : changes.conflicts) {
        bool const is_map = conflict.field_kind == FieldKind::map;
        if (!resolvers_.empty() && (is_map || conflict.field_kind == FieldKind::reg) &&
            resolver_of(conflict.type, conflict.field) != nullptr) {
            auto const* const key = std::get_if<std::string>(&conflict.key);
            disputes_.insert(
                {conflict.object, conflict.field, is_map ? std::optional(*key) : std::nullopt});
        }
    }
}

/// What was decided is looked at again when something new is in dispute there, not before: also if
/// the decision is refused.
void Replica::resolve() {
    if (disputes_.empty() || !has_caught_up()) {
        return;
    }
    for (DisputePlace const& place : std::vector(disputes_.begin(), disputes_.end())) {
        auto const kind = place.key ? FieldKind::map : FieldKind::reg;
        auto const* const shown = overlay_->shown(place.object);
        auto const name = model_->tables().names.find(place.field);
        if (shown != nullptr && name && shown->hides(*name, kind)) {
            continue;  // own writes are on their way
        }
        disputes_.erase(place);
        auto dispute = find_dispute(*model_, place);
        auto const* const resolver = dispute ? resolver_of(dispute->type, place.field) : nullptr;
        if (resolver != nullptr && is_for_us(*resolver, *dispute)) {
            auto const at = value_place(place);
            dispute->base = past_.base_of(at, dispute->sides, present_at(*model_, at));
            decide(*resolver, *dispute);
        }
    }
}

bool Replica::is_for_us(Resolver const& resolver, Dispute const& dispute) const {
    auto const first = std::ranges::min_element(dispute.sides, {}, &ConflictSide::device);
    return resolver.for_all || first->device == client_.device();
}

void Replica::decide(Resolver const& resolver, Dispute const& dispute) {
    auto const seen = view();
    MutationBuilder builder(seen);
    resolver.decide(builder, dispute);
    auto event = builder.take();
    if (event.ops.empty()) {
        return;
    }
    auto const said = mutate(std::move(event), {.expect_head = {}, .undoable = false});
    if (!said && resolver.on_error) {
        resolver.on_error(dispute, said.error());
    }
}

}  // namespace capstan::sync
