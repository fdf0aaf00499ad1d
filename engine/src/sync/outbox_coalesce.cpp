// Pending mutations that are merged when they are frozen.
#include <capstan/engine/sync/outbox.hpp>
#include <capstan/schema/event.hpp>
#include <utility>

namespace capstan::sync {

/// As many as one run takes once they are merged. None: they don't coalesce, or to no effect.
std::optional<Outbox::Coalesced> Outbox::coalesce_next() const {
    Mutation const& first = pending_.begin()->second.mutation;
    if (!first.coalesces || first.alone) {
        return std::nullopt;
    }
    coalesce::Coalescer coalescer(rules_);
    Coalesced group;
    std::size_t events = 0;
    std::size_t bytes = 0;
    for (auto const& [id, pending] : pending_) {
        Mutation const& next = pending.mutation;
        std::vector<Event> decoded;
        for (Bytes const& event : next.events) {
            bytes += event.size();
            if (auto readable = decode_event(event)) {
                decoded.push_back(std::move(readable).value());
            }
        }
        bool const fits = group.mutations == 0 ||
                          (joins(first, next) && bytes <= kCoalescedBytesMax &&
                           coalescer.bytes() + coalesce::bytes_max_of(decoded) <= kRunBytesTarget);
        // An event that a later build wrote may be unreadable here: it is sent as it is.
        if (!fits || decoded.size() != next.events.size()) {
            break;
        }
        for (auto& event : decoded) {
            coalescer.add(std::move(event));
        }
        events += next.events.size();
        ++group.mutations;
    }
    if (group.mutations == 0 || coalescer.count() == events) {
        return std::nullopt;
    }
    group.events = coalescer.take();
    return group;
}

void Outbox::freeze_coalesced(Coalesced group, Effects& effects) {
    bool const is_nothing = group.events.empty();
    RunRecord record;
    std::vector<Mutation> mutations;
    for (; group.mutations > 0; --group.mutations) {
        auto const& mutation = mutations.emplace_back(take_first_pending(effects, !is_nothing));
        record.parts.push_back({mutation.id, static_cast<std::uint32_t>(mutation.events.size())});
        if (is_nothing) {
            cancelled_.push_back(mutation.id);
        }
    }
    if (is_nothing) {
        durable_next_ = true;
        return;
    }
    std::vector<Bytes> encoded;
    for (Event const& event : group.events) {
        encoded.push_back(encode_event(event));
    }
    std::vector<ByteView> const events(encoded.begin(), encoded.end());
    auto const first = mutations.front();
    freeze_run(std::move(record), first, events, std::move(mutations), effects);
}

/// What later writes took back before it was sent: the server has what is left of it.
void Outbox::tell_cancelled(Effects& effects) {
    for (auto const id : std::exchange(cancelled_, {})) {
        WriteMoved moved;
        moved.stream = stream_;
        moved.mutation = id;
        moved.state = WriteState::confirmed;
        effects.then.emplace_back(std::move(moved));
    }
}

}  // namespace capstan::sync
