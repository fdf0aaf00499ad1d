#include <algorithm>
#include <utility>

#include "coalesce/code_points.hpp"
#include "coalesce/merged_events.hpp"
#include "coalesce/splice.hpp"

namespace capstan::coalesce {
namespace {

/// Places and counts up to here are added without a thought for overflow.
constexpr std::uint64_t kPlaceMax = std::uint64_t{1} << 53;
/// How many operations a removal looks back for the insertions that it undoes.
constexpr std::size_t kListLookBack = 64;

bool is_plausible(Op const& op) {
    return op.at <= kPlaceMax && op.count <= kPlaceMax;
}

bool is_add(OpKind kind) {
    return kind == OpKind::set_add || kind == OpKind::map_put;
}

std::optional<std::int64_t> sum(Value const& a, Value const& b) {
    auto const* x = std::get_if<std::int64_t>(&a);
    auto const* y = std::get_if<std::int64_t>(&b);
    std::int64_t result = 0;
    if (x == nullptr || y == nullptr || __builtin_add_overflow(*x, *y, &result)) {
        return std::nullopt;
    }
    return result;
}

}  // namespace

FieldTail::Kind FieldTail::kind_of(OpKind kind) {
    switch (kind) {
        case OpKind::set:
        case OpKind::unset:
            return Kind::single;
        case OpKind::add:
        case OpKind::counter_set:
            return Kind::counter;
        case OpKind::set_add:
        case OpKind::set_remove:
            return Kind::set;
        case OpKind::map_put:
        case OpKind::map_remove:
            return Kind::map;
        case OpKind::list_insert:
        case OpKind::list_remove:
        case OpKind::list_move:
        case OpKind::list_set:
            return Kind::list;
        case OpKind::splice:
            return Kind::text;
        case OpKind::insert:
        case OpKind::remove:
            break;
    }
    return Kind::none;
}

std::optional<EntryPlace> FieldTail::take(MergedEvents& events,
                                          std::size_t event,
                                          Op op,
                                          CoalesceRules const& rules) {
    bool const is_near = last_ && last_->event == event;
    bool merged = false;
    switch (kind_) {
        case Kind::single:
            merged = is_near && merge_single(events, op, rules);
            break;
        case Kind::counter:
            merged = is_near && merge_counter(events, op, rules);
            break;
        case Kind::set:
        case Kind::map:
            merged = merge_element(events, event, op, rules);
            break;
        case Kind::text:
            merged = is_near && merge_text(events, op, rules);
            break;
        case Kind::list:
            merged = merge_list(events, event, op, rules);
            break;
        case Kind::none:
            break;
    }
    return merged ? std::nullopt : std::optional(append(events, event, std::move(op)));
}

EntryPlace FieldTail::append(MergedEvents& events, std::size_t event, Op op) {
    if (kind_ == Kind::text) {
        auto const* content = std::get_if<std::string>(&op.value);
        points_ = content == nullptr ? 0 : count_code_points(*content);
    }
    auto element = kind_ == Kind::set ? op.value : Value(op.key);
    auto const kind = op.kind;
    auto const place = events.append(event, std::move(op));
    if (kind_ == Kind::set || kind_ == Kind::map) {
        elements_.insert_or_assign(std::move(element), place);
    } else if (kind == OpKind::list_move || kind == OpKind::list_set) {
        list_.clear();
    } else if (kind_ == Kind::list) {
        list_.push_back(place);
    }
    last_ = place;
    return place;
}

bool FieldTail::merge_single(MergedEvents& events, Op& op, CoalesceRules const& rules) {
    if (!rules.last_wins) {
        return false;
    }
    events.update(*last_, [&op](Op& before) { before = std::move(op); });
    return true;
}

/// A set does not take in the adds before it: an author who knew neither may win with a set of his
/// own, and then they still count.
bool FieldTail::merge_counter(MergedEvents& events, Op& op, CoalesceRules const& rules) {
    auto const& before = events.at(*last_);
    if (before.kind != op.kind) {
        return false;
    }
    if (op.kind == OpKind::counter_set) {
        bool const counts = std::holds_alternative<std::int64_t>(op.value);
        if (counts) {
            events.update(*last_, [&op](Op& set) { set = std::move(op); });
        }
        return counts;
    }
    auto const total = sum(before.value, op.value);
    if (!total) {
        return false;
    }
    if (*total == 0 && rules.deletes_win) {
        events.drop(*std::exchange(last_, std::nullopt));
    } else {
        events.update(*last_, [&total](Op& add) { add.value = *total; });
    }
    return true;
}

/// Operations on different elements commute, so the earlier one may change in its place.
bool FieldTail::merge_element(MergedEvents& events,
                              std::size_t event,
                              Op& op,
                              CoalesceRules const& rules) {
    auto const found = elements_.find(kind_ == Kind::set ? op.value : Value(op.key));
    if (found == elements_.end() || found->second.event != event) {
        return false;
    }
    bool const was_add = is_add(events.at(found->second).kind);
    bool const replaces_value = kind_ == Kind::map && is_add(op.kind);
    if (replaces_value && !rules.last_wins) {
        return false;
    }
    if (!was_add && is_add(op.kind) && !rules.adds_win) {
        return false;
    }
    events.update(found->second, [&op](Op& before) { before = std::move(op); });
    return true;
}

bool FieldTail::merge_text(MergedEvents& events, Op& op, CoalesceRules const& rules) {
    auto const* content = std::get_if<std::string>(&op.value);
    auto const& before = events.at(*last_);
    auto const* content_before = std::get_if<std::string>(&before.value);
    if (content == nullptr || content_before == nullptr || !is_plausible(op) ||
        !is_plausible(before)) {
        return false;
    }
    CountedSplice next{op.at, op.count, *content, count_code_points(*content)};
    bool absorbed = false;
    bool nothing = false;
    events.update(*last_, [&](Op& op_before) {
        auto& text = std::get<std::string>(op_before.value);
        CountedSplice first{op_before.at, op_before.count, std::move(text), points_};
        absorbed = absorb(first, next);
        nothing = first.is_nothing();
        op_before.at = first.at;
        op_before.count = first.count;
        text = std::move(first.content);
        points_ = first.points;
    });
    if (nothing && rules.deletes_win) {
        events.drop(*std::exchange(last_, std::nullopt));
    }
    op.at = next.at;
    op.count = next.count;
    return absorbed;
}

bool FieldTail::merge_list(MergedEvents& events,
                           std::size_t event,
                           Op& op,
                           CoalesceRules const& rules) {
    if (op.kind != OpKind::list_remove || !is_plausible(op)) {
        return false;
    }
    cancel_inserts(events, event, op);
    if (op.count == 0) {
        return rules.deletes_win;
    }
    if (list_.empty() || list_.back().event != event) {
        return false;
    }
    auto const& before = events.at(list_.back());
    bool const touches = before.kind == OpKind::list_remove && is_plausible(before) &&
                         op.at <= before.at && before.at <= op.at + op.count;
    if (touches) {
        events.update(list_.back(), [&op](Op& removal) {
            removal.at = op.at;
            removal.count += op.count;
        });
    }
    return touches;
}

/// Looks back through the operations of this event for insertions of what is now removed. Such an
/// insertion goes, and what came after it counts as if it had never been.
void FieldTail::cancel_inserts(MergedEvents& events, std::size_t event, Op& remove) {
    auto first = remove.at;  // of what is removed, as the operation looked at left the list
    auto const stop = list_.size() - std::min(list_.size(), kListLookBack);
    for (auto index = list_.size(); index > stop && list_[index - 1].event == event; --index) {
        Op const& op = events.at(list_[index - 1]);
        auto const end = first + remove.count;
        if (!is_plausible(op)) {
            return;
        }
        if (op.kind == OpKind::list_remove) {
            if (first < op.at && op.at < end) {
                return;  // it lies on both sides of what had been removed
            }
            first += op.at <= first ? op.count : 0;
        } else if (op.at < first) {
            --first;
        } else if (op.at < end) {
            forget(events, index - 1);
            --remove.count;
        }
    }
}

/// Drops an insertion; those behind it move over.
void FieldTail::forget(MergedEvents& events, std::size_t index) {
    auto at = events.at(list_[index]).at;  // of the element, in the view of the next operation
    for (auto later = index + 1; later < list_.size(); ++later) {
        Op const& op = events.at(list_[later]);
        bool const is_behind = op.at > at;
        if (is_behind) {
            events.update(list_[later], [](Op& moved) { --moved.at; });
        } else {
            at = op.kind == OpKind::list_insert ? at + 1 : at - op.count;
        }
    }
    events.drop(list_[index]);
    list_.erase(list_.begin() + static_cast<std::ptrdiff_t>(index));
}

}  // namespace capstan::coalesce
