#include <algorithm>
#include <capstan/engine/model/model_update.hpp>
#include <capstan/engine/text/folded_text.hpp>
#include <utility>

#include "model/model_hash.hpp"
#include "model/object_reader.hpp"

namespace capstan {
namespace {

Error malformed(char const* what) {
    return {Errc::malformed, std::string("model update: ") + what};
}

void forget_siblings(Register& reg) {
    if (reg.more) {
        reg.more->siblings.clear();
    }
}

/// What a window section tells of a field goes, what object bytes tell stays.
void forget_facts(Field& field) {
    forget_siblings(field.value);
    if (!field.more) {
        return;
    }
    field.more->adds.clear();
    std::erase_if(field.more->elements, [](auto const& one) { return !one.second.present(); });
    for (auto& [key, element] : field.more->elements) {
        element.removes.clear();
        forget_siblings(element.value);
    }
    if (auto& text = field.more->text; text && !text->at_rest()) {
        text = std::make_unique<Text>(text->content().str());
    }
    if (auto& list = field.more->list; list && !list->at_rest()) {
        auto const items = list->content().all();
        list = std::make_unique<List>(std::span<ListItem const>(items));
    }
}

/// The object with its fields, by another head.
void copy_fields(Object const& from, Object& to) {
    for (Field const& field : from.fields.all()) {
        to.fields.find_or_add(field.name, field.kind) = field.copy();
    }
    for (Field& field : to.fields.all()) {
        forget_facts(field);
    }
}

std::vector<FoldedSplice> read_splices(CanonicalReader& in) {
    std::vector<FoldedSplice> splices;
    for (auto left = in.count(3, 1); left > 0 && in.ok(); --left) {
        FoldedSplice splice{.retained = in.number(), .removed = in.number(), .inserted = {}};
        splice.inserted = in.text(std::numeric_limits<std::size_t>::max());
        splices.push_back(std::move(splice));
    }
    return splices;
}

}  // namespace

ModelUpdate::ModelUpdate(Model& model)
    : model_(model), devices_before_(static_cast<DeviceNumber>(model.tables().devices.size())) {}

ModelUpdate::~ModelUpdate() {
    if (!committed_) {
        model_.tables_.devices.drop_from(devices_before_);
    }
}

Result<> ModelUpdate::devices(std::span<DeviceId const> devices) {
    auto& table = model_.tables_.devices;
    for (auto const& device : devices) {
        if (table.find(device) != kNoDevice) {
            return malformed("a device that is known");
        }
        table.number(device);
    }
    return success();
}

void ModelUpdate::remove(std::string_view id) {
    staged_.insert_or_assign(std::string(id), Staged{});
}

Result<> ModelUpdate::object(ByteView bytes) {
    ModelRestore::Reader in(bytes, model_.tables_, seq_max_);
    auto object = in.object(false);
    if (!in.done()) {
        return malformed("object");
    }
    auto const id = object.id;
    staged_[id].object = std::move(object);
    return success();
}

Result<> ModelUpdate::patch(ByteView bytes) {
    ModelRestore::Reader in(bytes, model_.tables_, seq_max_);
    Object object;
    in.head(object, false);
    Object const* const before = in.ok() ? model_.find(object.id) : nullptr;
    if (before == nullptr || !(before->inserted == object.inserted) ||
        before->type != object.type) {
        return malformed("a patch of another object");
    }
    copy_fields(*before, object);
    std::pair<std::string, FieldKind> place;
    auto const count = in.count(4);
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        place = in.next_place(place, i == 0);
        auto const how = in.byte();
        if (in.ok()) {
            auto const name = model_.tables_.names.number(place.first);
            change_field(in, how, object.fields.find_or_add(name, place.second));
        }
    }
    if (!in.done()) {
        return malformed("patch");
    }
    auto const id = object.id;
    staged_[id].object = std::move(object);
    return success();
}

void ModelUpdate::change_field(ModelRestore::Reader& in, std::uint8_t how, Field& field) {
    if (how == kContent) {
        Field read = in.field(field.kind);
        field.value = std::move(read.value);
        field.more = std::move(read.more);
        return;
    }
    in.require(field.kind > FieldKind::counter);
    Rope content(field.text() ? field.text()->content().str() : std::string());
    if (how == kSplices) {
        in.require(field.kind == FieldKind::text);
        auto const splices = read_splices(in);
        in.require(in.ok() && apply_splices(content, splices) && content.items() > 0);
    }
    in.require(how == kNothing || how == kSplices);
    field.more.reset();
    if (how == kSplices && in.ok()) {
        field.room().text = std::make_unique<Text>(content.str());
    }
}

Result<> ModelUpdate::stage(WindowEntry const& entry, Seq mark) {
    auto const at = staged_.find(entry.id);
    if (at == staged_.end() || at->second.object.has_value() != entry.alive) {
        return malformed("facts of another object");
    }
    auto& [object, due] = at->second;
    ModelRestore::Reader in(entry.bytes, model_.tables_, seq_max_);
    in.byte();
    if (entry.alive) {
        in.text(kObjectIdBytesMax);
    } else {
        object = in.object(true);
        in.require(object->deletions != nullptr && object->deletions->last.seq > mark.value);
    }
    if (in.ok()) {
        in.facts(*object, {mark.value, true}, due);
    }
    if (!in.done()) {
        return malformed("window entry");
    }
    if (!entry.alive) {
        due.push_back({object->deletions->last.seq, 0, Policies::kAny, FieldKind::reg, {}});
    }
    return success();
}

/// Works out the state hash before anything is moved.
bool ModelUpdate::fits(WindowSection const& window, std::uint64_t state_hash) {
    auto hash = model_.state_hash();
    for (auto& [id, staged] : staged_) {
        auto const slot = model_.objects_.find(id);
        hash -= slot == ObjectTable::kNone ? 0 : model_.objects_.at(slot).hash;
        if (staged.object) {
            work_out_hashes(*staged.object, model_.tables_);
            hash += staged.object->hash;
        }
    }
    return hash == state_hash && seq_max_ <= window.head.value && window.head >= model_.head() &&
           window.mark >= model_.mark() && (window.mark < window.head || window.mark.value == 0);
}

Result<> ModelUpdate::commit(WindowSection const& window, std::uint64_t state_hash) {
    for (WindowEntry const& entry : window.entries) {
        CAPSTAN_TRY(stage(entry, window.mark));
    }
    if (!fits(window, state_hash)) {
        return malformed("it makes another model than it says");
    }
    place();
    model_.head_ = window.head.value;
    model_.mark_ = window.mark.value;
    if (std::exchange(model_.policies_changed_, false)) {
        model_.read_policies();
    }
    committed_ = true;
    return success();
}

void ModelUpdate::place() {
    std::vector<Due> all;
    for (auto& [id, staged] : staged_) {
        if (auto const slot = model_.objects_.find(id); slot != ObjectTable::kNone) {
            model_.take_out(slot);
        }
        if (!staged.object) {
            continue;
        }
        auto const slot = model_.place(std::move(*staged.object));
        for (Due& due : staged.due) {
            due.slot = slot;
            all.push_back(std::move(due));
        }
    }
    model_.add_due(std::move(all));
}

}  // namespace capstan
