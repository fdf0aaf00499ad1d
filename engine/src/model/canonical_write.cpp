// A model as bytes.
//
//   object   = id:text type:text state:u8 inserted life changes deletions? fields
//   state    = 0 live | 1 contested
//              in tombstones: 2 dead (delete wins) | 3 dead (update wins) | 4 dead (surfaced)
//   inserted = seq lag run device                 lag: seq - a;  run: seq - run_first
//   life     = 0 | 1+back device                  back: inserted.seq - seq
//   changes  = touch touch?                       the last, and the last by another device
//   deletions = touch touch?                      unless live
//   fields   = count (name:text kind:u8 content){count}        by name, then kind
//   content of a
//     register = value write multi                             kind 0
//     counter  = total:signed touch? lag?                      kind 1; of the last set that won
//     set      = count (element:text dots){count}              kind 2; at least one, by element
//     map      = count (key:text dots register){count}         kind 3; at least one, by key
//     list     = count (since number value){count}           kind 4; at least one; ids of elements
//     text     = text                                          kind 5; at least one code point
//   multi    = count (value write){count}         by seq; less in causal order than the register
//   dots     = count touch{count}                 by seq, at least one
//   value    = kind:u8 ()                         absent 0, null 1, no 2, yes 3
//            | 4 signed | 5 bits:u64 | kind:u8 text            6 text … 9 blob
//   write    = since lag device
//   touch    = since device                       since: seq - inserted.seq
//   touch?   = 0 | 1+since device
//
//   section  = version:u8 head mark count (length entry){count}          by id
//   entry    = 0 id:text facts                    of a live object, at least one
//            | 1 object facts                     a tombstone
//   facts    = count (name:text kind:u8 fact){count}           by name, then kind
//   fact of a
//     register = count (value write){count}       losing siblings, by seq, at least one
//     counter  = count (touch delta:signed){count}             adds, by seq, at least one
//     set, map = count (element:text removes:(count touch{count})
//                       siblings:(count (value write){count})){count}
//                                                 by element, at least one; siblings: maps alone
//     list, text = length section                 its window, at that mark; not at rest
//   devices  = (id:16){…}
//
// Numbers without a type are LEB128, `signed` ones are folded to 0, -1, 1, -2, …; text has its
// length in front. All in the shortest form. A field without content and a tombstone or fact at or
// below the mark are left out.
#include <algorithm>
#include <capstan/engine/model/canonical.hpp>
#include <capstan/engine/model/key_ranges.hpp>

#include "model/object_writer.hpp"

namespace capstan {
namespace {

bool has_elements(Field const& field) {
    return field.kind == FieldKind::set || field.kind == FieldKind::map;
}

bool is_merged(Field const& field) {
    return field.kind >= FieldKind::list;
}

/// What a text's or list's later edits are judged against; empty at rest.
Bytes window_of(Field const& field, std::uint64_t mark) {
    auto const window = [&](auto const* merged) {
        return merged == nullptr || merged->at_rest() ? Bytes()
                                                      : merged->snapshot(Seq{mark}).window;
    };
    return field.kind == FieldKind::text ? window(field.text()) : window(field.list());
}

StateByte state_byte(Object const& object) {
    if (object.alive()) {
        return object.state == ObjectState::live ? StateByte::live : StateByte::contested;
    }
    return static_cast<StateByte>(static_cast<std::uint8_t>(StateByte::dead_delete_wins) +
                                  static_cast<std::uint8_t>(object.deleted_under));
}

}  // namespace

bool has_content(Field const& field) {
    if (is_merged(field)) {
        return field.size() > 0;
    }
    if (!has_elements(field)) {
        return true;
    }
    return field.more && std::ranges::any_of(field.more->elements,
                                             [](auto const& one) { return one.second.present(); });
}

void ObjectWriter::object() {
    head();
    out_.number(static_cast<std::uint64_t>(
        std::ranges::count_if(fields_, [](Field const* one) { return has_content(*one); })));
    for (Field const* one : fields_) {
        if (has_content(*one)) {
            name(*one);
            field(*one);
        }
    }
}

void ObjectWriter::head() {
    out_.text(object_.id);
    out_.text(tables_.names.str(object_.type));
    out_.byte(static_cast<std::uint8_t>(state_byte(object_)));
    InsertStamp const& at = object_.inserted;
    for (auto const number : {at.seq, at.seq - at.a, at.seq - at.run_first}) {
        out_.number(number);
    }
    out_.number(at.device);
    out_.number(object_.life.seq == 0 ? 0 : 1 + at.seq - object_.life.seq);
    if (object_.life.seq != 0) {
        out_.number(object_.life.device);
    }
    touch(object_.changes.last);
    touch_or_none(object_.changes.other);
    if (object_.state != ObjectState::live) {
        touch(object_.deletions->last);
        touch_or_none(object_.deletions->other);
    }
}

void ObjectWriter::field(Field const& field) {
    if (has_elements(field)) {
        elements(field);
    } else if (is_merged(field)) {
        merged(field);
    } else if (field.kind == FieldKind::reg) {
        reg(field.value);
    } else {
        out_.signed_number(field.value.value.as_int());
        Write const& set = field.value.write;
        touch_or_none(set.touch());
        if (set.seq != 0) {
            out_.number(set.seq - set.a);
        }
    }
}

void ObjectWriter::merged(Field const& field) {
    if (field.kind == FieldKind::text) {
        out_.text(field.text()->content().str());
        return;
    }
    auto const items = field.list()->content().all();
    out_.number(items.size());
    for (auto const& [id, value] : items) {
        out_.number(since(id.value >> kElementPlaceBits));
        out_.number(id.value & kElementPlaceMax);
        this->value(value);
    }
}

void ObjectWriter::elements(Field const& field) {
    auto const& elements = field.more->elements;
    out_.number(static_cast<std::uint64_t>(
        std::ranges::count_if(elements, [](auto const& one) { return one.second.present(); })));
    for (auto const& [key, element] : elements) {
        if (element.present()) {
            out_.text(key);
            touches(element.adds);
            if (field.kind == FieldKind::map) {
                reg(element.value);
            }
        }
    }
}

void ObjectWriter::reg(Register const& reg) {
    value(reg.value);
    write(reg.write);
    std::span<StampedValue const> const entries =
        reg.more ? std::span<StampedValue const>(reg.more->entries)
                 : std::span<StampedValue const>();
    out_.number(entries.size());
    stamped(entries);
}

void ObjectWriter::value(StoredValue const& value) {
    using Kind = StoredValue::Kind;
    out_.byte(static_cast<std::uint8_t>(value.kind()));
    if (value.kind() == Kind::int64) {
        out_.signed_number(value.as_int());
    } else if (value.kind() == Kind::real) {
        out_.raw(value.payload());
    } else if (value.kind() > Kind::real) {
        out_.sized(value.payload());
    }
}

bool ObjectWriter::has_facts(Element const& element) const {
    return std::ranges::any_of(element.removes, [&](Touch const& dot) { return fresh(dot); }) ||
           (element.value.more &&
            std::ranges::any_of(element.value.more->siblings,
                                [&](auto const& one) { return fresh(one.write.touch()); }));
}

/// Of texts and lists the window tells.
bool ObjectWriter::has_facts(Field const& field) const {
    if (is_merged(field)) {
        return false;
    }
    if (has_elements(field)) {
        return field.more && std::ranges::any_of(field.more->elements, [&](auto const& one) {
                   return has_facts(one.second);
               });
    }
    if (field.kind == FieldKind::reg) {
        return field.value.more &&
               std::ranges::any_of(field.value.more->siblings,
                                   [&](auto const& one) { return fresh(one.write.touch()); });
    }
    return field.more &&
           std::ranges::any_of(field.more->adds, [&](auto const& one) { return fresh(one.touch); });
}

bool ObjectWriter::facts() {
    std::vector<std::pair<Field const*, Bytes>> found;  // with its window
    for (Field const* one : fields_) {
        auto window = is_merged(*one) ? window_of(*one, mark_) : Bytes();
        if (!window.empty() || has_facts(*one)) {
            found.emplace_back(one, std::move(window));
        }
    }
    if (found.empty() && object_.alive()) {
        return false;
    }
    out_.number(found.size());
    for (auto const& [one, window] : found) {
        name(*one);
        if (is_merged(*one)) {
            out_.sized(window);
        } else {
            fact(*one);
        }
    }
    return true;
}

void ObjectWriter::fact(Field const& field) {
    if (has_elements(field)) {
        element_facts(field);
    } else if (field.kind == FieldKind::reg) {
        siblings(field.value);
    } else {
        adds(field);
    }
}

void ObjectWriter::element_facts(Field const& field) {
    auto const& elements = field.more->elements;
    out_.number(static_cast<std::uint64_t>(
        std::ranges::count_if(elements, [&](auto const& one) { return has_facts(one.second); })));
    for (auto const& [key, element] : elements) {
        if (has_facts(element)) {
            out_.text(key);
            std::vector<Touch> removes = element.removes;
            std::erase_if(removes, [&](Touch const& dot) { return !fresh(dot); });
            touches(removes);
            siblings(element.value);
        }
    }
}

/// What one event added in several steps is one add.
void ObjectWriter::adds(Field const& field) {
    std::vector<CounterAdd> adds;
    for (CounterAdd const& add : field.more->adds) {
        if (!fresh(add.touch)) {
            continue;
        }
        if (!adds.empty() && adds.back().touch == add.touch) {
            auto& delta = adds.back().delta;
            delta = static_cast<std::int64_t>(static_cast<std::uint64_t>(delta) +
                                              static_cast<std::uint64_t>(add.delta));
        } else {
            adds.push_back(add);
        }
    }
    out_.number(adds.size());
    for (CounterAdd const& add : adds) {
        touch(add.touch);
        out_.signed_number(add.delta);
    }
}

void ObjectWriter::siblings(Register const& reg) {
    std::vector<StampedValue> siblings;
    if (reg.more) {
        siblings = reg.more->siblings;
        std::erase_if(siblings, [&](auto const& one) { return !fresh(one.write.touch()); });
    }
    out_.number(siblings.size());
    stamped(siblings);
}

void append_object(Bytes& out, Object const& object, Tables const& tables) {
    CAPSTAN_INVARIANT(object.alive(), object.id);
    ObjectWriter(out, object, tables, 0).object();
}

Seq last_changed(Object const& object) {
    auto const deleted = object.deletions ? object.deletions->last.seq : 0;
    return Seq{std::max(object.changes.last.seq, deleted)};
}

bool append_window_entry(Bytes& out, Object const& object, Tables const& tables, Seq mark) {
    auto const before = out.size();
    ObjectWriter writer(out, object, tables, mark.value);
    if (object.alive()) {
        CanonicalWriter(out).byte(0);
        CanonicalWriter(out).text(object.id);
        if (!writer.facts()) {
            out.resize(before);
        }
    } else if (object.state == ObjectState::dead && object.deletions->last.seq > mark.value) {
        CanonicalWriter(out).byte(1);
        writer.object();
        writer.facts();
    }
    return out.size() > before;
}

Bytes encode_window(Model const& model) {
    std::vector<Object const*> objects;
    for (std::uint32_t slot = 0; slot < model.objects().slots_end(); ++slot) {
        objects.push_back(&model.objects().at(slot));
    }
    std::ranges::sort(
        objects, {}, [](Object const* one) -> auto const& { return one->id; });
    Bytes bytes;
    std::vector<std::pair<Object const*, std::size_t>> ends;
    for (Object const* object : objects) {
        if (append_window_entry(bytes, *object, model.tables(), model.mark())) {
            ends.emplace_back(object, bytes.size());
        }
    }
    WindowSection section{model.head(), model.mark(), {}};
    std::size_t at = 0;
    for (auto const& [object, end] : ends) {
        section.entries.push_back(
            {object->id, object->alive(), ByteView(bytes).subspan(at, end - at)});
        at = end;
    }
    return make_window(section);
}

Bytes make_window(WindowSection const& section) {
    Bytes bytes;
    CanonicalWriter out(bytes);
    out.byte(kModelFormatVersion);
    for (auto const number :
         {section.head.value, section.mark.value, std::uint64_t{section.entries.size()}}) {
        out.number(number);
    }
    for (WindowEntry const& entry : section.entries) {
        out.sized(entry.bytes);
    }
    return bytes;
}

Bytes encode_devices(Devices const& devices, DeviceNumber first) {
    Bytes bytes;
    ByteWriter out(bytes);
    for (DeviceNumber number = first; number < devices.size(); ++number) {
        out.put(devices.id(number));
    }
    return bytes;
}

}  // namespace capstan
