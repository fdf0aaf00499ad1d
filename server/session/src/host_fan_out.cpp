// What is new in a stream, to all who follow it.
#include <algorithm>

#include "host.hpp"

namespace capstan {
namespace {

/// More than this at once is read from the tape, at each one's own pace.
constexpr std::size_t kLiveBytesMax = 512 * 1'024;
/// How quickly the mean size of an event follows what comes: it moves by an eighth.
constexpr std::uint64_t kMeanWeight = 8;

std::size_t bytes_of(StreamMoved const& moved) {
    return total_bytes(moved.runs) + moved.marks.size() * sizeof(std::uint64_t);
}

}  // namespace

void Host::on_moved(StreamMoved const& moved) {
    note_sizes(moved);
    if (!watches_.empty()) {
        call_watches(moved.name);
    }
    if (moved.first == Seq{1}) {
        greet_waiting(moved);
    }
    if (!followers_.empty()) {
        for (auto* session : followers_.matching(moved.name)) {
            session->stream_appeared(moved);
        }
    }
    if (auto* const topic = topics_.find(moved.stream)) {
        fan_out(*topic, moved);
    }
}

void Host::note_sizes(StreamMoved const& moved) {
    auto const events = moved.last.value - moved.first.value + 1;
    auto const mean = total_bytes(moved.runs) / events;
    event_bytes_ = (event_bytes_ * (kMeanWeight - 1) + mean) / kMeanWeight;
}

/// Encoded once, when the first one takes it. Who cannot take it reads it from the tape later.
void Host::fan_out(Topic& topic, StreamMoved const& moved) {
    bool const is_too_much = bytes_of(moved) > kLiveBytesMax;
    EventsMessage events;
    for (auto at = topic.live.begin(); at != topic.live.end();) {
        auto& subscription = *at++;
        if (subscription.cursor >= moved.last) {
            continue;  // read from the tape already
        }
        bool const follows = subscription.cursor.next() == moved.first;
        if (!follows || is_too_much || !subscription.session.has_room()) {
            subscription.session.lag(subscription);
            counters_.demotions += 1;
            continue;
        }
        if (events.message.first == nullptr) {
            events = encode(writer_, moved);
            counters_.live_encoded += 1;
        }
        subscription.session.deliver(subscription, events);
        counters_.live_deliveries += 1;
    }
}

std::optional<Result<TapePage>> Host::read(PageKey const& key,
                                           std::size_t bytes_max,
                                           DeviceSession& session) {
    if (auto const shared = pages_.find(key)) {
        counters_.pages_shared += 1;
        return TapePage{.events = shared, .at_head = false};
    }
    if (auto const load = loads_.find(key); load != loads_.end()) {
        counters_.pages_shared += 1;
        load->second.push_back(session.weak_from_this());
        return std::nullopt;
    }
    auto found = partition_->find_page(key.first, key.second, bytes_max);
    if (!found) {
        return found.error();
    }
    if (found.value().bytes() <= options_.read_here_bytes) {
        return tape_page(key, partition_->load_page(std::move(found).value()));
    }
    load(key, std::move(found).value(), session);
    return std::nullopt;
}

/// Whoever publishes does not wait for what a disk has to bring, and a quick reader's next page is
/// read while the last one is sent.
void Host::load(PageKey const& key, FoundPage found, DeviceSession& session) {
    loads_[key].push_back(session.weak_from_this());
    auto read = [this, key, &from = *partition_, found = std::move(found)]() mutable {
        auto page = from.load_page(std::move(found));
        seams_.strand.post(
            [this, key, page = std::move(page)]() mutable { on_loaded(key, std::move(page)); });
    };
    seams_.reader.post(std::move(read));
}

void Host::on_loaded(PageKey const& key, Result<Page> page) {
    auto const waiting = std::move(loads_.extract(key).mapped());
    auto const read = tape_page(key, std::move(page));
    for (auto const& session : waiting) {
        if (auto const alive = session.lock()) {
            alive->on_page(key, read);
        }
    }
}

Result<TapePage> Host::tape_page(PageKey const& key, Result<Page> read) {
    CAPSTAN_TRY(auto page, std::move(read));
    if (page.runs.empty()) {
        return TapePage{.events = std::nullopt, .at_head = true};
    }
    counters_.pages_read += 1;
    // The stream may have moved since the page was found.
    CAPSTAN_TRY(auto const stat, partition_->stat(key.first));
    bool const at_head = stat && stat->head == page.last;
    TapePage answer{.events = encode(writer_, key.first, std::move(page)), .at_head = at_head};
    if (auto const* topic = topics_.find(key.first); topic != nullptr && topic->users > 1) {
        pages_.put(key, *answer.events);
    }
    return answer;
}

Result<std::optional<EventsMessage>> Host::read_range(StreamNumber stream,
                                                      Seq from,
                                                      Seq last,
                                                      std::size_t bytes_max) {
    using Answer = std::optional<EventsMessage>;
    CAPSTAN_TRY(auto page, partition_->read(stream, from, bytes_max));
    if (page.runs.empty()) {
        return Answer{};
    }
    if (cut_page(page, last)) {
        CAPSTAN_TRY(page.chain, partition_->chain_at(stream, page.last));
    }
    counters_.pages_read += 1;
    return Answer{encode(writer_, stream, std::move(page))};
}

void Host::wait_for(std::string const& stream, DeviceSession& session) {
    waiting_[stream].push_back(&session);
}

void Host::stop_waiting(std::string const& stream, DeviceSession& session) {
    auto const at = waiting_.find(stream);
    if (at == waiting_.end()) {
        return;
    }
    std::erase(at->second, &session);
    if (at->second.empty()) {
        waiting_.erase(at);
    }
}

void Host::greet_waiting(StreamMoved const& moved) {
    auto const at = waiting_.find(moved.name);
    if (at == waiting_.end()) {
        return;
    }
    // Out of the map first: each of them stops waiting by itself.
    auto const sessions = std::move(waiting_.extract(at).mapped());
    for (auto* session : sessions) {
        session->stream_appeared(moved);
    }
}

std::uint64_t Host::watch(std::string_view stream, std::function<void()> moved) {
    auto const at = watches_.try_emplace(std::string(stream)).first;
    at->second.emplace(++last_watch_, std::move(moved));
    watched_.emplace(last_watch_, at);
    return last_watch_;
}

void Host::unwatch(std::uint64_t watch) {
    auto const found = watched_.find(watch);
    if (found == watched_.end()) {
        return;
    }
    auto const at = found->second;
    watched_.erase(found);
    at->second.erase(watch);
    if (at->second.empty()) {
        watches_.erase(at);
    }
}

/// From tasks of their own: they may read, watch again, close.
void Host::call_watches(std::string_view stream) {
    auto const at = watches_.find(stream);
    if (at == watches_.end()) {
        return;
    }
    auto watches = std::move(watches_.extract(at).mapped());
    for (auto& [id, moved] : watches) {
        watched_.erase(id);
        seams_.strand.post([moved = std::move(moved)] { moved(); });
    }
}

}  // namespace capstan
