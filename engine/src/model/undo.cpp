#include <algorithm>
#include <capstan/engine/model/undo.hpp>
#include <utility>

namespace capstan {
namespace {

std::uint64_t count(std::string const& text) {
    return Rope::count(text);
}
std::uint64_t count(std::vector<Value> const& values) {
    return values.size();
}

std::string slice(std::string const& text, std::uint64_t at, std::uint64_t points) {
    return Rope::slice_of(text, at, points);
}
std::vector<Value> slice(std::vector<Value> const& values, std::uint64_t at, std::uint64_t items) {
    auto const first = values.begin() + static_cast<std::ptrdiff_t>(at);
    return {first, first + static_cast<std::ptrdiff_t>(items)};
}

template <class Items>
Splice splice_of(EffectOf<Items> const& effect) {
    return {effect.at, count(effect.removed), count(effect.inserted)};
}

std::uint64_t moved(std::uint64_t place, Splice const& splice) {
    if (place <= splice.at) {
        return place;
    }
    auto const end = splice.at + splice.removed;
    return place < end ? splice.at : place - splice.removed + splice.inserted;
}

/// Carries a change down a stack: `edited_in(step)` is what a step did there, or nothing.
template <class Steps, class EditedIn>
void carry(Steps& steps, Splice const& splice, EditedIn edited_in) {
    std::vector<Splice> splices{splice};
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
        auto* const edited = edited_in(*step);
        if (edited == nullptr) {
            continue;
        }
        std::vector<Splice> beneath;
        for (auto const& one : splices) {
            std::ranges::copy(edited->beneath(one), std::back_inserter(beneath));
            edited->shift(one);
        }
        splices = std::move(beneath);
    }
}

/// Places in one field from right to left, so that those to come stay valid: what goes, and what
/// comes in its stead.
template <class Edited, class Say>
void from_right_to_left(Edited const& edited, Say say) {
    auto ranges = edited.inserted;
    auto gone = edited.removed;
    std::ranges::stable_sort(ranges, {}, [](auto const& range) { return range.at; });
    while (!ranges.empty() || !gone.empty()) {
        if (gone.empty() || (!ranges.empty() && ranges.back().at > gone.back().at)) {
            say(ranges.back().at, ranges.back().count, decltype(gone.back().items){});
            ranges.pop_back();
            continue;
        }
        auto const [at, items] = std::move(gone.back());
        gone.pop_back();
        bool const with = !ranges.empty() && ranges.back().at == at;
        say(at, with ? ranges.back().count : 0, items);
        if (with) {
            ranges.pop_back();
        }
    }
}

Op op_on(OpKind kind, std::string const& object, std::string const& field) {
    return {.kind = kind, .object = object, .field = field};
}

bool is_there(View const& view, std::string const& object) {
    return view.type(object).has_value();
}

}  // namespace

RemovedObjects removed_by(View const& view, Event const& event) {
    RemovedObjects removed;
    for (Op const& op : event.ops) {
        auto object = op.kind == OpKind::remove ? view.get(op.object) : std::nullopt;
        if (object) {
            removed.emplace(op.object, *std::move(object));
        }
    }
    return removed;
}

/// What was inserted and is cut in two by a change goes on as two.
template <class Items>
void UndoStack::Edited<Items>::shift(Splice const& splice) {
    auto const end = splice.at + splice.removed;
    std::vector<Range> kept;
    auto const keep = [&](std::uint64_t first, std::uint64_t last) {
        if (first < last) {
            kept.push_back({first, last - first});
        }
    };
    for (auto const& [at, items] : inserted) {
        keep(at, std::min(at + items, splice.at));
        auto const first = std::max(at, end);
        auto const last = std::max(at + items, end);
        keep(first - splice.removed + splice.inserted, last - splice.removed + splice.inserted);
    }
    inserted = std::move(kept);
    for (auto& [at, items] : removed) {
        at = moved(at, splice);
    }
}

/// What was removed at that place comes back before it.
template <class Items>
std::uint64_t UndoStack::Edited<Items>::place_beneath(std::uint64_t place) const {
    auto beneath = place;
    for (auto const& [at, items] : inserted) {
        beneath -= std::min(items, place - std::min(at, place));
    }
    for (auto const& [at, items] : removed) {
        beneath += at <= place ? count(items) : 0;
    }
    return beneath;
}

/// Removals from right to left, cut where this step removed something; then what is inserted.
template <class Items>
std::vector<Splice> UndoStack::Edited<Items>::beneath(Splice const& splice) const {
    auto const end = splice.at + splice.removed;
    std::vector<std::uint64_t> cuts{splice.at, end};
    auto const cut = [&](std::uint64_t place) {
        if (place > splice.at && place < end) {
            cuts.push_back(place);
        }
    };
    for (auto const& [at, items] : removed) {
        cut(at);
    }
    for (auto const& [at, items] : inserted) {
        cut(at);
        cut(at + items);
    }
    std::ranges::sort(cuts);
    std::vector<Splice> out;
    for (auto i = cuts.size() - 1; i > 0; --i) {
        auto const own = std::ranges::any_of(inserted, [&](Range const& range) {
            return range.at <= cuts[i - 1] && cuts[i] <= range.at + range.count;
        });
        if (!own && cuts[i - 1] < cuts[i]) {
            out.push_back({place_beneath(cuts[i - 1]), cuts[i] - cuts[i - 1], 0});
        }
    }
    out.push_back({place_beneath(splice.at), 0, splice.inserted});
    return out;
}

/// What the step itself had inserted before does not come back; what it had removed before stands
/// where it stood. `removed` is in the order of the content.
template <class Items>
void UndoStack::Edited<Items>::add(EffectOf<Items> const& effect) {
    auto const end = effect.at + count(effect.removed);
    auto own = inserted;
    std::ranges::sort(own, {}, &Range::at);
    std::vector<Gone> gone;
    auto first = effect.at;
    auto const take = [&](std::uint64_t last) {
        if (first < last) {
            gone.push_back({effect.at, slice(effect.removed, first - effect.at, last - first)});
        }
    };
    auto const take_foreign = [&](std::uint64_t last) {
        for (auto const& [at, items] : own) {
            take(std::clamp(at, first, last));
            first = std::clamp(at + items, first, last);
        }
        take(last);
        first = last;
    };
    for (Gone& before : removed) {
        if (before.at > effect.at && first < end) {
            take_foreign(std::min(before.at, end));
        }
        gone.push_back(std::move(before));
    }
    take_foreign(end);
    removed = std::move(gone);
    shift(splice_of(effect));
    if (count(effect.inserted) > 0) {
        inserted.push_back({effect.at, count(effect.inserted)});
    }
}

void UndoStack::made(Changes const& changes, RemovedObjects removed, std::uint64_t number) {
    redo_.clear();
    push(undo_, changes, std::move(removed), number);
}

void UndoStack::clear() {
    undo_.clear();
    redo_.clear();
    taken_from_ = nullptr;
}

void UndoStack::Step::forget(std::string const& object) {
    auto const is_of_it = [&object](auto const& one) { return one.first.object == object; };
    std::erase(inserted, object);
    removed.erase(object);
    std::erase_if(written, [&](Written const& one) { return one.place.object == object; });
    std::erase_if(texts, is_of_it);
    std::erase_if(lists, is_of_it);
}

void UndoStack::changed(Changes const& changes) {
    auto const in = [](auto& edited, FieldPlace const& place) {
        auto const at = edited.find(place);
        return at == edited.end() ? nullptr : &at->second;
    };
    for (Change const& change : changes.changes) {
        FieldPlace const place{change.object, change.field, change.field_kind};
        bool const is_another = change.kind == Change::Kind::insert ||
                                change.kind == Change::Kind::remove ||
                                change.kind == Change::Kind::revive;
        for (auto* steps : {&undo_, &redo_}) {
            if (is_another) {
                std::ranges::for_each(*steps, [&](Step& step) { step.forget(change.object); });
            }
            for (auto const& effect : change.text) {
                carry(*steps, splice_of(effect), [&](Step& it) { return in(it.texts, place); });
            }
            for (auto const& effect : change.list) {
                carry(*steps, splice_of(effect), [&](Step& it) { return in(it.lists, place); });
            }
        }
    }
}

/// What a newer step overwrote in the same field was there before it, or is what stood before the
/// refused one.
void UndoStack::refused(std::uint64_t number) {
    for (auto* steps : {&undo_, &redo_}) {
        auto const at = std::ranges::find(*steps, number, &Step::number);
        if (at == steps->end()) {
            continue;
        }
        Step const gone = std::move(*at);
        auto const next = steps->erase(at);
        for (Written const& written : gone.written) {
            for (auto step = next; step != steps->end(); ++step) {
                for (Written& later : step->written) {
                    bool const same = later.place == written.place && later.key == written.key;
                    if (same && later.before == written.after) {
                        later.before = written.before;
                    }
                }
            }
        }
        for (Step& step : *steps) {
            for (auto const& [place, text] : gone.texts) {
                step.texts.erase(place);
            }
            for (auto const& [place, list] : gone.lists) {
                step.lists.erase(place);
            }
        }
    }
}

/// What is behind it in the stack is in the content as it was before.
void UndoStack::push(Steps& steps,
                     Changes const& changes,
                     RemovedObjects removed,
                     std::uint64_t number) {
    taken_from_ = nullptr;
    steps.push_back(step_of(changes, std::move(removed)));
    steps.back().number = number;
    if (steps.size() > steps_max_) {
        steps.erase(steps.begin());
    }
}

UndoStack::Step UndoStack::step_of(Changes const& changes, RemovedObjects removed) {
    Step step;
    step.removed = std::move(removed);
    for (Change const& change : changes.changes) {
        if (change.kind == Change::Kind::insert) {
            step.inserted.push_back(change.object);
        }
        if (change.kind != Change::Kind::update) {
            continue;
        }
        FieldPlace const place{change.object, change.field, change.field_kind};
        for (auto const& effect : change.text) {
            step.texts[place].add(effect);
        }
        for (auto const& effect : change.list) {
            step.lists[place].add(effect);
        }
        if (change.field_kind < FieldKind::list) {
            auto const same = std::ranges::find_if(step.written, [&](Written const& one) {
                return one.place == place && one.key == change.key;
            });
            if (same != step.written.end()) {
                same->after = change.after;
            } else {
                step.written.push_back({place, change.key, change.before, change.after});
            }
        }
    }
    return step;
}

std::optional<Contrary> UndoStack::take(Steps& steps, View const& view) {
    Contrary found;
    while (!steps.empty()) {
        found.event = contrary(steps.back(), view, found.skipped);
        taken_ = std::move(steps.back());
        steps.pop_back();
        if (!found.event.ops.empty()) {
            taken_from_ = &steps;
            return found;
        }
    }
    taken_from_ = nullptr;
    return std::nullopt;
}

void UndoStack::put_back() {
    if (taken_from_ != nullptr) {
        std::exchange(taken_from_, nullptr)->push_back(std::move(taken_));
    }
}

Event UndoStack::contrary(Step const& step, View const& view, std::vector<UndoSkip>& skipped) {
    Event event;
    for (auto const& [id, object] : step.removed) {
        if (!is_there(view, id)) {
            auto ops = coalesce::assign(id, nullptr, object);
            if (ops) {
                std::ranges::move(ops.value(), std::back_inserter(event.ops));
            }
        }
    }
    auto const stays = [&](std::string const& object) {
        return is_there(view, object) &&
               std::ranges::find(step.inserted, object) == step.inserted.end();
    };
    for (Written const& written : step.written) {
        auto const& [object, field, kind] = written.place;
        if (stays(object) && !take_back(event.ops, written, view)) {
            skipped.push_back({object, field, kind, written.key});
        }
    }
    for (auto const& [place, text] : step.texts) {
        if (stays(place.object)) {
            take_back(event.ops, place, text);
        }
    }
    for (auto const& [place, list] : step.lists) {
        if (stays(place.object)) {
            take_back(event.ops, place, list);
        }
    }
    for (auto const& object : step.inserted) {
        if (is_there(view, object) && !step.removed.contains(object)) {
            event.ops.push_back(op_on(OpKind::remove, object, ""));
        }
    }
    return event;
}

/// False if it stays as it is: somebody has written since.
bool UndoStack::take_back(std::vector<Op>& ops, Written const& written, View const& view) {
    auto const& object = written.place.object;
    auto const& field = written.place.field;
    auto const kind = written.place.kind;
    auto const& key = written.key;
    auto const& before = written.before;
    auto const& after = written.after;
    if (before == after) {
        return true;
    }
    auto const say = [&](OpKind op_kind, Value value = {}) {
        ops.push_back(op_on(op_kind, object, field));
        ops.back().value = std::move(value);
    };
    auto const number = [](std::optional<Value> const& value) {
        return value ? static_cast<std::uint64_t>(std::get<std::int64_t>(*value)) : 0;
    };
    if (kind == FieldKind::counter) {
        say(OpKind::add, static_cast<std::int64_t>(number(before) - number(after)));
    } else if (kind == FieldKind::set) {
        if (view.contains(object, field, key) != after.has_value()) {
            return false;
        }
        say(before ? OpKind::set_add : OpKind::set_remove, key);
    } else if (kind == FieldKind::map) {
        std::optional<Value> now;
        for (auto& [name, value] : view.entries(object, field)) {
            now = name == std::get<std::string>(key) ? std::optional(std::move(value)) : now;
        }
        if (now != after) {
            return false;
        }
        say(before ? OpKind::map_put : OpKind::map_remove, before.value_or(Value{}));
        ops.back().key = std::get<std::string>(key);
    } else {
        if (view.value(object, field) != after || view.values(object, field).size() > 1) {
            return false;
        }
        say(before ? OpKind::set : OpKind::unset, before.value_or(Value{}));
    }
    return true;
}

void UndoStack::take_back(std::vector<Op>& ops,
                          FieldPlace const& place,
                          Edited<std::string> const& text) {
    from_right_to_left(text, [&](std::uint64_t at, std::uint64_t removed, std::string items) {
        ops.push_back(op_on(OpKind::splice, place.object, place.field));
        ops.back().at = at;
        ops.back().count = removed;
        ops.back().value = std::move(items);
    });
}

void UndoStack::take_back(std::vector<Op>& ops,
                          FieldPlace const& place,
                          Edited<std::vector<Value>> const& list) {
    from_right_to_left(list,
                       [&](std::uint64_t at, std::uint64_t removed, std::vector<Value> items) {
                           if (removed > 0) {
                               ops.push_back(op_on(OpKind::list_remove, place.object, place.field));
                               ops.back().at = at;
                               ops.back().count = removed;
                           }
                           for (Value& value : items) {
                               ops.push_back(op_on(OpKind::list_insert, place.object, place.field));
                               ops.back().at = at++;
                               ops.back().value = std::move(value);
                           }
                       });
}

}  // namespace capstan
