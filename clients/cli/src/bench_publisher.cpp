#include "bench_publisher.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace capstan::cli {
namespace {

constexpr auto kLookAgain = std::chrono::milliseconds(2);

/// Until the device is connected, so that connecting is no part of what is measured.
Result<> wait_for(Client const& device, Remote const& remote) {
    auto const deadline = std::chrono::steady_clock::now() + remote.timeout();
    while (device.status() != Status::live) {
        auto const status = device.status();
        bool const hopeless = status == Status::needs_auth || status == Status::blocked;
        if (hopeless || std::chrono::steady_clock::now() > deadline) {
            return remote.no_answer();
        }
        std::this_thread::sleep_for(kLookAgain);
    }
    return success();
}

}  // namespace

BenchPublisher::BenchPublisher(PublishPlan plan, BenchEvents events)
    : plan_(std::move(plan)),
      events_(std::move(events)),
      places_(plan_.publishes()),
      published_at_(plan_.publishes()) {}

Result<std::shared_ptr<BenchPublisher>> BenchPublisher::connect(Remote const& remote,
                                                                PublishPlan plan,
                                                                BenchEvents const& events) {
    std::shared_ptr<BenchPublisher> publisher(new BenchPublisher(std::move(plan), events));
    for (std::uint32_t i = 0; i < publisher->plan_.connections; ++i) {
        CAPSTAN_TRY(auto device, remote.device(make_memory_store()));
        std::vector<Stream> streams;
        for (auto const& name : publisher->plan_.streams) {
            CAPSTAN_TRY(auto stream, device.stream(name));
            streams.push_back(std::move(stream));
        }
        publisher->streams_.push_back(std::move(streams));
        publisher->devices_.push_back(std::move(device));
    }
    for (auto const& device : publisher->devices_) {
        CAPSTAN_TRY(wait_for(device, remote));
    }
    return publisher;
}

Result<> BenchPublisher::run(Remote const& remote) {
    auto const start = WallClock::now();
    for (std::uint32_t i = 0; i < plan_.in_flight; ++i) {
        for (std::size_t device = 0; device < devices_.size(); ++device) {
            publish_next(device);
        }
    }
    std::unique_lock lock(mutex_);
    for (auto seen = confirmed_; !error_ && confirmed_ < plan_.publishes(); seen = confirmed_) {
        auto const moved = [&] { return error_ || confirmed_ != seen; };
        if (!changed_.wait_for(lock, remote.timeout(), moved)) {
            return remote.no_answer();
        }
    }
    seconds_ = std::chrono::duration<double>(WallClock::now() - start).count();
    return error_ ? Result<>(*error_) : success();
}

void BenchPublisher::interrupt() {
    std::lock_guard const lock(mutex_);
    error_ = error_.value_or(Error{Errc::cancelled, "interrupted"});
    changed_.notify_all();
}

std::chrono::steady_clock::time_point BenchPublisher::published_at(std::uint64_t event) const {
    std::lock_guard const lock(mutex_);
    return published_at_.at(event / plan_.batch);
}

void BenchPublisher::publish_next(std::size_t device) {
    std::uint64_t publish = 0;
    std::size_t stream = 0;
    {
        std::lock_guard const lock(mutex_);
        if (error_ || next_ == plan_.publishes()) {
            return;
        }
        publish = next_++;
        stream = random_.below(plan_.streams.size());
        places_[publish].stream = stream;
        published_at_[publish] = WallClock::now();
    }
    streams_[device][stream].publish(
        events_of(publish),
        {.preceding = kAtHead},
        [self = weak_from_this(), device, publish](WriteUpdate const& update) {
            if (auto const alive = self.lock()) {
                alive->on_write(device, publish, update);
            }
        });
}

void BenchPublisher::on_write(std::size_t device,
                              std::uint64_t publish,
                              WriteUpdate const& update) {
    {
        std::lock_guard const lock(mutex_);
        if (update.error) {
            error_ = error_.value_or(*update.error);
        } else if (update.state != WriteState::confirmed) {
            return;
        } else {
            places_[publish].first = update.first;
            latencies_.add(WallClock::now() - published_at_[publish]);
            confirmed_ += 1;
        }
        changed_.notify_all();
    }
    publish_next(device);
}

std::vector<Bytes> BenchPublisher::events_of(std::uint64_t publish) const {
    auto const first = publish * plan_.batch;
    auto const end = std::min(first + plan_.batch, plan_.events);
    std::vector<Bytes> events;
    events.reserve(end - first);
    for (auto number = first; number < end; ++number) {
        events.push_back(events_.event(number));
    }
    return events;
}

}  // namespace capstan::cli
