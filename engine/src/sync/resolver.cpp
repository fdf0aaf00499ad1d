#include <algorithm>
#include <capstan/engine/sync/resolver.hpp>
#include <utility>

namespace capstan::sync {
namespace {

Register const* find_register(Model const& model, Object const& object, DisputePlace const& place) {
    auto const kind = place.key ? FieldKind::map : FieldKind::reg;
    Field const* const field = model.field(object, place.field, kind);
    if (field == nullptr || !place.key) {
        return field == nullptr ? nullptr : &field->value;
    }
    if (!field->more) {
        return nullptr;
    }
    auto const at = field->more->elements.find(*place.key);
    return at == field->more->elements.end() ? nullptr : &at->second.value;
}

ConflictSide side_of(Model const& model, StoredValue const& value, Write const& write) {
    return {Seq{write.seq}, Seq{write.a}, model.tables().devices.id(write.device), value.value()};
}

/// Values that stand beside the one that shows; without those, the ones that lost to it and that
/// nobody has forgotten.
std::vector<ConflictSide> sides_of(Model const& model, Register const& reg) {
    std::vector<ConflictSide> sides;
    if (!reg.more) {
        return sides;
    }
    sides.push_back(side_of(model, reg.value, reg.write));
    for (auto const* const others : {&reg.more->entries, &reg.more->siblings}) {
        for (auto const& [value, write] : *others) {
            if (others == &reg.more->entries || write.seq > model.mark().value) {
                sides.push_back(side_of(model, value, write));
            }
        }
    }
    std::sort(sides.begin() + 1, sides.end(), [](ConflictSide const& x, ConflictSide const& y) {
        return x.seq < y.seq;
    });
    return sides;
}

bool say_the_same(std::vector<ConflictSide> const& sides) {
    return std::ranges::all_of(
        sides, [&sides](ConflictSide const& side) { return side.value == sides.front().value; });
}

}  // namespace

std::optional<Dispute> find_dispute(Model const& model, DisputePlace const& place) {
    Object const* const object = model.find(place.object);
    Register const* const reg = object == nullptr ? nullptr : find_register(model, *object, place);
    auto sides = reg == nullptr ? std::vector<ConflictSide>() : sides_of(model, *reg);
    if (say_the_same(sides)) {
        return std::nullopt;
    }
    return Dispute{place, model.tables().names.str(object->type), std::move(sides), {}};
}

std::vector<DisputePlace> find_disputes(Model const& model,
                                        std::string_view type,
                                        std::string_view field) {
    std::vector<DisputePlace> found;
    auto const consider = [&](DisputePlace place) {
        if (find_dispute(model, place)) {
            found.push_back(std::move(place));
        }
    };
    for (std::uint32_t slot = 0; slot < model.objects().slots_end(); ++slot) {
        Object const& object = model.objects().at(slot);
        if (!object.alive() || model.tables().names.str(object.type) != type) {
            continue;
        }
        consider({object.id, std::string(field), {}});
        Field const* const map = model.field(object, field, FieldKind::map);
        if (map != nullptr && map->more) {
            for (auto const& [key, element] : map->more->elements) {
                consider({object.id, std::string(field), key});
            }
        }
    }
    return found;
}

}  // namespace capstan::sync
