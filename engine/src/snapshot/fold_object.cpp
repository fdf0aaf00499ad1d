// What of an object changed. A patch's grammar: model_update.hpp.
#include <algorithm>
#include <capstan/engine/model/model_update.hpp>
#include <capstan/engine/snapshot/folded_delta.hpp>
#include <capstan/engine/text/folded_text.hpp>
#include <optional>
#include <utility>

#include "model/object_reader.hpp"
#include "model/object_writer.hpp"

namespace capstan {
namespace {

bool is_newer(Register const& reg, Seq from) {
    auto const newer = [&](Write const& write) { return write.seq > from.value; };
    return newer(reg.write) ||
           (reg.more && std::ranges::any_of(reg.more->entries, [&](StampedValue const& one) {
                return newer(one.write);
            }));
}

/// All that was done to the text since; nothing if that is no longer known.
std::optional<Bytes> splices_since(FieldTrail const& trail, Seq from) {
    if (trail.edits_after > from) {
        return std::nullopt;
    }
    FoldedText folded;
    for (TrailEdit const& edit : trail.edits) {
        if (edit.seq > from) {
            folded.add(edit.at, edit.removed, edit.inserted);
        }
    }
    auto const splices = folded.splices();
    Bytes bytes;
    CanonicalWriter out(bytes);
    out.number(splices.size());
    for (auto const& [retained, removed, inserted] : splices) {
        out.number(retained);
        out.number(removed);
        out.text(inserted);
    }
    return splices.empty() ? std::nullopt : std::optional(std::move(bytes));
}

}  // namespace

/// One object's patch.
class ObjectFold {
  public:
    ObjectFold(Trail const& trail, Seq from) : trail_(trail), from_(from) {}
    Result<Bytes> patch(ByteView bytes);

  private:
    /// A changed field; nothing: it holds nothing any more.
    struct Changed {
        std::string name;
        FieldKind kind = FieldKind::reg;
        Field const* field = nullptr;
        FieldTrail const* trail = nullptr;
    };
    std::vector<Changed> changed_fields(ObjectWriter const& writer) const;
    void change(Changed const& changed, Bytes& bytes, ObjectWriter& writer) const;

    Trail const& trail_;
    Seq from_;
    Tables tables_;
};

Result<Bytes> ObjectFold::patch(ByteView bytes) {
    std::uint64_t seq_max = 0;
    ModelRestore::Reader in(bytes, tables_, seq_max, kNoDevice);
    Object const object = in.object(false);
    if (!in.done()) {
        return Error{Errc::malformed, "an object that cannot be folded"};
    }
    Bytes out;
    ObjectWriter writer(out, object, tables_, 0);
    writer.head();
    auto const changes = changed_fields(writer);
    CanonicalWriter(out).number(changes.size());
    for (auto const& changed : changes) {
        change(changed, out, writer);
    }
    return out;
}

std::vector<ObjectFold::Changed> ObjectFold::changed_fields(ObjectWriter const& writer) const {
    std::vector<Changed> out;
    for (Field const* field : writer.fields()) {
        if (field->kind == FieldKind::reg && is_newer(field->value, from_)) {
            out.push_back({tables_.names.str(field->name), field->kind, field, nullptr});
        }
    }
    for (FieldTrail const& one : trail_.fields) {
        auto const name = tables_.names.find(one.name);
        if (one.changed > from_) {
            auto const is_it = [&](Field const* field) {
                return name && field->name == *name && field->kind == one.kind;
            };
            auto const at = std::ranges::find_if(writer.fields(), is_it);
            bool const is_there = at != writer.fields().end();
            if (is_there || one.kind != FieldKind::counter) {  // else it was named in vain
                out.push_back({one.name, one.kind, is_there ? *at : nullptr, &one});
            }
        }
    }
    std::ranges::sort(out, {}, [](Changed const& one) {
        return std::pair(std::string_view(one.name), one.kind);
    });
    return out;
}

void ObjectFold::change(Changed const& changed, Bytes& bytes, ObjectWriter& writer) const {
    CanonicalWriter out(bytes);
    out.text(changed.name);
    out.byte(static_cast<std::uint8_t>(changed.kind));
    if (changed.field == nullptr) {
        out.byte(ModelUpdate::kNothing);
        return;
    }
    auto const before = bytes.size();
    out.byte(ModelUpdate::kContent);
    writer.field(*changed.field);
    if (changed.kind != FieldKind::text) {
        return;
    }
    auto const splices = splices_since(*changed.trail, from_);
    if (splices && splices->size() < bytes.size() - before) {
        bytes.resize(before);
        out.byte(ModelUpdate::kSplices);
        out.raw(*splices);
    }
}

Result<FoldedObject> fold_object(ByteView object, Trail const& trail, Seq from) {
    if (trail.alive_since > from) {
        return FoldedObject{FoldedHow::whole, Bytes(object.begin(), object.end())};
    }
    CAPSTAN_TRY(auto patch, ObjectFold(trail, from).patch(object));
    return FoldedObject{FoldedHow::patch, std::move(patch)};
}

}  // namespace capstan
