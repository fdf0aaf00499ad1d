// What becomes of runs when the server answers.
#include <algorithm>
#include <capstan/engine/sync/outbox.hpp>
#include <utility>

namespace capstan::sync {
namespace {

/// Counter gaps in a row of the run that comes next before the connection is made anew.
constexpr std::uint32_t kFrontGapsMax = 3;

}  // namespace

bool asks_for_patience(std::uint16_t code) {
    if (auto const* known = find_error(code)) {
        return known->reaction != Reaction::fix;
    }
    auto const group = code / 100;
    return group == 10 || group == 15;  // transport and load, storage: errors.def
}

std::size_t Outbox::find(Answer const& answer) const {
    auto const found = std::ranges::find_if(frozen_, [&answer](Run const& run) {
        return run.header.attempt == answer.attempt &&
               run.header.after.counter.next() == answer.first_counter;
    });
    return static_cast<std::size_t>(found - frozen_.begin());
}

/// How many runs, frozen then kept, are on the chain of `after` back from `last`: those that went
/// through. They follow each other, so it is all up to the one that `last` names.
std::size_t Outbox::through(Link const& last) const {
    std::size_t runs = 0;
    for (auto const* queue : {&frozen_, &kept_}) {
        for (Run const& run : *queue) {
            ++runs;
            if (run.link == last) {
                return runs;
            }
        }
    }
    return 0;
}

/// Whether the server has accepted more of this device than the store can tell of.
bool Outbox::is_ahead(Link const& last) const {
    return last.counter > record_.confirmed.counter && through(last) == 0;
}

/// Whether the server knows of something that this device did and this store does not know.
/// A `last` below the confirmed one is late news, or lost history; not this.
bool Outbox::is_foreign(Link const& last, Attempt device_attempt) const {
    return device_attempt > record_.attempt || (is_ahead(last) && !came_back(last));
}

/// Whether `last` is of a run that the server had accepted, lost with its history, and accepted
/// again when a late copy came, while this device keeps it no more. A store that went on while this
/// one was an image used attempts that are as new as the loss, or this store has the run too.
bool Outbox::came_back(Link const& last) const {
    return is_ahead(last) && last.attempt < record_.lost_before;
}

Insight Outbox::on_answer(Answer const& answer, Instant now, Random& random, Effects& effects) {
    if (answer.floor) {
        return on_fence_answer(answer, now, random, effects);
    }
    auto const at = find(answer);
    if (at == frozen_.size()) {
        return Insight::none;  // late news of a run that has its verdict, or is in doubt
    }
    if (recovering_) {
        on_answer_in_recovery(at, answer, now, random, effects);
        return Insight::none;
    }
    switch (answer.outcome) {
        case Outcome::turned_away:
            on_turned_away(at, answer, now, random, effects);
            return Insight::none;
        case Outcome::not_your_device:
            return Insight::store_outdated;
        case Outcome::accepted:
        case Outcome::duplicate:
            confirm(at + 1, answer.first_seq, effects);
            return is_foreign(answer.last, answer.device_attempt) ? Insight::store_outdated
                                                                  : Insight::none;
        default:
            break;
    }
    if (is_foreign(answer.last, answer.device_attempt)) {
        return Insight::store_outdated;
    }
    if (came_back(answer.last)) {
        return Insight::server_behind;
    }
    if (answer.outcome == Outcome::counter_gap) {
        land(frozen_[at], at == 0 ? Flight::idle : Flight::gapped);
        return at == 0 ? on_front_gap(now, random) : Insight::none;
    }
    if (answer.outcome == Outcome::settled && answer.first_seq > Seq{}) {
        confirm(at + 1, answer.first_seq, effects);
    } else {
        on_definite_no(at, answer, effects);
    }
    return Insight::none;
}

/// Settled, halted, behind itself or refused: runs on the chain back from `last` went through. This
/// one and all that follow it, the kept ones too, are dead: `last` will never be a link of theirs.
void Outbox::on_definite_no(std::size_t at, Answer const& answer, Effects& effects) {
    auto const accepted = through(answer.last);
    confirm(accepted, Seq{}, effects);
    if (answer.outcome == Outcome::settled && at < accepted) {
        return;
    }
    if (answer.outcome == Outcome::refused && at >= accepted) {
        auto const refused = frozen_.begin() + static_cast<std::ptrdiff_t>(at - accepted);
        land(*refused);
        refuse(*refused, {answer.code, answer.detail}, effects);
        frozen_.erase(refused);
    }
    end_attempt();
    requeue_frozen(effects);
    settle_kept(effects);
}

void Outbox::on_turned_away(
    std::size_t at, Answer const& answer, Instant now, Random& random, Effects& effects) {
    if (asks_for_patience(answer.code)) {
        land(frozen_[at]);
        hold(now, random, answer.retry_after);
    } else {
        keep_from(at, {answer.code, answer.detail}, effects);
    }
}

/// A gap before the very next run, which should have none before it that are missing: a node may
/// lag for a moment, or the server lost history. (Any other run waits for those before it.)
Insight Outbox::on_front_gap(Instant now, Random& random) {
    hold(now, random, {});
    return ++front_gaps_ < kFrontGapsMax ? Insight::none : Insight::server_behind;
}

/// The fence settles all that is kept. Accepted or refused: no run of an older attempt can be
/// accepted any more. Behind itself or settled: some of the kept went through; it is repeated,
/// unless the kept follow a run that did not.
Insight Outbox::on_fence_answer(Answer const& answer,
                                Instant now,
                                Random& random,
                                Effects& effects) {
    if (!fence_ || answer.attempt != fence_->attempt) {
        return Insight::none;
    }
    if (answer.outcome == Outcome::turned_away) {
        land(*fence_);
        hold(now, random, answer.retry_after);
        if (!asks_for_patience(answer.code)) {
            for (auto const& [id, pending] : pending_) {  // no write of the stream gets further
                tell_refused(pending.mutation, {answer.code, answer.detail}, true, effects);
            }
        }
        return Insight::none;
    }
    if (answer.outcome == Outcome::not_your_device ||
        is_foreign(answer.last, answer.device_attempt)) {
        return Insight::store_outdated;
    }
    if (came_back(answer.last)) {
        return Insight::server_behind;
    }
    if (answer.outcome == Outcome::counter_gap) {
        land(*fence_, frozen_.empty() ? Flight::idle : Flight::gapped);
        return frozen_.empty() ? on_front_gap(now, random) : Insight::none;
    }
    confirm(through(answer.last), Seq{}, effects);
    bool const accepted =
        answer.outcome == Outcome::accepted || answer.outcome == Outcome::duplicate;
    bool const settles = accepted || !frozen_.empty() || answer.outcome == Outcome::refused ||
                         answer.outcome == Outcome::halted;
    if (!accepted) {
        end_attempt();
    }
    requeue_frozen(effects);
    auto const was_denied = [](Run const& run) {
        return run.record.code == static_cast<std::uint16_t>(Errc::denied);
    };
    if (settles) {
        if (std::ranges::any_of(kept_, was_denied)) {
            hold(now, random, {});  // gateways may disagree about a right: not in circles
        }
        settle_kept(effects);
    } else {
        drop_fence();
        if (!kept_.empty()) {
            raise_fence();
        }
    }
    return Insight::none;
}

void Outbox::hold(Instant now, Random& random, Duration retry_after) {
    if (!held_until_ || *held_until_ <= now) {
        held_until_ = now.plus(backoff_.next(random, retry_after));
    } else {
        held_until_ = std::max(*held_until_, now.plus(retry_after));
    }
}

/// The first `runs` of frozen, then kept, are accepted; the last of them has this seq, or 0.
void Outbox::confirm(std::size_t runs, Seq first_seq_of_last, Effects& effects) {
    for (; runs > 0; --runs) {
        auto& queue = frozen_.empty() ? kept_ : frozen_;
        Run run = std::move(queue.front());
        queue.pop_front();
        land(run);
        auto const first = runs == 1 ? first_seq_of_last : Seq{};
        tell_confirmed(run, first, effects);
        bytes_ -= run.bytes_held();
        record_.confirmed = run.link;
        record_.confirmed_seq = first == Seq{} ? Seq{} : Seq{first.value + run.count - 1};
        auto const p = run.header.preceding_seq;
        if (p != kAtHead) {
            record_.preceding_seq = std::max(record_.preceding_seq, p);
        } else if (first > Seq{}) {
            record_.preceding_seq = Seq{first.value - 1};
        }
        preceding_given_ = std::max(preceding_given_, record_.preceding_seq);
        run.last_seq = record_.confirmed_seq;
        acked_.push_back(std::move(run));
        record_changed_ = true;
        front_gaps_ = 0;
        backoff_.reset();
    }
    auto const follow = [](auto& item) {
        item.flight = item.flight == Flight::gapped ? Flight::idle : item.flight;
    };
    std::ranges::for_each(frozen_, follow);
    if (fence_) {
        follow(*fence_);
    }
    // The stream exists by now, and has a history to name.
    standing_known_ = standing_known_ && record_.generation != Generation{};
    trim_acked(effects);
}

void Outbox::tell_confirmed(Run const& run, Seq first_seq, Effects& effects) const {
    Seq at = first_seq;
    bool const coalesced = !run.mutations.empty();
    for (auto const& part : run.record.parts) {
        WriteMoved moved;
        moved.stream = stream_;
        moved.mutation = part.mutation;
        moved.state = WriteState::confirmed;
        moved.link = run.link;
        if (first_seq > Seq{} && coalesced) {
            moved.first = first_seq;
            moved.last = Seq{first_seq.value + run.count - 1};
        } else if (first_seq > Seq{}) {
            moved.first = at;
            moved.last = Seq{at.value + part.events - 1};
            at = at.plus(part.events);
        }
        effects.then.emplace_back(std::move(moved));
    }
}

void Outbox::trim_acked(Effects& effects) {
    while (acked_.size() > kAckedRunsMax) {
        erase(acked_.front(), effects);
        acked_.pop_front();
    }
}

std::vector<Mutation> Outbox::mutations_of(Run const& run) const {
    if (!run.mutations.empty()) {
        auto mutations = run.mutations;
        for (Mutation& mutation : mutations) {
            mutation.generation = run.record.generation;
            mutation.preceding_seq = run.header.preceding_seq;
        }
        return mutations;
    }
    auto const view = RunView::decode(run.record.run).value();
    std::vector<Mutation> mutations;
    std::uint32_t next = 0;
    for (auto const& part : run.record.parts) {
        Mutation mutation;
        mutation.id = part.mutation;
        mutation.generation = run.record.generation;
        mutation.preceding_seq = run.header.preceding_seq;
        mutation.flags = run.header.flags;
        mutation.expect_head = run.record.expect_head;
        mutation.coalesces = run.record.coalesces;
        for (std::uint32_t i = 0; i < part.events; ++i) {
            auto const event = view.event(next++);
            mutation.events.emplace_back(event.begin(), event.end());
        }
        mutations.push_back(std::move(mutation));
    }
    return mutations;
}

void Outbox::refuse(Run const& run, Refusal const& why, Effects& effects) {
    for (auto& mutation : mutations_of(run)) {
        refuse(std::move(mutation), why, effects);
    }
    bytes_ -= run.bytes_held();
    erase(run, effects);
}

/// Refused for good. That is on the disk before the app hears it, so that a crash can make the
/// device neither send it again nor forget to tell.
void Outbox::refuse(Mutation mutation, Refusal const& why, Effects& effects) {
    tell_refused(mutation, why, false, effects);
    bytes_ += size_of(mutation.events);
    auto key = refused_key(stream_, mutation.id);
    auto const& refused =
        refused_.insert_or_assign(mutation.id, RefusedWrite{why.code, mutation}).first->second;
    auto value = encode(key, refused);
    effects.put(std::move(key), std::move(value));
    durable_next_ = true;
    in_review_ = reviews_;
}

bool Outbox::withdraw(MutationId mutation, Error const& why, Effects& effects) {
    auto const code = static_cast<std::uint16_t>(why.code);
    if (auto refused = refused_.extract(mutation)) {
        bytes_ -= size_of(refused.mapped().mutation.events);
        refuse(std::move(refused.mapped().mutation), {code, why.detail}, effects);
        return true;
    }
    auto node = pending_.extract(mutation);
    if (node.empty()) {
        return false;
    }
    bytes_ -= size_of(node.mapped().mutation.events);
    if (node.mapped().stored) {
        effects.erase(mutation_key(stream_, mutation));
    }
    std::erase(published_, mutation);
    refuse(std::move(node.mapped().mutation), {code, why.detail}, effects);
    return true;
}

void Outbox::revise(std::vector<Revision> revisions, ReaderAt at, Effects& effects) {
    preceding_given_ = std::max(preceding_given_, at.seq);
    for (Revision& revision : revisions) {
        Mutation mutation;
        if (auto refused = refused_.extract(revision.mutation)) {
            mutation = std::move(refused.mapped().mutation);
            effects.erase(refused_key(stream_, revision.mutation));
        } else if (auto pending = pending_.extract(revision.mutation)) {
            mutation = std::move(pending.mapped().mutation);
            if (pending.mapped().stored) {
                effects.erase(mutation_key(stream_, revision.mutation));
            }
        } else {
            continue;
        }
        bytes_ -= size_of(mutation.events);
        if (revision.events.empty()) {
            cancelled_.push_back(mutation.id);
            continue;
        }
        mutation.events = std::move(revision.events);
        mutation.preceding_seq = at.seq;
        mutation.generation = at.generation;
        requeue(std::move(mutation));
    }
    durable_next_ = true;
}

void Outbox::tell_refused(Mutation const& mutation,
                          Refusal const& why,
                          bool provisional,
                          Effects& effects) const {
    WriteMoved moved;
    moved.stream = stream_;
    moved.mutation = mutation.id;
    moved.state = WriteState::refused;
    moved.code = why.code;
    moved.detail = why.detail;
    moved.provisional = provisional;
    moved.events = provisional ? std::vector<Bytes>{} : mutation.events;
    effects.then.emplace_back(std::move(moved));
}

/// The run is dead: its mutations are pending again, at their place in device order.
void Outbox::requeue(Run const& run, Effects& effects, bool alone) {
    for (auto& mutation : mutations_of(run)) {
        mutation.alone = alone;
        requeue(std::move(mutation));
    }
    bytes_ -= run.bytes_held();
    erase(run, effects);
}

void Outbox::requeue(Mutation mutation) {
    bytes_ += size_of(mutation.events);
    unsaved_.push_back(mutation.id);
    auto const id = mutation.id;
    pending_.emplace(id, Pending{std::move(mutation), false});
}

void Outbox::requeue_frozen(Effects& effects) {
    for (Run& run : frozen_) {
        land(run);
        requeue(run, effects);
    }
    frozen_.clear();
}

}  // namespace capstan::sync
