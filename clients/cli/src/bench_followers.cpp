#include "bench_followers.hpp"

#include <algorithm>
#include <utility>

namespace capstan::cli {

BenchFollowers::~BenchFollowers() {
    devices_.clear();  // after this no handler is called
}

Result<> BenchFollowers::start(Remote const& remote,
                               std::string const& stream,
                               std::uint32_t followers,
                               Seq from,
                               OnEvent on_event) {
    state_->on_event = std::move(on_event);
    state_->held.resize(followers, Seq{from.value - 1});
    for (std::uint32_t i = 0; i < followers; ++i) {
        CAPSTAN_TRY(auto device, remote.reader());
        CAPSTAN_TRY(auto const followed, device.stream(stream));
        followed.subscribe(
            {.kind = ReadFrom::Kind::seq, .seq = from},
            {.on_events = [state = state_, i](Delivery&& delivery) { state->take(i, delivery); },
             .on_hole =
                 [state = state_](Seq, Seq, std::uint8_t) {
                     state->fail({Errc::trimmed, "the server does not send all events"});
                 },
             .on_history_lost =
                 [state = state_](Generation) {
                     state->fail({Errc::lost_history, "the stream's history was replaced"});
                 },
             .on_error = [state = state_](Error const& why) { state->fail(why); }});
        devices_.push_back(std::move(device));
    }
    return success();
}

void BenchFollowers::State::take(std::size_t follower, Delivery const& delivery) {
    std::uint64_t events = 0;
    std::uint64_t bytes = 0;
    std::uint64_t strays = 0;
    auto next = held[follower].next();  // only this thread changes it
    delivery.each_event([&](DeliveredEvent const& event) {
        strays += event.seq == next ? 0 : 1;
        next = event.seq.next();
        events += 1;
        bytes += event.bytes.size();
        if (on_event) {
            on_event(event);
        }
    });
    std::lock_guard const lock(mutex);
    held[follower] = Seq{next.value - 1};
    delivered += events;
    event_bytes += bytes;
    out_of_order += strays;
    changed.notify_all();
}

void BenchFollowers::State::fail(Error const& why) {
    std::lock_guard const lock(mutex);
    error = error.value_or(why);
    changed.notify_all();
}

Result<> BenchFollowers::wait(Remote const& remote, Seq last) {
    std::unique_lock lock(state_->mutex);
    auto const all_hold = [&] {
        return std::ranges::all_of(state_->held, [last](Seq held) { return held >= last; });
    };
    while (!state_->error && !all_hold()) {
        auto const seen = state_->delivered;
        auto const moved = [&] { return state_->error || state_->delivered != seen; };
        if (!state_->changed.wait_for(lock, remote.timeout(), moved)) {
            return remote.no_answer();
        }
    }
    return state_->error ? Result<>(*state_->error) : success();
}

void BenchFollowers::interrupt() {
    state_->fail({Errc::cancelled, "interrupted"});
}

std::uint64_t BenchFollowers::delivered() const {
    std::lock_guard const lock(state_->mutex);
    return state_->delivered;
}

std::uint64_t BenchFollowers::event_bytes() const {
    std::lock_guard const lock(state_->mutex);
    return state_->event_bytes;
}

std::uint64_t BenchFollowers::out_of_order() const {
    std::lock_guard const lock(state_->mutex);
    return state_->out_of_order;
}

}  // namespace capstan::cli
