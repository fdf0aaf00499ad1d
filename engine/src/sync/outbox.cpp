#include <algorithm>
#include <capstan/engine/sync/outbox.hpp>
#include <numeric>
#include <utility>

namespace capstan::sync {
namespace {

/// What a run of these events takes, with its table of ends.
std::size_t run_bytes(std::size_t events, std::size_t event_bytes) {
    return RunView::kHeaderBytes + events * 4 + event_bytes;
}

Result<> check(std::vector<Bytes> const& events,
               std::size_t event_bytes,
               PublishOptions const& options) {
    if (events.empty() || std::ranges::any_of(events, &Bytes::empty)) {
        return Error{Errc::request_invalid, "nothing to publish"};
    }
    if (events.size() > kRunEventsMax) {
        return Error{Errc::too_large, std::to_string(events.size()) + " events in one call"};
    }
    auto const bytes = run_bytes(events.size(), event_bytes);
    if (bytes > kRunBytesMax ||
        std::ranges::any_of(events, [](Bytes const& e) { return e.size() > kEventBytesMax; })) {
        return Error{Errc::too_large, std::to_string(bytes) + " bytes in one call"};
    }
    auto const p = options.preceding.value_or(Seq{});
    if (p > kSeqMax && (p != kAtHead || options.needs_window)) {
        return Error{Errc::request_invalid, "preceding seq out of range"};
    }
    if (options.expect_head && *options.expect_head > kSeqMax) {
        return Error{Errc::request_invalid, "expected head out of range"};
    }
    if (options.coalesces) {
        for (Bytes const& event : events) {
            CAPSTAN_TRY(decode_event(event));
        }
    }
    return success();
}

/// Those of the mutations that the run's parts name. Both ascend.
std::vector<Mutation> take_parts(std::vector<Mutation>& mutations, RunRecord const& record) {
    auto const first =
        std::ranges::lower_bound(mutations, record.parts.front().mutation, {}, &Mutation::id);
    auto const end = first + static_cast<std::ptrdiff_t>(record.parts.size());
    std::vector<Mutation> taken(std::make_move_iterator(first), std::make_move_iterator(end));
    mutations.erase(first, end);
    return taken;
}

}  // namespace

std::size_t Outbox::size_of(std::vector<Bytes> const& events) {
    return std::accumulate(
        events.begin(), events.end(), std::size_t{0}, [](std::size_t sum, Bytes const& event) {
            return sum + event.size();
        });
}

Outbox::Outbox(std::string stream, Identity& identity, FlightWindow& window)
    : stream_(std::move(stream)), identity_(identity), window_(window) {}

Outbox::Outbox(std::string stream,
               Identity& identity,
               FlightWindow& window,
               StoreImage::Stream&& stored)
    : Outbox(std::move(stream), identity, window) {
    record_ = stored.outbox;
    preceding_given_ = record_.preceding_seq;
    auto const confirmed = std::ranges::find_if(stored.runs, [this](RunRecord const& run) {
        return RunView::decode(run.run).value().last_link() == record_.confirmed;
    });
    auto rest_acked = confirmed == stored.runs.end() ? 0 : confirmed - stored.runs.begin() + 1;
    for (auto& record : stored.runs) {
        std::vector<Mutation> coalesced;
        if (is_coalesced(record)) {
            coalesced = take_parts(stored.mutations, record);
        }
        auto run = run_of(std::move(record));
        run.mutations = std::move(coalesced);
        run.sent_before = true;  // nobody knows
        if (rest_acked > 0) {
            --rest_acked;
            acked_.push_back(std::move(run));
            continue;
        }
        bytes_ += run.bytes_held();
        if (run.header.preceding_seq != kAtHead) {
            preceding_given_ = std::max(preceding_given_, run.header.preceding_seq);
        }
        bool const doubted = run.record.doubt != Doubt::none || !kept_.empty();
        (doubted ? kept_ : frozen_).push_back(std::move(run));
    }
    for (auto& mutation : stored.mutations) {
        bytes_ += size_of(mutation.events);
        if (mutation.preceding_seq != kAtHead) {
            preceding_given_ = std::max(preceding_given_, mutation.preceding_seq);
        }
        pending_.emplace(mutation.id, Pending{std::move(mutation), true});
    }
    for (auto& refused : stored.refused) {
        bytes_ += size_of(refused.mutation.events);
        refused_.emplace(refused.mutation.id, std::move(refused));
    }
    refused_told_ = refused_.empty();
    if (!kept_.empty()) {
        raise_fence();
    }
}

Outbox::Run Outbox::run_of(RunRecord record) {
    Run run;
    auto const view = RunView::decode(record.run);
    CAPSTAN_INVARIANT(view.has_value());
    run.header = view.value().header();
    run.link = view.value().last_link();
    run.count = view.value().count();
    run.record = std::move(record);
    return run;
}

std::size_t Outbox::Run::bytes_held() const {
    auto bytes = record.run.size();
    for (Mutation const& mutation : mutations) {
        bytes += size_of(mutation.events);
    }
    return bytes;
}

Result<MutationId> Outbox::publish(std::vector<Bytes> events,
                                   PublishOptions const& options,
                                   ReaderAt reader) {
    CAPSTAN_TRY(check(events, size_of(events), options));
    Mutation mutation;
    mutation.preceding_seq = options.preceding.value_or(std::max(reader.seq, preceding_given_));
    if (mutation.preceding_seq < preceding_given_) {
        return Error{Errc::preceding_seq_invalid,
                     "it was " + std::to_string(preceding_given_.value) + ", and is " +
                         std::to_string(mutation.preceding_seq.value)};
    }
    if (mutation.preceding_seq != kAtHead) {
        preceding_given_ = mutation.preceding_seq;
        mutation.generation = reader.generation;
    }
    mutation.id = identity_.next_mutation();
    mutation.flags = options.needs_window ? RunFlags::needs_window : std::uint16_t{0};
    mutation.expect_head = options.expect_head;
    mutation.coalesces = options.coalesces && !options.expect_head;
    mutation.events = std::move(events);
    bytes_ += size_of(mutation.events);
    unsaved_.push_back(mutation.id);
    published_.push_back(mutation.id);
    auto const id = mutation.id;
    pending_.emplace(id, Pending{std::move(mutation), false});
    return id;
}

bool Outbox::discard(MutationId mutation, Effects& effects) {
    auto const found = refused_.find(mutation);
    if (found == refused_.end()) {
        return false;
    }
    bytes_ -= size_of(found->second.mutation.events);
    refused_.erase(found);
    effects.erase(refused_key(stream_, mutation));
    return true;
}

Attempt Outbox::current_attempt() {
    if (!attempt_) {
        attempt_ = opening_attempt_spent_ ? identity_.new_attempt() : identity_.opening_attempt();
        CAPSTAN_INVARIANT(*attempt_ > record_.attempt);
        record_.attempt = *attempt_;
        record_changed_ = true;
        durable_next_ = true;
    }
    return *attempt_;
}

void Outbox::end_attempt() {
    // An opening's attempt that this stream has not used yet is as good as a new one.
    opening_attempt_spent_ = opening_attempt_spent_ || attempt_.has_value();
    attempt_.reset();
}

/// What the fold takes: p never falls, and counts in a history that is named.
void Outbox::resolve(Mutation& mutation) const {
    if (mutation.preceding_seq == kAtHead) {
        return;
    }
    mutation.preceding_seq = std::max(mutation.preceding_seq, record_.preceding_seq);
    if (mutation.generation == Generation{}) {
        mutation.generation = record_.generation;
    }
}

bool Outbox::needs_standing() const {
    if (pending_.empty()) {
        return false;
    }
    auto mutation = pending_.begin()->second.mutation;
    resolve(mutation);
    bool const is_nameless = mutation.generation == Generation{} &&
                             mutation.preceding_seq != kAtHead && mutation.preceding_seq > Seq{};
    // A stream that did not exist may come into being by what is under way.
    return is_nameless && (!standing_known_ || !frozen_.empty());
}

/// Whether two mutations may share a run.
bool Outbox::joins(Mutation const& first, Mutation const& next) const {
    return !first.expect_head && !next.expect_head && !first.alone && !next.alone &&
           next.generation == first.generation && next.preceding_seq == first.preceding_seq &&
           next.flags == first.flags && next.coalesces == first.coalesces;
}

/// How many of the first pending mutations make the next run.
std::size_t Outbox::next_group() const {
    if (pending_.empty() || !kept_.empty() || in_review_ || needs_standing()) {
        return 0;
    }
    Mutation const& first = pending_.begin()->second.mutation;
    // The answer to a run at the head tells the p below which no later run may be.
    if (!frozen_.empty() && frozen_.back().header.preceding_seq == kAtHead &&
        first.preceding_seq != kAtHead) {
        return 0;
    }
    std::size_t mutations = 0;
    std::size_t events = 0;
    std::size_t bytes = 0;
    for (auto const& [id, pending] : pending_) {
        Mutation const& next = pending.mutation;
        events += next.events.size();
        bytes += size_of(next.events);
        bool const fits = mutations == 0 ||
                          (events <= kRunEventsMax && run_bytes(events, bytes) <= kRunBytesTarget);
        if (!fits || (mutations > 0 && !joins(first, next))) {
            break;
        }
        ++mutations;
    }
    return mutations;
}

/// Takes the first pending mutation out, to be frozen. Its record stays if the run keeps it.
Mutation Outbox::take_first_pending(Effects& effects, bool keep_record) {
    auto node = pending_.extract(pending_.begin());
    auto& [mutation, stored] = node.mapped();
    bytes_ -= size_of(mutation.events);
    auto key = mutation_key(stream_, mutation.id);
    if (keep_record && !stored) {
        auto value = encode(key, mutation);
        effects.put(std::move(key), std::move(value));
    } else if (!keep_record && stored) {
        effects.erase(std::move(key));
    }
    return std::move(mutation);
}

void Outbox::freeze_group(std::size_t count, Effects& effects) {
    std::vector<Mutation> mutations;
    for (; count > 0; --count) {
        mutations.push_back(take_first_pending(effects, false));
    }
    RunRecord record;
    std::vector<ByteView> events;
    for (Mutation const& mutation : mutations) {
        record.parts.push_back({mutation.id, static_cast<std::uint32_t>(mutation.events.size())});
        events.insert(events.end(), mutation.events.begin(), mutation.events.end());
    }
    freeze_run(std::move(record), mutations.front(), events, {}, effects);
}

/// Makes a run of these events; `first` says what all its mutations say of where they count.
void Outbox::freeze_run(RunRecord record,
                        Mutation const& first,
                        std::span<ByteView const> events,
                        std::vector<Mutation> coalesced,
                        Effects& effects) {
    auto resolved = first;
    resolve(resolved);
    record.generation = resolved.generation;
    record.expect_head = resolved.expect_head;
    record.coalesces = resolved.coalesces;
    RunHeader const header{current_attempt(), tail(), resolved.preceding_seq, resolved.flags};
    record.run = encode_run(header, events);
    auto& run = frozen_.emplace_back(run_of(std::move(record)));
    run.mutations = std::move(coalesced);
    bytes_ += run.bytes_held();
    put(run, effects);
    durable_next_ = true;
}

void Outbox::freeze(Effects& effects, std::size_t bytes_max) {
    std::size_t bytes = 0;
    for (Run const& run : frozen_) {
        bytes += run.flight == Flight::idle ? run.bytes().size() : 0;
    }
    while (frozen_.size() < kRunsInFlightMax && bytes < bytes_max) {
        auto const mutations = next_group();
        if (mutations == 0) {
            return;
        }
        auto const runs = frozen_.size();
        if (auto coalesced = coalesce_next()) {
            freeze_coalesced(std::move(*coalesced), effects);
        } else {
            freeze_group(mutations, effects);
        }
        bytes += frozen_.size() > runs ? frozen_.back().bytes().size() : 0;
    }
}

void Outbox::put(Run const& run, Effects& effects) const {
    auto key = run_key(stream_, run.record.parts.front().mutation);
    auto value = encode(key, run.record);
    effects.put(std::move(key), std::move(value));
}

void Outbox::erase(Run const& run, Effects& effects) const {
    effects.erase(run_key(stream_, run.record.parts.front().mutation));
    for (Mutation const& mutation : run.mutations) {
        effects.erase(mutation_key(stream_, mutation.id));
    }
}

void Outbox::save(Effects& effects) {
    for (auto const id : std::exchange(unsaved_, {})) {
        auto const at = pending_.find(id);
        if (at != pending_.end()) {
            auto key = mutation_key(stream_, id);
            auto value = encode(key, at->second.mutation);
            effects.put(std::move(key), std::move(value));
            at->second.stored = true;
        }
    }
    if (std::exchange(record_changed_, false)) {
        auto key = outbox_key(stream_);
        auto value = encode(key, record_);
        effects.put(std::move(key), std::move(value));
    }
    if (!std::exchange(refused_told_, true)) {
        for (auto const& [id, refused] : refused_) {
            tell_refused(refused.mutation, {refused.code, {}}, false, effects);
        }
    }
    bool const durable = std::exchange(durable_next_, false) || !published_.empty();
    effects.durable_first = effects.durable_first || durable;
    for (auto const id : std::exchange(published_, {})) {
        WriteMoved moved;
        moved.stream = stream_;
        moved.mutation = id;
        moved.state = WriteState::stored;
        effects.then.emplace_back(std::move(moved));
    }
    tell_cancelled(effects);
}

std::optional<Outbox::Outgoing> Outbox::next_to_send(Instant now) const {
    if (held_until_ && now < *held_until_) {
        return std::nullopt;
    }
    for (Run const& run : frozen_) {
        if (run.flight == Flight::idle) {
            return Outgoing{
                run.bytes(), run.record.generation, run.record.expect_head, run.sent_before};
        }
        if (run.flight == Flight::gapped) {
            return std::nullopt;
        }
    }
    if (fence_ && fence_->flight == Flight::idle) {
        return Outgoing{fence_->run, record_.generation, std::nullopt, fence_->sent_before};
    }
    return std::nullopt;
}

std::size_t Outbox::sendable_bytes(Instant now) const {
    if (!next_to_send(now)) {
        return 0;
    }
    std::size_t bytes = fence_ ? fence_->run.size() : 0;
    for (Run const& run : frozen_) {
        bytes += run.flight == Flight::idle ? run.bytes().size() : 0;
    }
    return bytes;
}

void Outbox::sent(Instant now, Effects& effects) {
    auto const take_off = [this, now](auto& item) {
        item.flight = Flight::under_way;
        item.sent_at = now;
        window_.bytes += item.bytes().size();
        return std::exchange(item.sent_before, true);
    };
    auto const run = std::ranges::find(frozen_, Flight::idle, &Run::flight);
    if (run == frozen_.end()) {
        CAPSTAN_INVARIANT(fence_ && fence_->flight == Flight::idle);
        take_off(*fence_);
        return;
    }
    if (take_off(*run)) {
        return;
    }
    for (auto const& part : run->record.parts) {
        WriteMoved moved;
        moved.stream = stream_;
        moved.mutation = part.mutation;
        moved.state = WriteState::sent;
        effects.then.emplace_back(std::move(moved));
    }
}

void Outbox::on_disconnected() {
    for (Run& run : frozen_) {
        land(run);
    }
    if (fence_) {
        land(*fence_);
    }
    front_gaps_ = 0;
    held_until_.reset();
    standing_known_ = false;
    standing_last_ = Link{};
    if (std::exchange(recovering_, false)) {
        break_recovery_off();
    }
}

std::optional<Instant> Outbox::waiting_since() const {
    std::optional<Instant> since;
    auto const look = [&since](Flight flight, Instant sent_at) {
        if (flight == Flight::under_way) {
            since = std::min(since.value_or(sent_at), sent_at);
        }
    };
    for (Run const& run : frozen_) {
        look(run.flight, run.sent_at);
    }
    if (fence_) {
        look(fence_->flight, fence_->sent_at);
    }
    return since;
}

void Outbox::on_consumed(Seq seq, Effects& effects) {
    while (!acked_.empty() && acked_.front().last_seq > Seq{} && acked_.front().last_seq <= seq) {
        erase(acked_.front(), effects);
        acked_.pop_front();
    }
}

Outbox::Counts Outbox::counts() const {
    return {pending_.size(), frozen_.size(), kept_.size(), acked_.size(), refused_.size()};
}

std::vector<Outbox::Entry> Outbox::entries() const {
    using Stage = Entry::Stage;
    std::vector<Entry> out;
    auto const add_runs = [&](std::deque<Run> const& runs, Stage stage) {
        for (Run const& run : runs) {
            for (auto& mutation : mutations_of(run)) {
                out.push_back(
                    {stage, std::move(mutation), run.link, run.sent_before, run.record.code});
            }
        }
    };
    add_runs(acked_, Stage::acked);
    add_runs(frozen_, Stage::frozen);
    add_runs(kept_, Stage::kept);
    for (auto const& [id, pending] : pending_) {
        out.push_back({Stage::pending, pending.mutation, {}, false, 0});
    }
    for (auto const& [id, refused] : refused_) {
        out.push_back({Stage::refused, refused.mutation, {}, true, refused.code});
    }
    return out;
}

std::optional<MutationId> Outbox::sequenced(Link const& link) const {
    for (auto const* runs : {&acked_, &frozen_, &kept_}) {
        auto const found = std::ranges::find(*runs, link, &Run::link);
        if (found != runs->end()) {
            return found->record.parts.back().mutation;
        }
    }
    return std::nullopt;
}

void Outbox::check_invariants() const {
    MutationId before;
    auto const ascends = [&before](MutationId id) {
        CAPSTAN_INVARIANT(before < id);
        before = id;
    };
    std::size_t bytes = 0;
    std::optional<Link> link;
    for (auto const* runs : {&acked_, &frozen_, &kept_}) {
        for (Run const& run : *runs) {
            CAPSTAN_INVARIANT(!link || run.header.after == *link,
                              to_string(run.header.after) + " behind " + to_string(*link));
            link = run.link;
            bytes += runs == &acked_ ? 0 : run.bytes_held();
            for (auto const& part : run.record.parts) {
                ascends(part.mutation);
            }
            CAPSTAN_INVARIANT(run.mutations.size() ==
                              (is_coalesced(run.record) ? run.record.parts.size() : 0));
            for (std::size_t i = 0; i < run.mutations.size(); ++i) {
                CAPSTAN_INVARIANT(run.mutations[i].id == run.record.parts[i].mutation);
            }
        }
    }
    CAPSTAN_INVARIANT(frozen_.empty() || recovering_ ||
                      frozen_.front().header.after == record_.confirmed);
    for (auto const& [id, pending] : pending_) {
        ascends(id);
        bytes += size_of(pending.mutation.events);
    }
    for (auto const& [id, refused] : refused_) {
        bytes += size_of(refused.mutation.events);
    }
    CAPSTAN_INVARIANT(bytes == bytes_);
    CAPSTAN_INVARIANT(kept_.empty() == !fence_);
    CAPSTAN_INVARIANT(record_.attempt >= attempt_.value_or(Attempt{}));
}

}  // namespace capstan::sync
