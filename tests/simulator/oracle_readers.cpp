// What readers are told (I5, I7).
#include <fmt/format.h>

#include <capstan/schema/hash.hpp>
#include <utility>

#include "oracle.hpp"

namespace capstan::simulator {

/// The application keeps what it holds up to its cursor, and reads on from there.
void Oracle::on_subscribed(std::uint64_t device, std::string const& stream, Reading reading) {
    auto& held = readings_[{device, stream}];
    reading.first = held.first;
    reading.hashes = std::move(held.hashes);
    held = std::move(reading);
    if (held.next) {
        begin_at(held, *held.next);
    }
}

void Oracle::begin_at(Reading& reading, std::uint64_t seq) {
    reading.next = seq;
    if (seq < reading.first || seq > reading.first + reading.hashes.size()) {
        reading.first = seq;  // it read something else in between
    }
    reading.hashes.resize(seq - reading.first);
}

void Oracle::on_delivery(std::uint64_t device, Delivery const& delivery) {
    auto const found = readings_.find({device, delivery.stream});
    require(found != readings_.end(), "I5", [&] {
        return "events of a stream that nobody subscribed to: " + delivery.stream;
    });
    auto& reading = found->second;
    if (!reading.next && delivery.from.value >= reading.lowest &&
        delivery.from.value <= reading.highest) {
        begin_at(reading, delivery.from.value);
    }
    trace_.add("delivered", device, delivery.from.value, delivery.last.value);
    require(reading.next == delivery.from.value, "I5", [&] {
        return fmt::format("device {}: {} comes where {} must come",
                           device,
                           where(delivery.stream, delivery.from.value),
                           reading.next.value_or(reading.highest));
    });
    require(delivery.head >= delivery.last && delivery.head.value >= reading.head, "I7", [&] {
        return fmt::format("device {}: the head of {} fell from {} to {}",
                           device,
                           delivery.stream,
                           reading.head,
                           delivery.head.value);
    });
    reading.head = delivery.head.value;
    delivery.each_event([&](DeliveredEvent const& event) {
        require(event.seq.value == *reading.next, "I5", [&] {
            return where(delivery.stream, event.seq.value) + " is out of order";
        });
        // What came before a restore may be told behind it.
        if (!stood_there(delivery.stream, event.seq.value, event.bytes)) {
            observe(delivery.stream, event.seq.value, event.dot, event.bytes);
        }
        reading.hashes.push_back(hash64(event.bytes));
        ++*reading.next;
    });
    require(*reading.next == delivery.last.value + 1, "I5", [&] {
        return where(delivery.stream, delivery.last.value) + " is promised and missing";
    });
}

void Oracle::on_history_lost(std::uint64_t device, std::string const& stream) {
    require(era_ > 0, "I7", [&] {
        return fmt::format("device {}: history of {} is lost without a restore", device, stream);
    });
    trace_.mark("a reader was told of lost history");
    readings_[{device, stream}] = Reading{.next = 1};
}

void Oracle::on_reader_failed(std::uint64_t device, std::string const& stream, Error const& why) {
    if (era_ > 0 && why.code == Errc::lost_history) {
        trace_.mark("an author was told of lost history");  // a reader that failed stays behind
        return;
    }
    throw Violation{"I5",
                    fmt::format("device {} can't read {}: {}", device, stream, to_string(why))};
}

Reading const* Oracle::reading(std::uint64_t device, std::string const& stream) const {
    auto const found = readings_.find({device, stream});
    return found == readings_.end() ? nullptr : &found->second;
}

bool Oracle::has_read_all(std::uint64_t device, std::string const& stream) const {
    auto const* const one = reading(device, stream);
    auto const head_now = head(stream);
    return one == nullptr || head_now == 0 || (one->next && *one->next == head_now + 1) ||
           (!one->next && one->highest > head_now);
}

}  // namespace capstan::simulator
