#include "model/content_rules.hpp"

#include <algorithm>
#include <map>

namespace capstan {
namespace {

/// Texts and lists differ in how operations say their edits and in where a field keeps them.
template <class Merged>
struct Kind;

template <>
struct Kind<Text> {
    static std::unique_ptr<Text>& held(FieldMore& more) { return more.text; }
    static auto& effects(EditRoom& room) { return room.text_effects; }

    static std::span<TextSplice const> read(EditRoom& room,
                                            std::span<EditRoom::Placed const> edits,
                                            Stamp) {
        room.text.clear();
        for (auto const& edit : edits) {
            Op const& op = *edit.op.op;
            auto const* const content = std::get_if<std::string>(&op.value);
            room.text.push_back(
                {op.at, op.count, content == nullptr ? std::string_view() : *content});
        }
        return room.text;
    }
};

template <>
struct Kind<List> {
    static std::unique_ptr<List>& held(FieldMore& more) { return more.list; }
    static auto& effects(EditRoom& room) { return room.list_effects; }

    static std::span<ListSplice const> read(EditRoom& room,
                                            std::span<EditRoom::Placed const> edits,
                                            Stamp stamp) {
        room.list.clear();
        room.items.clear();
        room.items.reserve(edits.size());
        for (auto const& edit : edits) {
            Op const& op = *edit.op.op;
            if (op.kind == OpKind::list_remove) {
                room.list.push_back({op.at, op.count, {}});
                continue;
            }
            auto const& item = room.items.emplace_back(
                ListItem{ElementId::of(stamp, edit.number), StoredValue(op.value)});
            room.list.push_back({op.at, 0, {&item, 1}});
        }
        return room.list;
    }
};

/// A device without an event in the stream has pending edits only, in a copy of its own.
DeviceIndex index_of(DeviceNumber device) {
    return {std::min<std::uint32_t>(device, kDeviceIndexMax)};
}

Stamp stamp_of(Author const& author) {
    return Stamp{author.seq};
}

}  // namespace

bool is_edit_operand(Op const& op) {
    return op.kind != OpKind::splice || std::holds_alternative<std::string>(op.value) ||
           std::holds_alternative<std::monostate>(op.value);
}

void ContentEdits::take(std::span<PlacedOp const> ops, std::size_t first, std::size_t end) {
    room_.ops.clear();
    for (auto at = first; at < end; ++at) {
        auto const kind = kind_of(ops[at].op->kind);
        if (kind == FieldKind::text || kind == FieldKind::list) {
            room_.ops.push_back({scene_.tables.names.number(ops[at].op->field),
                                 *kind,
                                 ops[at],
                                 static_cast<std::uint32_t>(at)});
        }
    }
    // Fields in the order in which the event comes to them: numbers of names are the model's own,
    // and changes come in one order everywhere.
    bool const several = std::ranges::any_of(room_.ops, [&](EditRoom::Placed const& edit) {
        return edit.name != room_.ops.front().name || edit.kind != room_.ops.front().kind;
    });
    if (several) {
        std::map<std::pair<NameNumber, FieldKind>, std::uint32_t> places;
        for (auto const& edit : room_.ops) {
            places.try_emplace({edit.name, edit.kind}, edit.number);
        }
        std::ranges::stable_sort(room_.ops, {}, [&](EditRoom::Placed const& edit) {
            return places.at({edit.name, edit.kind});
        });
    }
}

/// Calls `act` with the edits of one field after the other.
template <class Act>
void ContentEdits::for_each_field(Act act) {
    for (auto first = room_.ops.begin(); first != room_.ops.end();) {
        auto const end = std::find_if(first, room_.ops.end(), [&](EditRoom::Placed const& edit) {
            return edit.name != first->name || edit.kind != first->kind;
        });
        act(Edits(first, end));
        first = end;
    }
}

/// What lies below the mark was found void before; what the same run inserted is nobody else's, and
/// has no window to be below of.
EditStamp ContentEdits::stamp() const {
    Author const& author = scene_.author;
    return {stamp_of(author),
            Seq{author.p},
            index_of(author.device),
            Seq{std::min({author.p, author.mark, scene_.keep_from})}};
}

template <class Merged>
bool ContentEdits::fit_in(Edits edits, Field* field) {
    auto const splices = Kind<Merged>::read(room_, edits, stamp_of(scene_.author));
    Merged* const held =
        field == nullptr || !field->more ? nullptr : Kind<Merged>::held(*field->more).get();
    return held == nullptr ? Merged::fits(0, splices)
                           : held->check(stamp(), splices) == EditVerdict::applied;
}

bool ContentEdits::fit(Edits edits, bool anew) {
    auto const& [name, kind, op, number] = edits.front();
    Field* const field = anew ? nullptr : scene_.object.fields.find(name, kind);
    return kind == FieldKind::text ? fit_in<Text>(edits, field) : fit_in<List>(edits, field);
}

std::optional<VoidReason> ContentEdits::judge(bool anew) {
    bool fits = true;
    for_each_field([&](Edits edits) { fits = fits && fit(edits, anew); });
    return fits ? std::nullopt : std::optional(VoidReason::position);
}

void ContentEdits::leave_out_void() {
    std::vector<EditRoom::Placed> left;
    for_each_field([&](Edits edits) {
        if (fit(edits, false)) {
            left.insert(left.end(), edits.begin(), edits.end());
            return;
        }
        for (auto const& edit : edits) {
            scene_.voided(VoidReason::position, edit.op.place);
        }
    });
    room_.ops = std::move(left);
}

void ContentEdits::apply() {
    for_each_field([&](Edits edits) {
        edits.front().kind == FieldKind::text ? apply_to<Text>(edits) : apply_to<List>(edits);
    });
}

template <class Merged>
void ContentEdits::apply_to(Edits edits) {
    auto const splices = Kind<Merged>::read(room_, edits, stamp_of(scene_.author));
    Field& field = scene_.object.fields.find_or_add(edits.front().name, edits.front().kind);
    auto& held = Kind<Merged>::held(field.room());
    if (held == nullptr) {
        held = std::make_unique<Merged>();
    }
    auto& effects = Kind<Merged>::effects(room_);
    effects.clear();
    typename Merged::Items removed;
    auto const verdict =
        held->apply(stamp(), splices, effects, scene_.changes == nullptr ? nullptr : &removed);
    CAPSTAN_INVARIANT(verdict == EditVerdict::applied, scene_.object.id);
    note_edited(field, held->at_rest());
    if (scene_.changes != nullptr && !effects.empty()) {
        scene_.changed(field, effects, std::move(removed));
    }
}

/// Hashes are brought up to date when they are asked for: one of a text that is typed into costs as
/// much as the keystroke.
void ContentEdits::note_edited(Field& field, bool at_rest) const {
    field.hash_stale = true;
    scene_.object.hash_stale = true;
    if (!at_rest && !field.due && scene_.due != nullptr) {
        field.due = true;
        scene_.remember({field});
    }
}

}  // namespace capstan
