#include "ordered_publisher.hpp"

#include <utility>

namespace capstan::cli {
namespace {

/// A run is as large as this, or holds so many events; what is larger travels alone.
constexpr std::size_t kRunBytes = 64 * 1'024;
constexpr std::size_t kRunEvents = 256;
constexpr std::size_t kLaneRunsMax = 16;
/// Enough to fill the server's flushes; more would only need more devices connected at a time.
constexpr std::size_t kLanesActiveMax = 32;
/// In all lanes. This is how far apart events of different streams may stand in the input and still
/// go side by side.
constexpr std::size_t kBytesMax = 32 << 20;

}  // namespace

OrderedPublisher::Lane& OrderedPublisher::lane(StreamName stream, Seq head) {
    return lanes_.emplace_back(std::move(stream), head);
}

Result<> OrderedPublisher::add(Lane& lane, DeviceId const& device, Bytes event) {
    collect({});
    bytes_ += event.size();
    lane.waiting_.push_back({device, std::move(event)});
    if (!std::exchange(lane.touched_, true)) {
        touched_.push_back(&lane);
    }
    if (bytes_ > kBytesMax) {
        CAPSTAN_TRY(flush());
        CAPSTAN_TRY(wait_down_to(kBytesMax - kBytesMax / 8));
    }
    return state();
}

Result<> OrderedPublisher::flush() {
    for (auto* lane : std::exchange(touched_, {})) {
        lane->touched_ = false;
        pump(*lane);
    }
    collect({});
    return state();
}

Result<> OrderedPublisher::finish() {
    CAPSTAN_TRY(flush());
    return wait_down_to(0);
}

void OrderedPublisher::settle() {
    while (runs_under_way_ > 0 && collect(remote_.timeout())) {
    }
}

void OrderedPublisher::interrupt() {
    std::lock_guard const lock(answers_->mutex);
    answers_->interrupted = true;
    answers_->changed.notify_all();
}

Result<> OrderedPublisher::wait_down_to(std::size_t bytes) {
    while (bytes_ > bytes && !error_) {
        if (!collect(remote_.timeout())) {
            error_ = error_.value_or(remote_.no_answer());
        }
    }
    return state();
}

/// False if nothing came in time, or the user does not want to wait.
bool OrderedPublisher::collect(Duration wait_max) {
    std::vector<Answer> answers;
    bool interrupted = false;
    {
        std::unique_lock lock(answers_->mutex);
        if (wait_max > Duration{}) {  // a wait for no time would still give the processor away
            answers_->changed.wait_for(lock, wait_max, [this] {
                return !answers_->waiting.empty() || answers_->interrupted;
            });
        }
        answers.swap(answers_->waiting);
        interrupted = answers_->interrupted;
    }
    for (auto const& answer : answers) {
        take(answer);
    }
    if (interrupted) {
        error_ = error_.value_or(Error{Errc::cancelled, "interrupted"});
    }
    pump_queued();
    return !answers.empty() && !interrupted;
}

void OrderedPublisher::take(Answer const& answer) {
    auto& lane = *answer.lane;
    devices_.end(answer.device);
    bytes_ -= answer.bytes;
    runs_under_way_ -= 1;
    lane.under_way_ -= 1;
    lanes_active_ -= lane.under_way_ == 0 ? 1 : 0;
    if (!answer.error) {
        confirmed_ += answer.events;
        confirmed_bytes_ += answer.bytes;
        pump(lane);
    } else if (!error_) {
        overtaken_ = answer.error->code == Errc::position_conflict;
        auto const& why = overtaken_ ? "somebody else publishes to it" : answer.error->detail;
        error_ = Error{answer.error->code, lane.stream_.str() + ": " + why};
    }
}

/// Sends what may go now. A lane that is at work goes on before those that wait for a turn: its
/// devices are connected.
void OrderedPublisher::pump(Lane& lane) {
    auto const may_send = [&] {
        return !error_ && !lane.waiting_.empty() && lane.under_way_ < kLaneRunsMax &&
               (lane.under_way_ == 0 || lane.waiting_.front().device == lane.device_);
    };
    while (may_send()) {
        if (lane.under_way_ == 0 && lanes_active_ >= kLanesActiveMax) {
            return queue(lane);
        }
        auto const sent = send_run(lane);
        if (!sent) {
            error_ = sent.error();
        } else if (!sent.value()) {
            return queue(lane);
        }
    }
}

void OrderedPublisher::queue(Lane& lane) {
    if (!std::exchange(lane.queued_, true)) {
        queued_.push_back(&lane);
    }
}

/// Each has one turn: a lane whose device is at work for another one is queued again.
void OrderedPublisher::pump_queued() {
    for (auto turns = queued_.size(); turns > 0 && lanes_active_ < kLanesActiveMax; --turns) {
        auto& lane = *queued_.front();
        queued_.pop_front();
        lane.queued_ = false;
        pump(lane);
    }
}

/// False if the device cannot start yet.
Result<bool> OrderedPublisher::send_run(Lane& lane) {
    Answer answer{.lane = &lane, .device = lane.waiting_.front().device};
    CAPSTAN_TRY(auto const stream, devices_.begin(answer.device, lane.stream_));
    if (!stream) {
        return false;
    }
    std::vector<Bytes> events;
    while (!lane.waiting_.empty() && lane.waiting_.front().device == answer.device &&
           events.size() < kRunEvents) {
        auto& event = lane.waiting_.front().event;
        if (!events.empty() && answer.bytes + event.size() > kRunBytes) {
            break;
        }
        answer.bytes += event.size();
        events.push_back(std::move(event));
        lane.waiting_.pop_front();
    }
    answer.events = events.size();
    lane.device_ = answer.device;
    lanes_active_ += lane.under_way_ == 0 ? 1 : 0;
    lane.under_way_ += 1;
    runs_under_way_ += 1;
    Seq const before{lane.next_.value - 1};
    lane.next_ = lane.next_.plus(answer.events);
    // At the head, and the head is `before`: seen is all that stands before the run.
    stream->publish(std::move(events),
                    {.expect_head = before, .preceding = kAtHead},
                    [answers = answers_, answer](WriteUpdate const& update) mutable {
                        if (!update.is_final()) {
                            return;
                        }
                        std::lock_guard const lock(answers->mutex);
                        answer.error = update.error;
                        answers->waiting.push_back(answer);
                        if (answers->waiting.size() == 1) {
                            answers->changed.notify_one();
                        }
                    });
    return true;
}

}  // namespace capstan::cli
