#include <algorithm>
#include <capstan/engine/sync/model_records.hpp>
#include <capstan/engine/sync/subscription.hpp>
#include <utility>

namespace capstan::sync {

Subscription::Subscription(std::string stream,
                           ReadFrom from,
                           std::optional<StoredCursor> const& stored,
                           std::uint32_t history)
    : stream_(std::move(stream)),
      from_(std::move(from)),
      history_(history),
      snapshots_(from_.snapshots),
      chunks_(std::move(from_.chunks)) {
    for (auto const& [id, packed] : chunks_) {
        stored_chunks_.insert(id);
    }
    if (from_.kind == ReadFrom::Kind::stored) {
        start_at(stored.value_or(StoredCursor{}));
    } else if (from_.kind == ReadFrom::Kind::cursor) {
        start_at(from_.cursor);
    } else if (from_.kind == ReadFrom::Kind::seq && from_.seq <= Seq{1}) {
        start_at(StoredCursor{});
    }
}

void Subscription::start_at(StoredCursor cursor) {
    if (cursor.seq == Seq{}) {
        cursor.chain = chain_start(stream_);
    }
    at_ = cursor;
    consumed_ = cursor;
    passed_.clear();
    located_ = true;
}

Subscription::Ask Subscription::ask(bool may_load) {
    stage_ = Stage::asked;
    asked_snapshots_ = located_ && snapshots_ && may_load;
    // A folded delta is of exactly what is held: of a history that the chain hash vouches for.
    asked_folds_ = asked_snapshots_ && folds_ && at_.seq > Seq{} && at_.chain;
    if (!located_) {
        return {Generation{}, Seq{}, std::nullopt, false};
    }
    bool const known = at_.generation != Generation{};
    return {at_.generation,
            at_.seq,
            known ? at_.chain : std::nullopt,
            true,
            asked_snapshots_,
            asked_folds_};
}

void Subscription::on_state(StreamState const& state, Instant now, Effects& effects) {
    if (stage_ == Stage::following && at_.generation == Generation{}) {
        at_.generation = state.generation;  // the stream has come to be
        consumed_.generation = state.generation;
    }
    if (stage_ != Stage::asked) {
        return;
    }
    if (state.verdict == CursorVerdict::denied) {
        auto const* known = find_error(state.code);
        if (known != nullptr && known->reaction != Reaction::fix) {
            on_interrupted(Error{known->code, {}}, effects);
        } else {
            fail(Error{known != nullptr ? known->code : Errc::denied, {}}, effects);
        }
    } else if (!located_) {
        locate(state);
    } else if (state.verdict == CursorVerdict::reset) {
        reset(state, effects);
    } else if (begin_loading(state)) {
        loaded_at_ = now;
    } else if (state.verdict > CursorVerdict::delta) {
        fail(Error{Errc::protocol_violation, "a way to catch up that was not agreed"}, effects);
    } else if (state.generation == Generation{} && at_.seq > Seq{}) {
        fail(Error{Errc::protocol_violation, "what is held is of no history"}, effects);
    } else {
        // Another generation, and the cursor still stands: both histories share what is held.
        head_ = at_.generation == state.generation ? std::max(head_, state.head) : state.head;
        at_.generation = state.generation;
        consumed_.generation = state.generation;
        target_ = state.head;
        stage_ = Stage::following;
        note_reached();
    }
}

/// False if that was not said, or not asked for.
bool Subscription::begin_loading(StreamState const& state) {
    bool const loads = (state.verdict == CursorVerdict::snapshot && asked_snapshots_) ||
                       (state.verdict == CursorVerdict::folded_delta && asked_folds_);
    if (loads) {
        folds_ = state.verdict == CursorVerdict::snapshot && folds_;
        target_ = state.head;
        stage_ = Stage::loading;
    }
    return loads;
}

/// The first of two steps is answered: the stream's head is known, reading can begin.
void Subscription::locate(StreamState const& state) {
    Seq const before{from_.seq.value == 0 ? 0 : from_.seq.value - 1};
    if (from_.kind == ReadFrom::Kind::tail || before >= state.head) {
        start_at({state.generation, state.head, state.chain});
    } else {
        start_at({state.generation, before, std::nullopt});
    }
    stage_ = Stage::wanted;
}

void Subscription::reset(StreamState const& state, Effects& effects) {
    if (at_.seq == Seq{} && at_.generation == state.generation) {
        fail(Error{Errc::protocol_violation, "the start of a history was refused"}, effects);
        return;
    }
    effects.then.emplace_back(HistoryLost{stream_, state.generation, state.head});
    ++history_;
    credit_ += std::exchange(unconsumed_bytes_, 0);
    drop_held();
    drop_intake();
    start_at({state.generation, Seq{}, std::nullopt});
    head_ = Seq{};
    stage_ = Stage::wanted;
}

void Subscription::fail(Error error, Effects& effects) {
    drop_held();
    drop_intake();
    stage_ = Stage::failed;
    effects.then.emplace_back(Trouble{std::move(error), stream_});
}

Result<> Subscription::on_events(Delivery delivery, Instant now, Effects& effects) {
    CAPSTAN_TRY(delivery.check());
    if (stage_ == Stage::following && delivery.generation != at_.generation) {
        ask_anew();
    }
    if (stage_ != Stage::following || delivery.last <= at_.seq) {
        credit_ += delivery.runs.size();
    } else if (delivery.first > at_.seq.next()) {
        auto const first = delivery.first;
        auto const last = delivery.last;
        hold(first, Held{last, std::move(delivery), 0}, now);
    } else {
        deliver(std::move(delivery), effects);
        deliver_held(effects);
    }
    return success();
}

void Subscription::on_hole(Seq first, Seq last, std::uint8_t why, Instant now, Effects& effects) {
    if (stage_ != Stage::following || last <= at_.seq) {
        return;
    }
    if (first > at_.seq.next()) {
        hold(first, Held{last, std::nullopt, why}, now);
        return;
    }
    pass_hole(last, why, effects);
    deliver_held(effects);
}

void Subscription::hold(Seq first, Held held, Instant now) {
    if (!gap_since_) {
        gap_since_ = now;
    }
    auto const size = [](Held const& h) { return h.events ? h.events->runs.size() : 0; };
    auto const [at, added] = held_.try_emplace(first);
    if (!added && at->second.last >= held.last) {
        credit_ += size(held);
        return;
    }
    credit_ += size(at->second);
    at->second = std::move(held);
}

void Subscription::deliver_held(Effects& effects) {
    while (!held_.empty() && held_.begin()->first <= at_.seq.next() && stage_ == Stage::following) {
        auto node = held_.extract(held_.begin());
        Held& held = node.mapped();
        if (held.last <= at_.seq) {
            credit_ += held.events ? held.events->runs.size() : 0;
        } else if (held.events) {
            deliver(std::move(*held.events), effects);
        } else {
            pass_hole(held.last, held.why, effects);
        }
    }
    if (held_.empty()) {
        gap_since_.reset();
        asked_again_ = SeqRanges{};
    }
}

/// Recomputes the chain over what is new, and compares it with the sender's. Behind a hole the
/// sender's is taken on trust.
bool Subscription::verify(Delivery const& delivery, std::vector<Passed>& passed) const {
    auto chain = at_.chain;
    delivery.each_event([&](DeliveredEvent const& event) {
        if (chain) {
            chain = chain_behind(*chain, event);
        }
        passed.push_back(Passed{event.seq, chain, 0});
    });
    if (chain && *chain != delivery.chain) {
        return false;
    }
    passed.back().chain = delivery.chain;
    passed.back().bytes = delivery.runs.size();
    return true;
}

void Subscription::deliver(Delivery delivery, Effects& effects) {
    delivery.stream = stream_;
    delivery.from = at_.seq.next();
    delivery.history = history_;
    std::vector<Passed> passed;
    if (!verify(delivery, passed)) {
        credit_ += delivery.runs.size();
        if (++mismatches_ == 1) {
            ask_anew();  // the server judges our cursor; perhaps history was lost
        } else {
            fail(Error{Errc::lost_history,
                       "events " + std::to_string(delivery.from.value) + ".." +
                           std::to_string(delivery.last.value) + " do not follow what is held"},
                 effects);
        }
        return;
    }
    mismatches_ = 0;
    at_.seq = delivery.last;
    at_.chain = delivery.chain;
    delivery.head = head_ = std::max(head_, delivery.head);
    unconsumed_bytes_ += delivery.runs.size();
    passed_.insert(passed_.end(), passed.begin(), passed.end());
    effects.then.emplace_back(std::move(delivery));
    note_reached();
}

void Subscription::pass_hole(Seq last, std::uint8_t why, Effects& effects) {
    effects.then.emplace_back(HoleDeclared{stream_, at_.seq.next(), last, why, history_});
    at_.seq = last;
    at_.chain.reset();
    passed_.push_back(Passed{last, std::nullopt, 0});
    note_reached();
}

void Subscription::on_interrupted(Error why, Effects& effects) {
    if (stage_ == Stage::asked || stage_ == Stage::following || stage_ == Stage::loading) {
        drop_held();
        drop_intake();
        stage_ = Stage::interrupted;
    }
    effects.then.emplace_back(Trouble{std::move(why), stream_});
}

void Subscription::on_disconnected() {
    drop_held();
    drop_intake();
    if (stage_ != Stage::failed) {
        stage_ = Stage::wanted;
    }
    reached_ = false;
    folds_ = true;
}

void Subscription::drop_held() {
    for (auto const& [first, held] : std::exchange(held_, {})) {
        credit_ += held.events ? held.events->runs.size() : 0;
    }
    asked_again_ = SeqRanges{};
    gap_since_.reset();
}

void Subscription::ask_anew() {
    drop_held();
    drop_intake();
    stage_ = Stage::wanted;
}

/// Whole chunks stay, for the next snapshot that names them.
void Subscription::drop_intake() {
    if (intake_) {
        chunks_ = std::move(*intake_).take_chunks();
        intake_.reset();
    }
}

Result<> Subscription::on_snapshot(OfferedSnapshot const& offer,
                                   ChunkCodec const& codec,
                                   Instant now) {
    if (stage_ != Stage::loading) {
        return success();
    }
    if (offer.seq <= at_.seq) {
        return Error{Errc::protocol_violation, "a snapshot of what is here already"};
    }
    if (offer.from != Seq{} && (!asked_folds_ || offer.from != at_.seq)) {
        return Error{Errc::protocol_violation, "a folded delta of what is not here"};
    }
    loaded_at_ = now;
    drop_intake();
    intake_.emplace(stream_, codec, offer, std::exchange(chunks_, {}));
    return success();
}

bool Subscription::on_chunk(ChunkPart const& part, bool may_load, Instant now, Effects& effects) {
    credit_ += part.bytes.size();
    if (!intake_) {
        return false;
    }
    loaded_at_ = now;
    auto const taken = intake_->take(part);
    if (!taken) {
        refuse_chunk(taken.error(), effects);
        return false;
    }
    bool const is_whole = taken.value().has_value();
    if (is_whole && !intake_->offer().whole) {
        auto record = model_chunk_record(stream_, *taken.value(), intake_->chunk(*taken.value()));
        effects.transaction.push_back(std::move(record));
        stored_chunks_.insert(*taken.value());
    }
    if (intake_->complete() && may_load) {
        finish_loading(effects);
    } else if (intake_->complete()) {
        ask_anew();  // for events: what was written meanwhile counts positions
    }
    return is_whole;
}

/// The server may have mended it by the next time; if not, events do as well.
void Subscription::refuse_chunk(Error error, Effects& effects) {
    if (++refused_chunks_ > 1) {
        snapshots_ = false;
        effects.then.emplace_back(Trouble{std::move(error), stream_});
    }
    ask_anew();
}

void Subscription::finish_loading(Effects& effects) {
    auto const offer = intake_->offer();
    bool const folded = offer.from != Seq{};
    SnapshotArrived arrived{.stream = stream_,
                            .seq = offer.seq,
                            .snapshot = nullptr,
                            .delta = nullptr,
                            .stored = {stored_chunks_.begin(), stored_chunks_.end()},
                            .history = history_};
    if (folded) {
        arrived.delta = std::move(*intake_).take_delta();
    } else {
        arrived.snapshot =
            std::make_shared<TakenSnapshot const>(std::move(*intake_).take_snapshot());
    }
    intake_.reset();
    refused_chunks_ = 0;
    folds_ = true;
    stored_chunks_.clear();
    effects.then.emplace_back(std::move(arrived));
    at_ = {offer.generation, offer.seq, offer.chain};
    head_ = std::max(head_, offer.seq);
    passed_.push_back(Passed{offer.seq, offer.chain, 0});
    stage_ = offer.whole || folded ? Stage::following : Stage::wanted;
    note_reached();
}

bool Subscription::consumed(Seq seq) {
    if (seq > at_.seq) {
        return false;
    }
    while (!passed_.empty() && passed_.front().seq <= seq) {
        auto const& passed = passed_.front();
        consumed_ = StoredCursor{at_.generation, passed.seq, passed.chain};
        consumed_changed_ = true;
        credit_ += passed.bytes;
        unconsumed_bytes_ -= passed.bytes;
        passed_.pop_front();
    }
    return true;
}

std::vector<SeqRanges::Range> Subscription::take_needs() {
    if (held_.empty()) {
        return {};
    }
    SeqRanges had = asked_again_;
    for (auto const& [first, held] : held_) {
        had.add(first, held.last);
    }
    auto const needs = had.holes(at_.seq.next(), held_.rbegin()->first);
    for (auto const& range : needs) {
        asked_again_.add(range.first, range.last);
    }
    return needs;
}

void Subscription::note_reached() {
    reached_ = reached_ || (stage_ == Stage::following && at_.seq >= target_);
}

void Subscription::check_invariants() const {
    CAPSTAN_INVARIANT(consumed_.seq <= at_.seq);
    std::uint64_t bytes = 0;
    Seq before = consumed_.seq;
    for (Passed const& passed : passed_) {
        CAPSTAN_INVARIANT(before < passed.seq);
        before = passed.seq;
        bytes += passed.bytes;
    }
    CAPSTAN_INVARIANT(passed_.empty() || before == at_.seq);
    CAPSTAN_INVARIANT(bytes == unconsumed_bytes_);
    for (auto const& [first, held] : held_) {
        CAPSTAN_INVARIANT(first > at_.seq.next());
    }
}

}  // namespace capstan::sync
