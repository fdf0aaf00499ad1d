#include "keeper.hpp"

#include <algorithm>
#include <capstan/engine/snapshot/packing.hpp>

namespace capstan {
namespace {

SnapshotOffer offer_of(Manifest const& manifest, Past const& past) {
    auto const bytes = encode_manifest(manifest);
    return {.generation = manifest.generation,
            .seq = manifest.seq,
            .chain = manifest.chain,
            .mark = manifest.mark,
            .state_hash = manifest.state_hash,
            .objects = manifest.objects,
            .event_bytes = manifest.event_bytes,
            .manifest = chunk_id(bytes),
            .manifest_bytes = static_cast<std::uint32_t>(bytes.size()),
            .chunks = static_cast<std::uint32_t>(manifest.chunks().size()),
            .chunk_bytes = manifest.packed_bytes(),
            .window_bytes = manifest.window.packed_bytes,
            .folds_from = std::max(past.deaths_after, Seq{1}),
            .changed = ChangedBytes(manifest, past)};
}

/// The newest snapshot of each stream. One that turns out to be damaged is left out: it is gone.
std::vector<std::pair<std::string, SnapshotOffer>> all_offers(SnapshotStore& store) {
    std::vector<std::pair<std::string, SnapshotOffer>> offers;
    for (auto const& [stream, seq] : store.list()) {
        auto const newest = store.newest(stream);
        if (!newest || !newest.value()) {
            continue;
        }
        Past const unreadable{.deaths_after = kSeqMax};  // no folded delta can be made of it
        auto const past = load_past(store, *newest.value());
        offers.emplace_back(stream, offer_of(*newest.value(), past ? past.value() : unreadable));
    }
    return offers;
}

/// What the store holds cannot be built on; without it the same build may succeed.
bool is_about_the_store(Error const& why) {
    return why.code == Errc::index_damaged || why.code == Errc::not_found ||
           why.code == Errc::malformed || why.code == Errc::lost_history;
}

Error no_snapshot(std::string_view stream) {
    return {Errc::not_found, "no snapshot of " + std::string(stream)};
}

}  // namespace

std::unique_ptr<SnapshotKeeper> SnapshotKeeper::make(SnapshotOptions const& options,
                                                     SnapshotSeams const& seams,
                                                     Trouble trouble) {
    return std::make_unique<Keeper>(options, seams, std::move(trouble));
}

Keeper::Keeper(SnapshotOptions const& options, SnapshotSeams const& seams, Trouble trouble)
    : options_(options),
      seams_(seams),
      trouble_(std::move(trouble)),
      blobs_(seams.storage, seams.strand, seams.reader, options.cache_bytes),
      due_(options.policy) {}

/// Runs `step` on the builder's thread, then `then` with what it gave on the strand.
template <class Step, class Then>
void Keeper::on_builder(Step step, Then then) {
    seams_.builder.post([this, step = std::move(step), then = std::move(then)]() mutable {
        auto const began = seams_.clock.now();
        auto result = step();
        auto const took = seams_.clock.now() - began;
        seams_.strand.post(
            [this, then = std::move(then), result = std::move(result), took]() mutable {
                unrested_ += took;
                if (!stopped_) {
                    then(std::move(result));
                }
            });
    });
}

/// Runs `task` when the steps so far have had their rest; at once if somebody waits.
void Keeper::rested(Task task) {
    bool const awaited = !work_->job.done.empty() || std::ranges::any_of(jobs_, [](Job const& job) {
        return !job.done.empty();
    });
    auto const owed = std::exchange(unrested_, Duration{}) *
                      (100 - static_cast<int>(options_.share_percent)) /
                      static_cast<int>(options_.share_percent);
    if (awaited || owed == Duration{}) {
        return task();
    }
    rest_ = seams_.strand.after(owed, std::move(task));
}

void Keeper::attach(Partition& partition) {
    using Offers = std::vector<std::pair<std::string, SnapshotOffer>>;
    partition_ = &partition;
    on_builder(
        [this]() -> Result<Offers> {
            CAPSTAN_TRY(auto store, SnapshotStore::open(seams_.storage));
            store_ = std::move(store);
            return all_offers(*store_);
        },
        [this](Result<Offers> const& offers) {
            busy_ = false;
            if (!offers) {
                broken_ = offers.error();
                trouble_({}, offers.error());
            } else {
                for (auto const& [stream, offer] : offers.value()) {
                    entries_.emplace(stream, Entry{.newest = offer, .before = {}, .checked = {}});
                }
            }
            next_job();
        });
}

void Keeper::on_moved(StreamMoved const& moved) {
    std::uint64_t bytes = 0;
    for (auto const run : moved.runs) {
        bytes += run.size();
    }
    if (!due_.knows(moved.stream)) {
        due_.add(moved.stream, moved.name, newest(moved.name), moved.last, seams_.clock.now());
    }
    if (due_.moved(moved.stream, moved.last, bytes)) {
        due_.covered(moved.stream, moved.last, seams_.clock.now());
        ask(Kind::build, moved.name, false, {});
    }
}

void Keeper::on_tick(Instant now) {
    for (auto const& stream : due_.aged(now)) {
        due_.covered(stream.number, kSeqMax, now);
        ask(Kind::build, stream.name, false, {});
    }
}

void Keeper::create(std::string_view stream, OnSnapshot done) {
    ask(Kind::build, stream, false, std::move(done));
}

void Keeper::check(std::string_view stream, OnSnapshot done) {
    ask(Kind::check, stream, false, std::move(done));
}

void Keeper::remove(std::string_view stream, OnDone done) {
    ask(Kind::remove, stream, false, [done = std::move(done)](Result<SnapshotOffer> const& result) {
        done(result ? Result<>(success()) : result.error());
    });
}

std::vector<SnapshotOffer> Keeper::list(std::string_view stream) const {
    std::vector<SnapshotOffer> offers;
    if (auto const at = entries_.find(stream); at != entries_.end()) {
        offers.push_back(at->second.newest);
        if (at->second.before) {
            offers.push_back(*at->second.before);
        }
    }
    return offers;
}

SnapshotOffer const* Keeper::newest(std::string_view stream) const {
    auto const at = entries_.find(stream);
    return at == entries_.end() ? nullptr : &at->second.newest;
}

void Keeper::read(std::string_view stream, ChunkId const& id, OnBytes done) {
    auto const at = entries_.find(stream);
    if (at == entries_.end() || stopped_) {
        return done(no_snapshot(stream));
    }
    auto const& entry = at->second;
    std::optional<Seq> manifest_at;
    if (entry.newest.manifest == id) {
        manifest_at = entry.newest.seq;
    } else if (entry.before && entry.before->manifest == id) {
        manifest_at = entry.before->seq;
    }
    blobs_.read(stream, id, manifest_at, [this, name = at->first, done](auto const& bytes) {
        hand_out(name, bytes, done);
    });
}

void Keeper::fold(std::string_view stream, Seq from, OnFolded done) {
    auto const at = entries_.find(stream);
    if (at == entries_.end() || stopped_) {
        return done(no_snapshot(stream));
    }
    auto const& newest = at->second.newest;
    if (from < newest.folds_from || from >= newest.seq) {
        return done(Error{Errc::not_found, "no folded delta from " + std::to_string(from.value)});
    }
    blobs_.fold(stream,
                from,
                newest.manifest,
                newest.seq,
                [this, name = at->first, done](auto const& delta) { hand_out(name, delta, done); });
}

/// What is damaged is never handed out.
template <class Result, class Done>
void Keeper::hand_out(std::string const& stream, Result const& result, Done const& done) {
    if (stopped_) {
        return;
    }
    counters_.reads = blobs_.reads();
    counters_.cache_hits = blobs_.hits();
    if (!result && result.error().code == Errc::index_damaged) {
        damaged(stream, result.error());
        return done(Error{Errc::not_ready, "a damaged snapshot is being built anew"});
    }
    done(result);
}

// The queue.

/// Who asks for what is asked for already waits for the same job.
void Keeper::ask(Kind kind, std::string_view stream, bool anew, OnSnapshot done) {
    if (broken_ || stopped_) {
        if (done && broken_) {
            done(*broken_);
        }
        return;
    }
    auto const same = std::ranges::find_if(
        jobs_, [&](Job const& job) { return job.kind == kind && job.stream == stream; });
    Job& job = same != jobs_.end() ? *same : jobs_.emplace_back();
    job.kind = kind;
    job.stream = stream;
    job.anew = job.anew || anew;
    if (done) {
        job.done.push_back(std::move(done));
    }
    next_job();
}

void Keeper::next_job() {
    if (busy_ || jobs_.empty()) {
        return;
    }
    busy_ = true;
    work_.emplace();
    work_->job = std::move(jobs_.front());
    work_->began = seams_.clock.now();
    jobs_.pop_front();
    rested([this] { start(); });
}

void Keeper::start() {
    switch (work_->job.kind) {
        case Kind::build:
            return start_build();
        case Kind::check:
            return start_check();
        case Kind::remove:
            return start_remove();
    }
}

void Keeper::finish(Result<SnapshotOffer> const& result) {
    auto const done = std::move(work_->job.done);
    work_.reset();
    busy_ = false;
    for (auto const& one : done) {
        one(result);
    }
    next_job();
}

/// Nothing of the stream is offered any more; what is on the disk goes with the next job.
void Keeper::drop(std::string const& stream) {
    entries_.erase(stream);
    blobs_.forget(stream);
}

void Keeper::damaged(std::string const& stream, Error const& why) {
    if (!entries_.contains(stream)) {
        return;  // it is being built anew
    }
    ++counters_.damages;
    trouble_(stream, why);
    drop(stream);
    ask(Kind::build, stream, true, {});
}

// A build.

void Keeper::start_build() {
    auto const stat = partition_->stat(std::string_view(work_->job.stream));
    if (!stat || !stat.value() || stat.value()->head == Seq{}) {
        return finish(stat ? Error{Errc::not_found, work_->job.stream} : stat.error());
    }
    work_->number = stat.value()->number;
    work_->stream = {work_->job.stream, stat.value()->generation, stat.value()->head};
    begin_build();
}

void Keeper::begin_build() {
    on_builder(
        [this]() -> Result<Seq> {
            if (work_->job.anew) {
                CAPSTAN_TRY(store_->remove(work_->job.stream));
            }
            CAPSTAN_TRY(auto build, SnapshotBuild::begin(*store_, work_->stream));
            work_->build.emplace(std::move(build));
            return work_->build->next();
        },
        [this](Result<Seq> const& next) {
            next ? read_rested(next.value(), &Keeper::feed_build) : build_failed(next.error());
        });
}

void Keeper::read_rested(Seq next, void (Keeper::*feed)(FoundPage)) {
    rested([this, next, feed] { read_page(next, feed); });
}

/// Hands on the page with the next event; behind the head, the job has all it needs.
void Keeper::read_page(Seq next, void (Keeper::*feed)(FoundPage)) {
    bool const checks = work_->job.kind == Kind::check;
    if (next > work_->stream.head) {
        return checks ? compare() : finish_build();
    }
    auto found = partition_->find_page(work_->number, next, options_.page_bytes);
    if (found) {
        return (this->*feed)(std::move(found).value());
    }
    trouble_(work_->job.stream, found.error());
    counters_.builds_failed += checks ? 0 : 1;
    finish(found.error());
}

void Keeper::feed_build(FoundPage found) {
    on_builder(
        [this, found = std::move(found)]() mutable -> Result<Seq> {
            CAPSTAN_TRY(auto const page, partition_->load_page(std::move(found)));
            CAPSTAN_TRY(work_->build->feed(page));
            return work_->build->next();
        },
        [this](Result<Seq> const& next) {
            next ? read_rested(next.value(), &Keeper::feed_build) : build_failed(next.error());
        });
}

void Keeper::finish_build() {
    on_builder(
        [this]() -> Result<SnapshotOffer> {
            CAPSTAN_TRY(auto const manifest, work_->build->finish());
            return offer_of(manifest, work_->build->past());
        },
        [this](Result<SnapshotOffer> const& offer) {
            offer ? publish(offer.value()) : build_failed(offer.error());
        });
}

void Keeper::publish(SnapshotOffer const& offer) {
    auto const& stream = work_->job.stream;
    auto const now = seams_.clock.now();
    auto& entry = entries_.try_emplace(stream, Entry{.newest = offer, .before = {}, .checked = {}})
                      .first->second;
    if (entry.newest.seq != offer.seq) {
        entry.before = std::exchange(entry.newest, offer);
    }
    due_.covered(work_->number, offer.seq, now);
    auto const& figures = work_->build->figures();
    ++counters_.builds;
    counters_.build_seconds += std::chrono::duration<double>(now - work_->began).count();
    counters_.events += figures.events;
    counters_.chunks_written += figures.chunks_written;
    counters_.chunks_kept += figures.chunks_kept;
    counters_.bytes_written += figures.bytes_written;
    // A check reads the whole tape, so the stream has to double between two.
    bool const has_doubled = offer.seq.value >= 2 * entry.checked.value;
    if (options_.check_every != 0 && counters_.builds % options_.check_every == 0 && has_doubled) {
        entry.checked = offer.seq;
        jobs_.push_back({Kind::check, stream, false, {}});
    }
    finish(offer);
}

/// Once for each job the stream's snapshots are given up, and the tape is read from its first
/// event.
void Keeper::build_failed(Error const& why) {
    work_->build.reset();
    trouble_(work_->job.stream, why);
    if (is_about_the_store(why) && !work_->job.anew) {
        ++counters_.damages;
        drop(work_->job.stream);
        work_->job.anew = true;
        return begin_build();
    }
    ++counters_.builds_failed;
    finish(why);
}

// A check.

void Keeper::start_check() {
    auto const* const offer = newest(work_->job.stream);
    auto const stat = partition_->stat(std::string_view(work_->job.stream));
    if (offer == nullptr || !stat || !stat.value()) {
        return finish(no_snapshot(work_->job.stream));
    }
    work_->number = stat.value()->number;
    work_->stream = {work_->job.stream, offer->generation, offer->seq};
    on_builder(
        [this]() -> Result<Seq> {
            CAPSTAN_TRY(auto manifest, store_->newest(work_->job.stream));
            if (!manifest) {
                return no_snapshot(work_->job.stream);
            }
            work_->check.emplace(std::move(*manifest));
            return work_->check->next();
        },
        [this](Result<Seq> const& next) {
            next ? read_rested(next.value(), &Keeper::feed_check) : check_failed(next.error());
        });
}

void Keeper::feed_check(FoundPage found) {
    on_builder(
        [this, found = std::move(found)]() mutable -> Result<Seq> {
            CAPSTAN_TRY(auto const page, partition_->load_page(std::move(found)));
            CAPSTAN_TRY(work_->check->feed(page));
            return work_->check->next();
        },
        [this](Result<Seq> const& next) {
            next ? read_rested(next.value(), &Keeper::feed_check) : check_failed(next.error());
        });
}

void Keeper::compare() {
    on_builder([this]() -> Result<> { return work_->check->compare(*store_); },
               [this](Result<> const& same) {
                   if (!same) {
                       return check_failed(same.error());
                   }
                   ++counters_.checks;
                   auto const* const offer = newest(work_->job.stream);
                   finish(offer == nullptr ? Result<SnapshotOffer>(no_snapshot(work_->job.stream))
                                           : *offer);
               });
}

void Keeper::check_failed(Error const& why) {
    ++counters_.checks;
    if (is_about_the_store(why)) {
        damaged(work_->job.stream, why);
        return finish(Error{Errc::index_damaged, why.detail});
    }
    finish(why);
}

void Keeper::start_remove() {
    auto const offer = newest(work_->job.stream) == nullptr
                           ? Result<SnapshotOffer>(no_snapshot(work_->job.stream))
                           : *newest(work_->job.stream);
    drop(work_->job.stream);
    on_builder([this] { return store_->remove(work_->job.stream); },
               [this, offer](Result<> const& removed) {
                   finish(removed ? offer : Result<SnapshotOffer>(removed.error()));
               });
}

}  // namespace capstan
