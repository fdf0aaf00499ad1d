#include <algorithm>
#include <capstan/engine/sync/recent_past.hpp>
#include <utility>

namespace capstan::sync {
namespace {

std::size_t bytes_of(std::optional<Value> const& value) {
    if (!value) {
        return 0;
    }
    if (auto const* const text = std::get_if<std::string>(&*value)) {
        return text->size();
    }
    auto const* const bytes = std::get_if<Bytes>(&*value);
    return bytes == nullptr ? 0 : bytes->size();
}

}  // namespace

ValuePlace place_of(Conflict const& conflict) {
    return {conflict.object, conflict.field, conflict.field_kind, conflict.key};
}

bool RecentPast::Changed::is_at(ValuePlace const& place) const {
    return object == place.object && field == place.field && kind == place.kind && key == place.key;
}

std::size_t RecentPast::Changed::bytes() const {
    return sizeof *this + object.size() + field.size() + bytes_of(key) + bytes_of(before) +
           bytes_of(after);
}

void RecentPast::begin(Seq seq) {
    events_.clear();
    changes_.clear();
    bytes_ = 0;
    complete_from_ = seq;
}

void RecentPast::note(Seq seq, Seq a, DeviceId const& device, Changes const& changes) {
    events_.push_back({seq, a});
    if (events_.size() > limits_.events_max) {
        events_.pop_front();
    }
    for (Change const& change : changes.changes) {
        if (change.kind == Change::Kind::update && change.field_kind < FieldKind::list) {
            changes_.push_back({.seq = seq,
                                .device = device,
                                .object = change.object,
                                .field = change.field,
                                .kind = change.field_kind,
                                .key = change.key,
                                .before = change.before,
                                .after = change.after});
            bytes_ += changes_.back().bytes();
        }
    }
    while (changes_.size() > limits_.changes_max || bytes_ > limits_.bytes_max) {
        forget_oldest();
    }
}

void RecentPast::forget_oldest() {
    complete_from_ = changes_.front().seq;
    bytes_ -= changes_.front().bytes();
    changes_.pop_front();
}

std::optional<Seq> RecentPast::seen_by(Seq seq) const {
    auto const at = std::ranges::lower_bound(events_, seq, {}, &Known::seq);
    return at == events_.end() || at->seq != seq ? std::nullopt : std::optional(at->a);
}

/// Of elements only the last touch is known: 0 is none there, and a place elsewhere.
std::optional<Seq> RecentPast::seen_by(ConflictSide const& side, FieldKind kind) const {
    bool const is_known = side.a > Seq{} || kind == FieldKind::reg || kind == FieldKind::counter;
    return is_known ? std::optional(side.a) : seen_by(side.seq);
}

/// All had seen the events up to the smallest `a`, and behind that what each had seen or written
/// itself. The newest such change tells; without one, the first change behind that tells what was
/// there before.
std::optional<ConflictBase> RecentPast::base_of(ValuePlace const& place,
                                                std::span<ConflictSide const> sides,
                                                std::optional<Value> const& present) const {
    std::vector<Known> seen;
    Seq all_saw = kSeqMax;
    for (ConflictSide const& side : sides) {
        auto const a = seen_by(side, place.kind);
        if (!a) {
            return std::nullopt;
        }
        seen.push_back({side.seq, *a});
        all_saw = std::min(all_saw, *a);
    }
    auto const saw = [&](std::size_t side, Changed const& change) {
        return change.seq <= seen[side].a ||
               (change.device == sides[side].device && change.seq < seen[side].seq);
    };
    Changed const* first_behind = nullptr;
    for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
        if (!change->is_at(place)) {
            continue;
        }
        bool known = true;
        for (std::size_t side = 0; side < sides.size(); ++side) {
            known = known && saw(side, *change);
        }
        if (known) {
            return ConflictBase{change->seq, change->after};
        }
        first_behind = &*change;
    }
    if (sides.empty() || all_saw < complete_from_) {
        return std::nullopt;
    }
    return ConflictBase{all_saw, first_behind == nullptr ? present : first_behind->before};
}

}  // namespace capstan::sync
