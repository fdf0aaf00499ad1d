#include "history_device.hpp"

#include <algorithm>

namespace capstan::test {
namespace {

bool contains(std::vector<FrozenRun> const& runs, RunKey const& key) {
    return std::ranges::any_of(runs, [&](FrozenRun const& run) { return run.key() == key; });
}

void remove(std::vector<FrozenRun>& runs, std::vector<FrozenRun> const& these) {
    std::erase_if(runs, [&](FrozenRun const& run) { return contains(these, run.key()); });
}

void append_mutations(std::vector<Mutation>& out, std::vector<FrozenRun> const& runs) {
    for (auto const& run : runs) {
        out.insert(out.end(), run.mutations.begin(), run.mutations.end());
    }
}

void put_in_front(std::vector<Mutation>& pending, std::vector<Mutation> const& mutations) {
    pending.insert(pending.begin(), mutations.begin(), mutations.end());
}

bool tried_again(Errc reason) {
    return reason == Errc::rebase_needed || reason == Errc::generation_changed ||
           reason == Errc::preceding_seq_invalid;
}

}  // namespace

void HistoryDevice::new_attempt() {
    ++ordinal_;
    attempt_ = Attempt::of(ordinal_, static_cast<std::uint32_t>(dice_->next()));
}

FrozenRun const& HistoryDevice::freeze(std::vector<Mutation> mutations, Seq preceding_seq) {
    FrozenRun run{
        {attempt_, after_, preceding_seq, 0}, cursor_.generation, {}, std::move(mutations)};
    after_ = run.end();
    newly_frozen.push_back(run);
    frozen_.push_back(std::move(run));
    return frozen_.back();
}

void HistoryDevice::freeze() {
    auto const count = std::min<std::size_t>(pending.size(), 1 + dice_->below(3));
    if (count == 0 || !kept_.empty() || recovering_ || must_resume) {
        return;
    }
    std::vector<Mutation> const mutations(pending.begin(),
                                          pending.begin() + static_cast<long>(count));
    pending.erase(pending.begin(), pending.begin() + static_cast<long>(count));
    freeze(mutations, cursor_.seq);
    if (dice_->one_in(3)) {
        frozen_.back().header.flags = RunFlags::needs_window;
    } else if (dice_->one_in(8)) {
        frozen_.back().expect_head = cursor_.seq;
    }
}

void HistoryDevice::freeze_floor() {
    if (pending.empty() && kept_.empty() && !recovering_ && !must_resume) {
        freeze({}, cursor_.seq);
    }
}

void HistoryDevice::turned_away(RunKey const& key) {
    auto const run = std::ranges::find(frozen_, key, &FrozenRun::key);
    if (run == frozen_.end() || key.floor || !kept_.empty() || recovering_) {
        return;
    }
    kept_.assign(run, frozen_.end());
    frozen_.erase(run, frozen_.end());
    bad_ = key;
    fence(key.after);
}

void HistoryDevice::fence(Link after) {
    new_attempt();
    after_ = after;
    fence_ = freeze({}, p_confirmed_).key();
}

/// All kept runs are dead: the bad one is reported, the others are read again.
void HistoryDevice::settle_kept() {
    std::vector<Mutation> again;
    for (auto const& run : kept_) {
        if (run.key() == bad_) {
            failed.insert(run.mutations.begin(), run.mutations.end());
        } else {
            append_mutations(again, {run});
        }
    }
    put_in_front(pending, again);
    kept_.clear();
    bad_.reset();
}

void HistoryDevice::confirm(FrozenRun const& run) {
    confirmed.insert(run.mutations.begin(), run.mutations.end());
    p_confirmed_ = std::max(p_confirmed_, run.header.preceding_seq);
    if (!run.is_floor() && !contains(confirmed_, run.key())) {
        confirmed_.push_back(run);
    }
}

/// `found` has the newest first.
void HistoryDevice::confirm_all(std::vector<FrozenRun> const& found) {
    std::for_each(found.rbegin(), found.rend(), [&](FrozenRun const& run) { confirm(run); });
}

bool HistoryDevice::knows(Link const& link) const {
    auto const ends_there = [&](FrozenRun const& run) { return run.end() == link; };
    return link == Link{} || std::ranges::any_of(frozen_, ends_there) ||
           std::ranges::any_of(kept_, ends_there) || std::ranges::any_of(confirmed_, ends_there);
}

/// Own runs on the chain of `after` back from `last`, the newest first.
std::vector<FrozenRun> HistoryDevice::went_through(Link const& last) const {
    std::vector<FrozenRun> runs = kept_;
    runs.insert(runs.end(), frozen_.begin(), frozen_.end());
    runs.insert(runs.end(), confirmed_.begin(), confirmed_.end());
    std::vector<FrozenRun> found;
    for (auto at = last; at != Link{};) {
        auto const run = std::ranges::find_if(
            runs, [&](FrozenRun const& r) { return !r.is_floor() && r.end() == at; });
        if (run == runs.end()) {
            break;
        }
        found.push_back(*run);
        at = run->header.after;
    }
    return found;
}

/// Accepted or a duplicate: so are all before it.
void HistoryDevice::went_ahead(std::size_t index) {
    auto const attempt = frozen_[index].header.attempt;
    for (std::size_t i = 0; i <= index; ++i) {
        confirm(frozen_[i]);
    }
    frozen_.erase(frozen_.begin(), frozen_.begin() + static_cast<long>(index) + 1);
    if (!kept_.empty() && attempt > kept_.back().header.attempt) {
        settle_kept();
    }
}

void HistoryDevice::answered(RunKey const& key, Answer const& answer) {
    auto const found = std::ranges::find(frozen_, key, &FrozenRun::key);
    if (found == frozen_.end()) {
        return;
    }
    auto const index = static_cast<std::size_t>(found - frozen_.begin());
    if (recovering_) {
        if (index == 0) {
            settle_image(answer);
        }
        return;
    }
    if (answer.outcome == Verdict::counter_gap) {
        return;
    }
    if (answer.outcome == Verdict::accepted || answer.outcome == Verdict::duplicate) {
        went_ahead(index);
        return;
    }
    if (key.floor && key != fence_) {  // only a hint: its loss means nothing
        frozen_.erase(found);
        return;
    }
    if (!knows(answer.last)) {
        start_recovery();
        return;
    }
    start_over(answer.last, FrozenRun(*found), answer);
}

/// A final answer that is no success: what went through is confirmed, all else starts again from
/// `last`.
void HistoryDevice::start_over(Link const& last, FrozenRun const& run, Answer const& answer) {
    auto const found = went_through(last);
    confirm_all(found);
    remove(frozen_, found);
    remove(kept_, found);
    if (answer.outcome == Verdict::settled && contains(found, run.key())) {
        return;
    }
    auto const is_refusal = answer.outcome == Verdict::refused || answer.outcome == Verdict::halted;
    if (!kept_.empty() && is_refusal && run.header.attempt > kept_.back().header.attempt) {
        settle_kept();
    }
    if (answer.outcome == Verdict::refused) {
        refused(run, *answer.reason);
    }
    std::vector<Mutation> again;
    append_mutations(again, frozen_);
    put_in_front(pending, again);
    frozen_.clear();
    if (!kept_.empty()) {
        fence(last);
        return;
    }
    new_attempt();
    after_ = last;
}

/// The app hears of it, unless reading on helps.
void HistoryDevice::refused(FrozenRun const& run, Errc reason) {
    if (tried_again(reason)) {
        must_resume = true;
        return;
    }
    failed.insert(run.mutations.begin(), run.mutations.end());
    remove(frozen_, {run});
}

void HistoryDevice::greeted(Greeting const& greeting) {
    if (!greeting.cursor_is_known) {
        cursor_ = greeting.head;
    }
    if (recovering_) {
        return;
    }
    if (greeting.attempt > attempt_ || !knows(greeting.last)) {
        start_recovery();
        return;
    }
    auto const behind =
        !confirmed_.empty() && greeting.last.counter < confirmed_.back().end().counter;
    if (!greeting.cursor_is_known || behind) {
        lose_history(greeting.last);
    }
    cursor_.generation = greeting.head.generation;
}

/// The server was restored from a backup: what it has of this device ends with `last`.
void HistoryDevice::lose_history(Link const& last) {
    ++losses;
    auto const found = went_through(last);
    confirm_all(found);
    for (auto* const runs : {&confirmed_, &kept_, &frozen_}) {
        std::vector<FrozenRun> rest = *runs;
        remove(rest, found);
        runs->swap(rest);
    }
    settle_kept();
    std::vector<Mutation> again;
    append_mutations(again, confirmed_);
    append_mutations(again, frozen_);
    put_in_front(pending, again);
    confirmed_.assign(found.rbegin(), found.rend());
    frozen_.clear();
    p_confirmed_ = {};
    new_attempt();
    after_ = last;
}

/// The server has events of this device that the store does not know: it is an old image.
void HistoryDevice::start_recovery() {
    ++recoveries;
    recovering_ = true;
    frozen_.insert(frozen_.end(), kept_.begin(), kept_.end());
    kept_.clear();
    bad_.reset();
    fence_.reset();
    std::erase_if(frozen_, [](FrozenRun const& run) { return run.is_floor(); });
    if (frozen_.empty()) {
        become_new_device();
    }
}

/// The answer to the image's first run that is not settled yet. All before it have their answers,
/// so a gap is final too: it follows a dead one.
void HistoryDevice::settle_image(Answer const& answer) {
    auto const success = answer.outcome == Verdict::accepted ||
                         answer.outcome == Verdict::duplicate || answer.sequenced;
    if (success) {
        confirm(frozen_.front());
    } else {
        append_mutations(not_confirmed_, {frozen_.front()});
    }
    frozen_.erase(frozen_.begin());
    if (frozen_.empty()) {
        become_new_device();
    }
}

void HistoryDevice::become_new_device() {
    put_in_front(pending, not_confirmed_);
    not_confirmed_.clear();
    confirmed_.clear();
    recovering_ = false;
    must_resume = true;
    p_confirmed_ = {};
    after_ = {};
    for (auto& byte : id.bytes) {
        byte = static_cast<std::byte>(1 + dice_->below(255));
    }
    new_attempt();
}

std::vector<FrozenRun> HistoryDevice::to_send() const {
    if (recovering_) {
        return {frozen_.front()};
    }
    return frozen_;
}

std::set<Mutation> HistoryDevice::unconfirmed() const {
    std::vector<Mutation> all = pending;
    append_mutations(all, frozen_);
    append_mutations(all, kept_);
    all.insert(all.end(), not_confirmed_.begin(), not_confirmed_.end());
    return {all.begin(), all.end()};
}

}  // namespace capstan::test
