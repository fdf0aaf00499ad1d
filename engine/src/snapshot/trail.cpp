// A trail:
//
//   trail = since count field{count}             since: alive_since - inserted
//   field = name:text kind:u8 since (after count edit{count})?           the latter of texts alone
//   edit  = since at removed inserted:text       since: seq - inserted
//
// Numbers and text as in canonical_write.cpp.
#include <algorithm>
#include <capstan/engine/snapshot/trail.hpp>
#include <capstan/schema/limits.hpp>

#include "model/canonical_io.hpp"
#include "model/scene.hpp"

namespace capstan {
namespace {

std::size_t bytes_of(TrailEdit const& edit) {
    return 8 + edit.inserted.size();
}

/// The field's trail, in its place.
FieldTrail& field_of(Trail& trail, std::string_view name, FieldKind kind) {
    auto const at = std::ranges::lower_bound(
        trail.fields, std::pair(name, kind), {}, [](FieldTrail const& one) {
            return std::pair(std::string_view(one.name), one.kind);
        });
    if (at != trail.fields.end() && at->name == name && at->kind == kind) {
        return *at;
    }
    auto const edits_after = kind == FieldKind::text ? trail.alive_since : Seq{};
    return *trail.fields.insert(
        at, {.name = std::string(name), .kind = kind, .changed = {}, .edits_after = edits_after});
}

/// Lets the oldest events' edits go until the rest is within bounds.
void shorten(FieldTrail& field, std::uint64_t points) {
    auto const most = std::clamp<std::uint64_t>(2 * points, kTrailBytesMin, kTrailBytesMax);
    std::size_t bytes = 0;
    for (TrailEdit const& edit : field.edits) {
        bytes += bytes_of(edit);
    }
    auto kept = field.edits.begin();
    for (; bytes > most || field.edits.end() - kept > std::ptrdiff_t{kTrailEditsMax}; ++kept) {
        bytes -= bytes_of(*kept);
        field.edits_after = kept->seq;
    }
    while (kept != field.edits.end() && kept->seq == field.edits_after) {
        ++kept;
    }
    field.edits.erase(field.edits.begin(), kept);
}

}  // namespace

void Trails::apply(Model& model, Event const& event, EventStamp const& stamp) {
    bool const edits = note_before(model, event);
    changes_.clear();
    model.apply(event, stamp, edits ? &changes_ : nullptr);
    note_after(model, stamp.seq);
    for (Op const& op : event.ops) {
        note_field(model, op, stamp.seq);
    }
    if (edits) {
        note_edits(model, stamp.seq);
    }
}

/// Answers whether the event edits texts.
bool Trails::note_before(Model const& model, Event const& event) {
    named_.clear();
    bool edits = false;
    for (Op const& op : event.ops) {
        edits = edits || kind_of(op.kind) == FieldKind::text;
        bool const is_insert = op.kind == OpKind::insert;
        if (named_.empty() || named_.back().entry->first != op.object) {
            auto const at = by_id_.try_emplace(op.object).first;
            named_.push_back({&*at, model.find(op.object) != nullptr, is_insert});
        } else {
            named_.back().inserted = named_.back().inserted || is_insert;
        }
    }
    if (named_.size() > 1) {
        std::ranges::sort(named_, {}, [](Named const& named) {
            return std::pair(named.entry, !named.inserted);  // of several, one that inserts stays
        });
        auto const twice = std::ranges::unique(named_, {}, &Named::entry);
        named_.erase(twice.begin(), twice.end());
    }
    return edits;
}

void Trails::note_after(Model const& model, Seq seq) {
    auto const first_death = deaths_.size();
    for (auto const& [entry, was_alive, inserted] : named_) {
        Object const* const object = model.find(entry->first);
        if (object == nullptr) {
            entry->second = {};
            if (was_alive || inserted) {
                deaths_.emplace_back(seq, entry->first);
            }
        } else if (!was_alive || object->inserted.seq == seq.value) {
            entry->second = {.alive_since = seq, .fields = {}};
        }
    }
    std::sort(deaths_.begin() + static_cast<std::ptrdiff_t>(first_death), deaths_.end());
}

/// What the event that an object's life began with did to its fields is told by that alone.
void Trails::note_field(Model const& model, Op const& op, Seq seq) {
    auto const kind = kind_of(op.kind);
    if (!kind || *kind == FieldKind::reg) {
        return;
    }
    Trail& trail = by_id_.find(op.object)->second;
    if (model.find(op.object) != nullptr && trail.alive_since < seq) {
        field_of(trail, op.field, *kind).changed = seq;
    }
}

void Trails::note_edits(Model const& model, Seq seq) {
    for (Change const& change : changes_.changes) {
        auto const at = by_id_.find(change.object);
        bool const is_edit = change.kind == Change::Kind::update &&
                             change.field_kind == FieldKind::text && at->second.alive_since < seq;
        Object const* const object = model.find(change.object);
        if (!is_edit || object == nullptr) {
            continue;
        }
        FieldTrail& field = field_of(at->second, change.field, FieldKind::text);
        for (auto const& [place, removed, inserted] : change.text) {
            field.edits.push_back({seq, place, Rope::count(removed), inserted});
        }
        shorten(field, model.size(*object, change.field, FieldKind::text));
    }
}

void append_trail(Bytes& bytes, Trail const& trail, Seq inserted) {
    CanonicalWriter out(bytes);
    auto const since = [&](Seq seq) { out.number(seq.value - inserted.value); };
    since(trail.alive_since);
    out.number(trail.fields.size());
    for (FieldTrail const& field : trail.fields) {
        out.text(field.name);
        out.byte(static_cast<std::uint8_t>(field.kind));
        since(field.changed);
        if (field.kind != FieldKind::text) {
            continue;
        }
        since(field.edits_after);
        out.number(field.edits.size());
        for (TrailEdit const& edit : field.edits) {
            since(edit.seq);
            out.number(edit.at);
            out.number(edit.removed);
            out.text(edit.inserted);
        }
    }
}

namespace {

FieldTrail read_field(CanonicalReader& in, Seq inserted) {
    auto const seq = [&] { return Seq{inserted.value + in.number(0, kSeqMax.value)}; };
    FieldTrail field;
    field.name = in.text(kFieldNameBytesMax);
    auto const kind = in.byte();
    in.require(kind > 0 && kind <= static_cast<std::uint8_t>(FieldKind::text));
    field.kind = static_cast<FieldKind>(kind);
    field.changed = seq();
    if (field.kind != FieldKind::text) {
        return field;
    }
    field.edits_after = seq();
    for (auto left = in.count(4); left > 0 && in.ok(); --left) {
        TrailEdit edit{.seq = seq(), .at = in.number(), .removed = in.number(), .inserted = {}};
        edit.inserted = in.text(kTrailBytesMax);
        field.edits.push_back(std::move(edit));
    }
    return field;
}

}  // namespace

Result<Trail> read_trail(ByteView bytes, Seq inserted) {
    CanonicalReader in(bytes);
    Trail trail;
    trail.alive_since = Seq{inserted.value + in.number(0, kSeqMax.value)};
    for (auto left = in.count(3); left > 0 && in.ok(); --left) {
        trail.fields.push_back(read_field(in, inserted));
    }
    return in.done() ? Result<Trail>(std::move(trail)) : Error{Errc::malformed, "trail"};
}

}  // namespace capstan
