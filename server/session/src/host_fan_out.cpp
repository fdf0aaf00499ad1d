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

Result<std::optional<Host::TapePage>> Host::read(StreamNumber stream,
                                                 Seq from,
                                                 std::size_t bytes_max) {
    using Answer = std::optional<TapePage>;
    if (auto const shared = pages_.find(stream, from)) {
        counters_.pages_shared += 1;
        return Answer{TapePage{.events = *shared, .at_head = false}};
    }
    CAPSTAN_TRY(auto page, partition_->read(stream, from, bytes_max));
    if (page.runs.empty()) {
        return Answer{};
    }
    counters_.pages_read += 1;
    bool const at_head = page.last == page.head;
    TapePage answer{.events = encode(writer_, stream, std::move(page)), .at_head = at_head};
    if (auto const* topic = topics_.find(stream); topic != nullptr && topic->users > 1) {
        pages_.put(stream, from, answer.events);
    }
    return Answer{std::move(answer)};
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
