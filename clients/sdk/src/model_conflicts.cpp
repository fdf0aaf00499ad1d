// What authors did unaware of each other, and who decides it.
#include <algorithm>
#include <array>
#include <utility>

#include "model_calls.hpp"

namespace capstan {
namespace {

/// What a side's author had seen, where the conflict itself does not tell.
void complete(ConflictSide& side, sync::RecentPast const& past) {
    if (side.a == Seq{}) {
        side.a = past.seen_by(side.seq).value_or(Seq{});
    }
}

}  // namespace

std::vector<KnownConflict> ModelStream::conflicts() const {
    return on_replica([](Shell*, sync::Replica* replica) {
        std::vector<KnownConflict> out;
        if (replica == nullptr) {
            return out;
        }
        auto const& log = replica->conflicts();
        auto number = log.count() - log.newest().size();
        for (Conflict const& conflict : log.newest()) {
            out.push_back({.number = ++number,
                           .conflict = conflict,
                           .open = replica->is_open(conflict),
                           .base = replica->base_of(conflict)});
            complete(out.back().conflict.winner, replica->recent_past());
            complete(out.back().conflict.loser, replica->recent_past());
        }
        return out;
    });
}

bool ModelStream::is_open(Conflict const& conflict) const {
    return on_replica([&](Shell*, sync::Replica* replica) {
        return replica != nullptr && replica->is_open(conflict);
    });
}

Result<std::optional<ConflictBase>> ModelStream::read_base(Conflict const& conflict,
                                                           Duration timeout) const {
    if (conflict.field.empty()) {
        return std::optional<ConflictBase>();
    }
    CAPSTAN_TRY(auto const entries, history(conflict.object, timeout));
    std::optional<Value> present;
    auto const place = sync::place_of(conflict);
    constexpr auto kAll = static_cast<std::size_t>(-1);
    sync::RecentPast past({.changes_max = kAll, .bytes_max = kAll, .events_max = kAll});
    for (HistoryEntry const& entry : entries) {
        Changes changes;
        for (Change const& change : entry.changes) {
            bool const is_there = change.field == place.field && change.field_kind == place.kind &&
                                  change.key == place.key;
            if (change.kind == Change::Kind::update && is_there) {
                changes.changes.push_back(change);
                present = change.after;
            }
        }
        past.note(entry.seq, entry.a, entry.device, changes);
    }
    return past.base_of(place, std::array{conflict.winner, conflict.loser}, present);
}

void ModelStream::resolve_by(Resolver resolver) {
    watch_->observes = true;
    resolver.decide = [watch = std::weak_ptr(watch_), decide = std::move(resolver.decide)](
                          MutationBuilder& m, Dispute const& dispute) {
        if (!watch.expired()) {
            decide(m, dispute);
        }
    };
    on_replica([&](Shell* shell, sync::Replica* replica) {
        if (shell != nullptr) {
            replica->resolve_by(std::move(resolver));
            shell->model_used(name_.str());
        }
        return true;
    });
}

}  // namespace capstan
