// Reads what canonical_write.cpp writes, whose grammar stands there.
#include <algorithm>
#include <capstan/engine/model/canonical.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/schema/limits.hpp>
#include <utility>

#include "model/model_hash.hpp"
#include "model/object_reader.hpp"

namespace capstan {
namespace {

constexpr std::size_t kTypeBytesMax = kFieldNameBytesMax;
constexpr auto kKindLast = static_cast<std::uint8_t>(FieldKind::text);

Error malformed(char const* what) {
    return {Errc::malformed, std::string("model bytes: ") + what};
}

bool is_element_key(FieldKind kind, std::string_view key) {
    if (kind == FieldKind::map) {
        return is_utf8(key);
    }
    auto const value = StoredValue::parse_key(key);
    return value && value->key() == key;
}

}  // namespace

Object ModelRestore::Reader::object(bool dead) {
    Object object;
    head(object, dead);
    fields(object);
    bool const bare =
        object.state == ObjectState::dead && object.deleted_under == DeleteRule::delete_wins;
    require(!bare || object.fields.all().empty());
    return object;
}

void ModelRestore::Reader::head(Object& object, bool dead) {
    object.id = text(kObjectIdBytesMax);
    object.type = tables_.names.number(text(kTypeBytesMax));
    require(!object.id.empty());
    auto const state = byte();
    require(dead ? state >= 2 && state <= 4 : state <= 1);
    object.state = dead         ? ObjectState::dead
                   : state == 0 ? ObjectState::live
                                : ObjectState::contested;
    object.deleted_under = dead         ? static_cast<DeleteRule>(state - 2)
                           : state == 1 ? DeleteRule::surfaced
                                        : DeleteRule::delete_wins;
    base_ = 0;
    InsertStamp& at = object.inserted;
    at.seq = base_ = seq_since(number(1, kSeqMax.value));
    at.a = seen_before(at.seq);
    at.run_first = at.seq - number(0, at.seq == 0 ? 0 : at.seq - 1);
    at.device = device();
    if (auto const back = number(0, at.seq); back != 0) {
        object.life = {at.seq - (back - 1), 0};
        object.life.device = device();
    }
    object.changes.last = touch();
    object.changes.other = touch_or_none();
    auto const apart = [&](Touches const& touches) {
        require(touches.other.seq < touches.last.seq &&
                touches.other.device != touches.last.device);
    };
    apart(object.changes);
    if (state != 0) {
        object.deletions = std::make_unique<Touches>();
        object.deletions->last = touch();
        object.deletions->other = touch_or_none();
        apart(*object.deletions);
        require(!dead || object.deletions->other.seq == 0);
    }
}

std::pair<std::string, FieldKind> ModelRestore::Reader::next_place(
    std::pair<std::string, FieldKind> const& before, bool first) {
    std::pair<std::string, FieldKind> place{text(kFieldNameBytesMax), FieldKind::reg};
    auto const kind = byte();
    require(kind <= kKindLast);
    place.second = static_cast<FieldKind>(std::min(kind, kKindLast));
    require(!place.first.empty() && (first || before < place));
    return place;
}

std::string ModelRestore::Reader::next_key(FieldKind kind, std::string const& before, bool first) {
    std::string key(as_text(sized()));
    require((first || before < key) && is_element_key(kind, key));
    return key;
}

void ModelRestore::Reader::fields(Object& object) {
    auto const count = this->count(4);
    std::pair<std::string, FieldKind> place;
    for (std::size_t i = 0; i < count && ok(); ++i) {
        place = next_place(place, i == 0);
        Field read = field(place.second);
        if (ok()) {
            Field& field =
                object.fields.find_or_add(tables_.names.number(place.first), place.second);
            field.value = std::move(read.value);
            field.more = std::move(read.more);
        }
    }
}

Field ModelRestore::Reader::field(FieldKind kind) {
    Field field;
    field.kind = kind;
    if (kind == FieldKind::reg) {
        field.value = reg();
    } else if (kind == FieldKind::counter) {
        counter(field);
    } else if (kind == FieldKind::text) {
        auto const content = text(std::numeric_limits<std::size_t>::max());
        require(!content.empty());
        field.room().text = std::make_unique<Text>(content);
    } else if (kind == FieldKind::list) {
        list(field);
    } else {
        elements(field);
    }
    return field;
}

void ModelRestore::Reader::counter(Field& field) {
    field.value.value = StoredValue::of_int(signed_number());
    auto const set = touch_or_none();
    if (set.seq != 0) {
        field.value.write = {seen_before(set.seq), set.seq, set.device};
    }
}

void ModelRestore::Reader::list(Field& field) {
    auto const count = this->count(3, 1);
    std::vector<ListItem> items;
    for (std::size_t i = 0; i < count && ok(); ++i) {
        auto const seq = seq_since(number());
        require(seq <= kElementSeqMax);
        auto const place = number(0, kElementPlaceMax);
        items.push_back({{seq << kElementPlaceBits | place}, value()});
    }
    field.room().list = std::make_unique<List>(std::span<ListItem const>(items));
}

/// The window of what the field holds already.
void ModelRestore::Reader::window(Field& field) {
    auto const bytes = sized();
    auto const restored = [&](auto& held, auto const& content) {
        using Merged = std::remove_reference_t<decltype(*held)>;
        auto merged = Merged::restore(content, bytes);
        require(merged.has_value() && !bytes.empty());
        if (!ok()) {
            return;
        }
        auto const touched = merged.value().window().touched().value;
        // At any mark but that of the section, and in any other form, it would be another window.
        require(!mark_.of_section ||
                std::ranges::equal(merged.value().snapshot(Seq{mark_.seq}).window, bytes));
        seq_max_ = std::max(seq_max_, touched);
        held = std::make_unique<Merged>(std::move(merged).value());
        field.due = true;
        remember(touched);
    };
    FieldMore& more = field.room();
    if (field.kind == FieldKind::text) {
        restored(more.text, more.text ? more.text->content().str() : std::string());
    } else {
        restored(more.list, more.list ? more.list->content().all() : std::vector<ListItem>());
    }
}

void ModelRestore::Reader::elements(Field& field) {
    auto const count = this->count(4, 1);
    std::string key;
    for (std::size_t i = 0; i < count && ok(); ++i) {
        key = next_key(field.kind, key, i == 0);
        Element element;
        element.adds = touches(1);
        if (field.kind == FieldKind::map) {
            element.value = reg();
        }
        auto& elements = field.room().elements;
        elements.emplace_hint(elements.end(), key, std::move(element));
    }
}

Register ModelRestore::Reader::reg() {
    Register reg;
    reg.value = value();
    reg.write = write();
    if (auto entries = stamped(0); !entries.empty()) {
        require(std::ranges::all_of(
            entries, [&](auto const& one) { return causally_less(one.write, reg.write); }));
        reg.more = std::make_unique<RegisterMore>();
        reg.more->entries = std::move(entries);
    }
    return reg;
}

StoredValue ModelRestore::Reader::value() {
    using Kind = StoredValue::Kind;
    auto const raw = byte();
    require(raw <= static_cast<std::uint8_t>(Kind::blob));
    auto const kind = static_cast<Kind>(raw);
    if (kind == Kind::int64) {
        return StoredValue::of_int(signed_number());
    }
    auto const payload = kind < Kind::real    ? ByteView{}
                         : kind == Kind::real ? take(sizeof(std::uint64_t))
                                              : sized();
    auto const value = ok() ? StoredValue::parse(kind, payload) : std::nullopt;
    require(value.has_value());
    return value.value_or(StoredValue());
}

std::vector<Touch> ModelRestore::Reader::touches(std::size_t least) {
    std::vector<Touch> out(count(2, least));
    for (std::size_t i = 0; i < out.size() && ok(); ++i) {
        out[i] = touch();
        require(i == 0 || out[i - 1].seq < out[i].seq);
    }
    return out;
}

std::vector<StampedValue> ModelRestore::Reader::stamped(std::size_t least) {
    std::vector<StampedValue> out;
    auto const count = this->count(4, least);
    for (std::size_t i = 0; i < count && ok(); ++i) {
        auto read = value();
        out.push_back({std::move(read), write()});
        require(i == 0 || out[i - 1].write.seq < out[i].write.seq);
    }
    return out;
}

void ModelRestore::Reader::facts(Object& object, Mark const& mark, std::vector<Due>& due) {
    base_ = object.inserted.seq;
    mark_ = mark;
    due_ = &due;
    auto const count = this->count(4, object.alive() ? 1 : 0);
    std::pair<std::string, FieldKind> place;
    for (std::size_t i = 0; i < count && ok(); ++i) {
        place = next_place(place, i == 0);
        if (!ok()) {
            return;
        }
        due_name_ = tables_.names.number(place.first);
        due_kind_ = place.second;
        Field* field = object.fields.find(due_name_, due_kind_);
        if (field == nullptr) {
            require(due_kind_ > FieldKind::counter);
            if (!ok()) {
                return;
            }
            field = &object.fields.find_or_add(due_name_, due_kind_);
        }
        fact(*field);
    }
}

void ModelRestore::Reader::fact(Field& field) {
    if (field.kind == FieldKind::counter) {
        adds(field);
    } else if (field.kind >= FieldKind::list) {
        window(field);
    } else if (field.kind != FieldKind::reg) {
        element_facts(field);
    } else if (auto found = siblings(); ok()) {
        require(!found.empty());
        if (!field.value.more) {
            field.value.more = std::make_unique<RegisterMore>();
        }
        field.value.more->siblings = std::move(found);
    }
}

void ModelRestore::Reader::remember(std::uint64_t seq, std::string_view key) {
    require(seq > mark_.seq);
    due_->push_back({seq, 0, due_name_, due_kind_, std::string(key)});
}

void ModelRestore::Reader::adds(Field& field) {
    auto const count = this->count(3, 1);
    auto& adds = field.room().adds;
    for (std::size_t i = 0; i < count && ok(); ++i) {
        auto const at = touch();
        adds.push_back({at, signed_number()});
        require(i == 0 || adds[i - 1].touch.seq < at.seq);
        remember(at.seq);
    }
}

std::vector<StampedValue> ModelRestore::Reader::siblings() {
    auto out = stamped(0);
    for (auto const& one : out) {
        remember(one.write.seq);
    }
    return out;
}

void ModelRestore::Reader::element_facts(Field& field) {
    auto const count = this->count(4, 1);
    std::string key;
    for (std::size_t i = 0; i < count && ok(); ++i) {
        key = next_key(field.kind, key, i == 0);
        auto removes = touches(0);
        auto const due_before = due_->size();
        auto lost = siblings();
        for (auto due = due_before; due < due_->size(); ++due) {
            (*due_)[due].key = key;
        }
        for (Touch const& dot : removes) {
            remember(dot.seq, key);
        }
        auto& element = field.room().elements[key];
        require(!(removes.empty() && lost.empty()));
        require(lost.empty() || (field.kind == FieldKind::map && element.present()));
        element.removes = std::move(removes);
        if (!lost.empty()) {
            if (!element.value.more) {
                element.value.more = std::make_unique<RegisterMore>();
            }
            element.value.more->siblings = std::move(lost);
        }
    }
}

Result<ObjectHead> read_object_head(ByteView object) {
    CanonicalReader in(object);
    ObjectHead head;
    head.id = in.text(kObjectIdBytesMax);
    head.type = in.text(kTypeBytesMax);
    auto const state = in.byte();
    auto const inserted = in.number(1, kSeqMax.value);
    in.number();  // lag
    in.number();  // run
    in.number();  // device
    if (in.number() != 0) {
        in.number();  // device of the life's deletion
    }
    auto since = in.number();
    in.number();  // its device
    if (in.number() != 0) {
        in.number();  // device of the other change
    }
    if (state != 0) {
        since = std::max(since, in.number());
    }
    if (!in.ok() || head.id.empty() || state > 1 || since > kSeqMax.value - inserted) {
        return malformed("object head");
    }
    head.inserted = Seq{inserted};
    head.last_changed = Seq{inserted + since};
    return head;
}

Result<> ModelRestore::devices(ByteView table) {
    Devices& devices = model_.tables_.devices;
    ByteReader in(table);
    while (!in.rest().empty()) {
        auto const id = in.get_device();
        if (!in.ok() || devices.find(id) != kNoDevice) {
            return malformed("device table");
        }
        devices.number(id);
    }
    return success();
}

Result<> ModelRestore::object(ByteView bytes) {
    Reader in(bytes, model_.tables_, seq_max_);
    auto object = in.object(false);
    if (!in.done()) {
        return malformed("object");
    }
    CAPSTAN_TRY(add(std::move(object)));
    return success();
}

Result<std::uint32_t> ModelRestore::add(Object object) {
    if (model_.objects_.find(object.id) != ObjectTable::kNone) {
        return malformed("an object is there twice");
    }
    work_out_hashes(object, model_.tables_);
    return model_.place(std::move(object));
}

Result<> ModelRestore::window_entry(ByteView bytes, Seq mark) {
    CAPSTAN_TRY(entry(bytes, {mark.value, false}));
    return success();
}

/// Answers the object's id.
Result<std::string> ModelRestore::entry(ByteView bytes, Mark const& mark) {
    Reader in(bytes, model_.tables_, seq_max_);
    auto const due_first = due_.size();
    auto const kind = in.byte();
    in.require(kind <= 1);
    CAPSTAN_TRY(auto const slot, kind == 1 ? tombstone(in, mark) : live_facts(in, mark));
    for (auto due = due_first; due < due_.size(); ++due) {
        due_[due].slot = slot;
    }
    if (!in.done()) {
        return malformed("window entry");
    }
    return model_.objects_.at(slot).id;
}

Result<std::uint32_t> ModelRestore::live_facts(Reader& in, Mark const& mark) {
    auto const slot = model_.objects_.find(in.text(kObjectIdBytesMax));
    if (slot == ObjectTable::kNone || !model_.objects_.at(slot).alive()) {
        return malformed("facts of an object that is not there");
    }
    in.facts(model_.objects_.at(slot), mark, due_);
    return slot;
}

Result<std::uint32_t> ModelRestore::tombstone(Reader& in, Mark const& mark) {
    auto object = in.object(true);
    if (!in.ok() || object.deletions->last.seq <= mark.seq) {
        return malformed("tombstone");
    }
    in.facts(object, mark, due_);
    due_.push_back({object.deletions->last.seq, 0, Policies::kAny, FieldKind::reg, {}});
    return add(std::move(object));
}

Result<Model> ModelRestore::finish(Seq head, Seq mark) && {
    if (head > kSeqMax || seq_max_ > head.value || (mark.value != 0 && mark >= head)) {
        return malformed("a seq above the head");
    }
    model_.add_due(std::move(due_));
    model_.head_ = head.value;
    model_.mark_ = mark.value;
    if (std::exchange(model_.policies_changed_, false)) {
        model_.read_policies();
    }
    return std::move(model_);
}

namespace {

struct WindowHeader {
    std::uint64_t head = 0;
    std::uint64_t mark = 0;
    std::size_t entries = 0;
};

Result<WindowHeader> read_header(CanonicalReader& in) {
    auto const version = in.byte();
    WindowHeader header;
    header.head = in.number(0, kSeqMax.value);
    header.mark = in.number(0, header.head);
    header.entries = in.count(5);
    if (version != kModelFormatVersion || !in.ok()) {
        return malformed("window header");
    }
    return header;
}

}  // namespace

Result<WindowSection> read_window(ByteView window) {
    CanonicalReader in(window);
    CAPSTAN_TRY(auto const header, read_header(in));
    WindowSection section{Seq{header.head}, Seq{header.mark}, {}};
    for (std::size_t i = 0; i < header.entries; ++i) {
        WindowEntry entry{.bytes = in.sized()};
        CanonicalReader front(entry.bytes);
        entry.alive = front.byte() == 0;
        entry.id = front.text(kObjectIdBytesMax);
        if (!front.ok() || (i > 0 && entry.id <= section.entries.back().id)) {
            return malformed("window entry");
        }
        section.entries.push_back(entry);
    }
    return in.done() ? Result<WindowSection>(std::move(section)) : malformed("window section");
}

Result<Model> ModelRestore::finish(ByteView window) && {
    CanonicalReader in(window);
    CAPSTAN_TRY(auto const header, read_header(in));
    std::string before;
    for (std::size_t i = 0; i < header.entries; ++i) {
        CAPSTAN_TRY(auto id, entry(in.sized(), {header.mark, true}));
        if (i > 0 && id <= before) {
            return malformed("window entries out of order");
        }
        before = std::move(id);
    }
    if (!in.done()) {
        return malformed("window section");
    }
    return std::move(*this).finish(Seq{header.head}, Seq{header.mark});
}

}  // namespace capstan
