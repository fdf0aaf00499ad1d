#include "naive_model.hpp"

#include <algorithm>

namespace capstan::test {
namespace {

bool of_kind(OpKind kind, FieldKind field) {
    switch (field) {
        case FieldKind::reg:
            return kind == OpKind::set || kind == OpKind::unset;
        case FieldKind::counter:
            return kind == OpKind::add || kind == OpKind::counter_set;
        case FieldKind::set:
            return kind == OpKind::set_add || kind == OpKind::set_remove;
        case FieldKind::map:
            return kind == OpKind::map_put || kind == OpKind::map_remove;
        default:
            return false;
    }
}

bool adds_element(OpKind kind) {
    return kind == OpKind::set_add || kind == OpKind::map_put;
}

/// Only texts here: what they order by is known without the engine.
std::string text_of(Value const& value) {
    return std::get<std::string>(value);
}

}  // namespace

bool is_edit(OpKind kind) {
    return kind == OpKind::splice || kind == OpKind::list_insert || kind == OpKind::list_remove;
}

NaiveEdit edit_of(Op const& op) {
    auto const* const text = std::get_if<std::string>(&op.value);
    bool const removes = op.kind != OpKind::list_insert;
    return {op.at, removes ? op.count : 0, text == nullptr ? std::string() : *text};
}

NaiveEvent naive_event(PastEvent const& event, std::vector<NaiveEdit> edits) {
    return {event.seq(),
            event.stamp.preceding_seq.value,
            std::to_integer<std::uint32_t>(event.stamp.device.bytes[0]),
            std::move(edits)};
}

namespace {

/// The edits of each field up to where the event itself removes or inserts the object.
std::map<std::string, std::vector<NaiveEdit>> edits_by_field(std::span<Op const> ops) {
    std::map<std::string, std::vector<NaiveEdit>> out;
    for (Op const& op : ops) {
        if (op.kind == OpKind::insert || op.kind == OpKind::remove) {
            break;
        }
        if (is_edit(op.kind)) {
            out[op.field].push_back(edit_of(op));
        }
    }
    return out;
}

}  // namespace

bool NaiveModel::seen_all(PastEvent const& event,
                          std::vector<PastEvent const*> const& others) const {
    return std::ranges::all_of(others, [&](PastEvent const* one) { return event.saw(*one); });
}

bool NaiveModel::needs_window(Op const& op) const {
    bool const element = of_kind(op.kind, FieldKind::set) || of_kind(op.kind, FieldKind::map);
    return op.kind == OpKind::counter_set || is_edit(op.kind) ||
           (element && rules_.elements == SetRule::remove_wins);
}

void NaiveModel::apply(PastEvent const& event) {
    std::map<std::string, std::vector<Op>> by_object;
    for (Op const& op : event.event.ops) {
        by_object[op.object].push_back(op);
    }
    for (auto const& [id, ops] : by_object) {
        Object& object = objects_[id];
        if (object.state == Object::dead && object.deletions[0]->stamp.seq <= event.stamp.mark) {
            object = {};
        }
        if (is_void(object, event, ops)) {
            voids_.insert({event.seq(), id});
            continue;
        }
        bool taken = false;
        bool editing = false;  // the edits up to the next insert or remove are done
        for (std::size_t i = 0; i < ops.size(); ++i) {
            if (is_edit(ops[i].kind) && std::exchange(editing, true)) {
                continue;
            }
            editing = is_edit(ops[i].kind) ||
                      (editing && ops[i].kind != OpKind::insert && ops[i].kind != OpKind::remove);
            one(object, event, ops[i], taken);
            bool const alive = object.state == Object::live || object.state == Object::contested;
            if (is_edit(ops[i].kind) && alive) {
                edit(object, event, std::span(ops).subspan(i), taken);
            }
        }
    }
}

bool NaiveModel::is_void(Object const& object,
                         PastEvent const& event,
                         std::vector<Op> const& ops) const {
    bool const inserts = ops[0].kind == OpKind::insert;
    bool const update_needs = rules_.deletion != DeleteRule::delete_wins;
    bool const below = event.stamp.preceding_seq < event.stamp.mark;
    bool own = object.birth != nullptr && object.state != Object::none &&
               object.birth->stamp.device == event.stamp.device &&
               object.birth->stamp.seq >= event.stamp.run_first;
    bool begins = false;
    if (object.state == Object::none) {
        if (!inserts) {
            return true;
        }
        begins = true;
    } else if (object.state == Object::dead) {
        begins = inserts && event.saw(*object.deletions[0]);
        bool const knew =
            update_needs ? event.saw_at_p(*object.deletions[0]) : event.saw(*object.deletions[0]);
        bool const revives = update_needs && !knew && !below && ops[0].kind != OpKind::remove;
        if (!begins && !revives) {
            return true;
        }
    }
    own = own || begins;
    for (Op const& op : ops) {
        bool const by_taken_id =
            inserts && !own && (op.kind == OpKind::counter_set || is_edit(op.kind));
        if (needs_window(op) && below && !own && !by_taken_id) {
            return true;
        }
        bool const at_p = update_needs || needs_window(op);
        if (!inserts && object.life != nullptr &&
            !(at_p ? event.saw_at_p(*object.life) : event.saw(*object.life))) {
            return true;
        }
    }
    if (inserts && !begins) {
        return false;  // edits are left out
    }
    auto const first = std::span(ops).subspan(inserts ? 1 : 0);
    for (auto const& [field, edits] : edits_by_field(first)) {
        auto const at = object.content.find(field);
        bool const empty = begins || at == object.content.end();
        NaiveText const text = empty ? NaiveText() : at->second;
        if (!text.fits(naive_event(event, edits))) {
            return true;
        }
    }
    return false;
}

/// All edits of `rest` up to an insert or remove, field by field; those of a field go together.
void NaiveModel::edit(Object& object,
                      PastEvent const& event,
                      std::span<Op const> rest,
                      bool taken) {
    for (auto& [field, edits] : edits_by_field(rest)) {
        if (!taken) {
            object.content[field].apply(naive_event(event, edits));
        }
    }
}

void NaiveModel::one(Object& object, PastEvent const& event, Op const& op, bool& taken) {
    bool const knows_death = object.state == Object::dead &&
                             (object.deletions[0] == &event || event.saw(*object.deletions[0]));
    if (op.kind == OpKind::insert && (object.state == Object::none || knows_death)) {
        PastEvent const* const life = knows_death ? object.deletions[0] : nullptr;
        object = {};
        object.state = Object::live;
        object.birth = &event;
        object.life = life;
        object.changes = {&event};
        return;
    }
    if (op.kind == OpKind::remove) {
        remove(object, event);
        return;
    }
    if (object.state == Object::dead) {
        if (knows_death) {
            return;
        }
        object.state = rules_.deletion == DeleteRule::surfaced ? Object::contested : Object::live;
    }
    bool const settles = std::ranges::all_of(object.deletions, [&](PastEvent const* one) {
        return one == &event || event.saw_at_p(*one);
    });
    if (object.state == Object::contested && settles) {
        object.state = Object::live;
    }
    if (object.state == Object::live) {
        object.deletions.clear();
    }
    object.changes.push_back(&event);
    if (op.kind == OpKind::insert) {
        taken = object.birth != &event;
        return;
    }
    Op effective = op;
    if (is_edit(op.kind)) {
        return;
    }
    if (taken && op.kind == OpKind::counter_set) {
        effective.kind = OpKind::add;
    }
    write(object, event, effective);
}

void NaiveModel::remove(Object& object, PastEvent const& event) {
    if (object.state != Object::live && object.state != Object::contested) {
        return;
    }
    auto others = object.changes;
    std::erase(others, &event);
    if (!seen_all(event, others)) {
        if (rules_.deletion == DeleteRule::update_wins) {
            return;
        }
        if (rules_.deletion == DeleteRule::surfaced) {
            object.state = Object::contested;
            object.deletions.push_back(&event);
            return;
        }
    }
    object.state = Object::dead;
    object.deletions = {&event};
}

void NaiveModel::write(Object& object, PastEvent const& event, Op const& op) {
    Done const next{&event, op};
    if (of_kind(op.kind, FieldKind::reg)) {
        Writes before;
        std::ranges::copy_if(object.done, std::back_inserter(before), [&](Done const& one) {
            return of_kind(one.op.kind, FieldKind::reg) && one.op.field == op.field;
        });
        report_pairs(before, next);
    }
    object.done.push_back(next);
}

/// Writes that took part: all but those whose author knew the winner and lost to it anyway.
NaiveModel::Writes NaiveModel::counted(Writes const& writes) const {
    Writes out;
    for (Done const& one : writes) {
        Writes with = out;
        with.push_back(one);
        Done const* const before = winner(out);
        bool const knew =
            before == nullptr || before->event == one.event || one.event->saw(*before->event);
        bool const wins = winner(with) == &with.back();
        if (rules_.reg == RegisterRule::multi || !knew || wins) {
            out.push_back(one);
        }
    }
    return out;
}

/// Who wins among all writes, each judged as it arrived.
NaiveModel::Done const* NaiveModel::winner(Writes const& writes) const {
    Done const* best = nullptr;
    for (Done const& one : writes) {
        if (best == nullptr) {
            best = &one;
            continue;
        }
        bool const knew = one.event == best->event || one.event->saw(*best->event);
        bool const absent = one.op.kind == OpKind::unset;
        bool const best_absent = best->op.kind == OpKind::unset;
        bool wins = false;
        switch (rules_.reg) {
            case RegisterRule::causal:
            case RegisterRule::multi:
                wins = std::pair(one.event->a, one.event->seq()) >=
                       std::pair(best->event->a, best->event->seq());
                break;
            case RegisterRule::arrival:
                wins = true;
                break;
            case RegisterRule::first:
                wins = knew;
                break;
            case RegisterRule::max:
            case RegisterRule::min:
                if (absent || best_absent) {
                    wins = best_absent;
                } else if (rules_.reg == RegisterRule::max) {
                    wins = text_of(one.op.value) > text_of(best->op.value);
                } else {
                    wins = text_of(one.op.value) < text_of(best->op.value);
                }
                break;
        }
        best = wins ? &one : best;
    }
    return best;
}

void NaiveModel::report_pairs(Writes const& before, Done const& next) {
    auto const took_part = counted(before);
    auto with = took_part;
    with.push_back(next);
    if (counted(with).size() != with.size()) {
        return;
    }
    Done const* const best = winner(took_part);
    for (Done const& one : took_part) {
        bool const is_best = &one == best && rules_.reg != RegisterRule::multi;
        bool const superseded = std::ranges::any_of(took_part, [&](Done const& later) {
            return later.event->saw(*one.event) || (later.event == one.event && &later > &one);
        });
        bool const kept =
            rules_.reg == RegisterRule::multi || one.event->stamp.seq > next.event->stamp.mark;
        bool const concurrent = one.event != next.event && !next.event->saw(*one.event);
        if (concurrent && (is_best || (kept && !superseded))) {
            pairs_.insert({one.event->seq(), next.event->seq()});
        }
    }
}

std::vector<std::optional<Value>> NaiveModel::shown(Writes const& writes) const {
    std::vector<std::optional<Value>> out;
    auto const show = [&](Done const& one) {
        out.push_back(one.op.kind == OpKind::unset ? std::nullopt : std::optional(one.op.value));
    };
    if (rules_.reg != RegisterRule::multi) {
        if (Done const* const best = winner(writes)) {
            show(*best);
        }
        return out;
    }
    for (Done const& one : writes) {
        bool const known = std::ranges::any_of(writes, [&](Done const& later) {
            return later.event->saw(*one.event) || (later.event == one.event && &later > &one);
        });
        if (!known) {
            show(one);
        }
    }
    return out;
}

/// Add wins: some add that no remove knew. Remove wins: some add that knew all removes.
bool NaiveModel::present(Writes const& writes) const {
    return std::ranges::any_of(writes, [&](Done const& add) {
        return adds_element(add.op.kind) && std::ranges::all_of(writes, [&](Done const& remove) {
                   if (adds_element(remove.op.kind)) {
                       return true;
                   }
                   bool const same = remove.event == add.event;
                   if (rules_.elements == SetRule::remove_wins) {
                       return same ? &remove < &add : add.event->saw_at_p(*remove.event);
                   }
                   return same ? &remove < &add : !remove.event->saw(*add.event);
               });
    });
}

NaiveText NaiveModel::merged(std::string const& object, std::string const& field) const {
    auto const at = objects_.find(object);
    if (at == objects_.end() || !at->second.content.contains(field)) {
        return {};
    }
    return at->second.content.at(field);
}

std::string NaiveModel::content(std::string const& object, std::string const& field) const {
    return alive(object) ? merged(object, field).text() : std::string();
}

NaiveModel::Writes NaiveModel::of(std::string const& object,
                                  std::string const& field,
                                  FieldKind kind) const {
    Writes out;
    if (alive(object)) {
        for (Done const& one : objects_.at(object).done) {
            if (one.op.field == field && of_kind(one.op.kind, kind)) {
                out.push_back(one);
            }
        }
    }
    return out;
}

bool NaiveModel::alive(std::string const& object) const {
    auto const at = objects_.find(object);
    return at != objects_.end() &&
           (at->second.state == Object::live || at->second.state == Object::contested);
}

bool NaiveModel::contested(std::string const& object) const {
    return alive(object) && objects_.at(object).state == Object::contested;
}

std::vector<std::optional<Value>> NaiveModel::reg(std::string const& object,
                                                  std::string const& field) const {
    return shown(of(object, field, FieldKind::reg));
}

std::int64_t NaiveModel::counter(std::string const& object, std::string const& field) const {
    auto const writes = of(object, field, FieldKind::counter);
    Done const* base = nullptr;
    for (Done const& one : writes) {
        auto const place = [](Done const& set) {
            return std::pair(set.event->stamp.preceding_seq, set.event->seq());
        };
        bool const later = base == nullptr || place(one) >= place(*base);
        base = one.op.kind == OpKind::counter_set && later ? &one : base;
    }
    std::int64_t total = base == nullptr ? 0 : std::get<std::int64_t>(base->op.value);
    for (Done const& one : writes) {
        bool const in_base =
            base != nullptr &&
            (base->event == one.event ? &one < base : base->event->saw_at_p(*one.event));
        if (one.op.kind == OpKind::add && !in_base) {
            total += std::get<std::int64_t>(one.op.value);
        }
    }
    return total;
}

std::set<std::string> NaiveModel::elements(std::string const& object,
                                           std::string const& field) const {
    std::map<std::string, Writes> by_element;
    for (Done const& one : of(object, field, FieldKind::set)) {
        by_element[text_of(one.op.value)].push_back(one);
    }
    std::set<std::string> out;
    for (auto const& [element, writes] : by_element) {
        if (present(writes)) {
            out.insert(element);
        }
    }
    return out;
}

/// A key's value is a register that begins anew whenever the key has become absent.
std::map<std::string, Value> NaiveModel::entries(std::string const& object,
                                                 std::string const& field) const {
    std::map<std::string, Writes> by_key;
    for (Done const& one : of(object, field, FieldKind::map)) {
        by_key[one.op.key].push_back(one);
    }
    std::map<std::string, Value> out;
    for (auto const& [key, writes] : by_key) {
        Writes so_far;
        Writes puts;
        for (Done const& one : writes) {
            so_far.push_back(one);
            bool const lost = adds_element(one.op.kind) &&
                              rules_.elements == SetRule::remove_wins &&
                              std::ranges::any_of(so_far, [&](Done const& other) {
                                  return !adds_element(other.op.kind) && other.event != one.event &&
                                         !one.event->saw_at_p(*other.event);
                              });
            if (adds_element(one.op.kind) && !lost) {
                puts.push_back(one);
            }
            if (!present(so_far)) {
                puts.clear();
            }
        }
        auto const values = shown(puts);
        if (!values.empty()) {
            auto const* const best = winner(puts);
            out[key] = best->op.value;
        }
    }
    return out;
}

}  // namespace capstan::test
