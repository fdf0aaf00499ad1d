// Runs of which nobody knows whether they were accepted: gateway refusals, lost history, a store
// restored from an old image.
#include <algorithm>
#include <capstan/engine/sync/outbox.hpp>
#include <utility>

namespace capstan::sync {
namespace {

constexpr auto code_of(Errc code) {
    return static_cast<std::uint16_t>(code);
}

/// Reasons that are about one event of a run, not about all of it.
bool is_about_one_event(std::uint16_t code) {
    return code == code_of(Errc::request_invalid) || code == code_of(Errc::too_large) ||
           code == code_of(Errc::malformed);
}

}  // namespace

Insight Outbox::on_standing(Standing const& standing, bool history_lost, Effects& effects) {
    standing_known_ = true;
    standing_last_ = standing.last;
    if (record_.generation != standing.generation) {
        record_.generation = standing.generation;
        change_record();
    }
    if (is_foreign(standing.last, standing.attempt)) {
        return Insight::store_outdated;
    }
    // All that is not foreign and not the confirmed link or ahead of it is behind it.
    bool const behind = standing.last != record_.confirmed && through(standing.last) == 0;
    if (behind) {
        effects.then.emplace_back(
            Trouble{Error{Errc::lost_history,
                          "of this device the server knows " + to_string(standing.last) +
                              ", and had confirmed " + to_string(record_.confirmed)},
                    stream_});
    }
    if (behind || history_lost) {
        lose_history(standing, effects);
    } else if (standing.last == record_.confirmed &&
               standing.preceding_seq > record_.preceding_seq) {
        record_.preceding_seq = standing.preceding_seq;
        change_record();
    }
    return Insight::none;
}

/// A gateway refused a run: a copy may have gone another way. It and all behind it stay as they
/// are until a fence has settled them; the app hears of a refusal that is not yet final.
void Outbox::keep_from(std::size_t at, Refusal const& why, Effects& effects) {
    frozen_[at].record.code = why.code;
    bool const whole = !is_about_one_event(why.code) || frozen_[at].record.parts.size() == 1;
    if (whole) {
        for (auto const& mutation : mutations_of(frozen_[at])) {
            tell_refused(mutation, why, true, effects);
        }
    }
    while (frozen_.size() > at) {
        land(frozen_.back());
        frozen_.back().record.doubt = Doubt::refused;
        put(frozen_.back(), effects);
        kept_.push_front(std::move(frozen_.back()));
        frozen_.pop_back();
    }
    end_attempt();
    drop_fence();
    raise_fence();
}

void Outbox::drop_fence() {
    if (fence_) {
        land(*fence_);
        fence_.reset();
    }
}

void Outbox::raise_fence() {
    Fence fence;
    fence.attempt = current_attempt();
    fence.run = encode_run({fence.attempt, tail(), record_.preceding_seq, 0}, {});
    fence_ = std::move(fence);
}

void Outbox::settle_kept(Effects& effects) {
    drop_fence();
    for (Run const& run : std::exchange(kept_, {})) {
        settle(run, effects);
    }
}

/// The run is dead. What the gateway refused is refused for good; where it meant one event of
/// several, each mutation is tried alone. The others are sent again, and what was denied: a fence
/// passes only by the right that was missing.
void Outbox::settle(Run const& run, Effects& effects) {
    if (run.record.code != 0 && run.record.code != code_of(Errc::denied)) {
        if (is_about_one_event(run.record.code) && run.record.parts.size() > 1) {
            requeue(run, effects, true);
        } else {
            refuse(run, {run.record.code, {}}, effects);
        }
    } else if (run.record.doubt == Doubt::lost) {
        for (auto& mutation : mutations_of(run)) {
            rebase_or_refuse(std::move(mutation), effects);
        }
        bytes_ -= run.bytes_held();
        erase(run, effects);
    } else {
        requeue(run, effects);
    }
}

/// The server went back to an earlier state, or has another history than the reader's cursor. What
/// it no longer knows is in doubt: late copies may still reach it. Once a fence has settled that,
/// it is sent again, as the work of an author who had seen no more than both histories share.
void Outbox::lose_history(Standing const& standing, Effects& effects) {
    std::deque<Run> doubted;
    while (!acked_.empty() && acked_.back().link != standing.last &&
           acked_.back().link.counter >= standing.last.counter) {
        bytes_ += acked_.back().bytes_held();
        doubted.push_front(std::move(acked_.back()));
        acked_.pop_back();
    }
    auto const accepted = through(standing.last);
    confirm(accepted, Seq{}, effects);
    std::ranges::move(std::exchange(frozen_, {}), std::back_inserter(doubted));
    for (Run& run : doubted) {
        run.record.doubt = Doubt::lost;
        land(run);
        put(run, effects);
    }
    std::ranges::move(std::exchange(kept_, {}), std::back_inserter(doubted));
    kept_ = std::move(doubted);

    record_.confirmed = standing.last;
    record_.confirmed_seq = Seq{};
    record_.preceding_seq = standing.preceding_seq;
    preceding_given_ = standing.preceding_seq;
    change_record();
    for (auto& [id, pending] : std::exchange(pending_, {})) {
        if (pending.stored) {
            effects.erase(mutation_key(stream_, id));
        }
        for (Bytes const& event : pending.mutation.events) {
            bytes_ -= event.size();
        }
        rebase_or_refuse(std::move(pending.mutation), effects);
    }
    end_attempt();
    if (record_.attempt > Attempt{}) {
        record_.lost_before = current_attempt();
    }
    drop_fence();
    if (!kept_.empty()) {
        raise_fence();
    }
}

/// A mutation whose place in the old history means nothing any more goes on from where the device
/// stands now. Positions in a text, and guards, only their author can judge anew.
void Outbox::rebase_or_refuse(Mutation mutation, Effects& effects) {
    bool const has_positions =
        (mutation.flags & RunFlags::needs_window) != 0 && mutation.preceding_seq > Seq{};
    if (has_positions || mutation.expect_head) {
        refuse(std::move(mutation), {code_of(Errc::lost_history), {}}, effects);
        return;
    }
    if (mutation.preceding_seq != kAtHead) {
        mutation.preceding_seq = record_.preceding_seq;
        mutation.generation = record_.generation;
    }
    requeue(std::move(mutation));
}

void Outbox::begin_recovery() {
    recovering_ = true;
    std::ranges::move(std::exchange(kept_, {}), std::back_inserter(frozen_));
    drop_fence();
    held_until_.reset();
    for (Run& run : frozen_) {
        land(run);
        run.fate = Fate::open;
    }
}

/// The next connection may judge anew: what was in doubt is again.
void Outbox::break_recovery_off() {
    while (!frozen_.empty() && frozen_.back().record.doubt != Doubt::none) {
        kept_.push_front(std::move(frozen_.back()));
        frozen_.pop_back();
    }
    if (!kept_.empty()) {
        end_attempt();
        raise_fence();
    }
}

/// The server's `last` is not one of ours, so no frozen run can be accepted any more: each either
/// was, or is dead, and its own answer tells, or where the device's id belongs to somebody else the
/// standing. Once all are told, the dead are pending again.
void Outbox::on_answer_in_recovery(
    std::size_t at, Answer const& answer, Instant now, Random& random, Effects& effects) {
    if (answer.outcome == Outcome::turned_away && asks_for_patience(answer.code)) {
        land(frozen_[at]);
        hold(now, random, answer.retry_after);
        return;
    }
    bool const told = answer.outcome == Outcome::accepted || answer.outcome == Outcome::duplicate ||
                      (answer.outcome == Outcome::settled && answer.first_seq > Seq{});
    auto const accepted =
        std::max({told ? at + 1 : 0, through(answer.last), through(standing_last_)});
    for (std::size_t i = 0; i < accepted; ++i) {
        frozen_[i].fate = Fate::accepted;
    }
    if (at >= accepted && frozen_[at].fate == Fate::open) {
        frozen_[at].fate = Fate::dead;
    }
    if (told && answer.first_seq > Seq{}) {
        frozen_[at].first_seq = answer.first_seq;
        Seq const last{answer.first_seq.value + frozen_[at].count - 1};
        record_.confirmed_seq = std::max(record_.confirmed_seq, last);
        change_record();
    }
    if (std::ranges::any_of(frozen_, [](Run const& run) { return run.fate == Fate::open; })) {
        return;
    }
    for (Run& run : frozen_) {
        land(run);
        if (run.fate == Fate::accepted) {
            tell_confirmed(run, run.first_seq, effects);
            bytes_ -= run.bytes_held();
            erase(run, effects);
        } else {
            settle(run, effects);
        }
    }
    frozen_.clear();
}

void Outbox::renew(Effects& effects) {
    CAPSTAN_INVARIANT(drained());
    for (Run const& run : std::exchange(acked_, {})) {
        erase(run, effects);
    }
    // What the old id did counts as seen by the new one.
    auto const seen = record_.confirmed_seq;
    auto const generation = record_.generation;
    change_record();
    record_ = OutboxRecord{};
    record_.generation = generation;
    standing_last_ = Link{};
    preceding_given_ = Seq{};
    attempt_.reset();
    opening_attempt_spent_ = false;
    recovering_ = false;
    std::vector<MutationId> refused;
    for (auto& [id, pending] : pending_) {
        Mutation& mutation = pending.mutation;
        if ((mutation.flags & RunFlags::needs_window) != 0) {
            refused.push_back(id);
        } else if (mutation.preceding_seq != kAtHead && mutation.preceding_seq < seen) {
            mutation.preceding_seq = seen;
            mutation.generation = generation;
            unsaved_.push_back(id);
        }
        if (mutation.preceding_seq != kAtHead) {
            preceding_given_ = std::max(preceding_given_, mutation.preceding_seq);
        }
    }
    for (auto const id : refused) {
        auto node = pending_.extract(id);
        for (Bytes const& event : node.mapped().mutation.events) {
            bytes_ -= event.size();
        }
        if (node.mapped().stored) {
            effects.erase(mutation_key(stream_, id));
        }
        refuse(std::move(node.mapped().mutation), {code_of(Errc::behind_itself), {}}, effects);
    }
}

}  // namespace capstan::sync
