#include <capstan/schema/run.hpp>

#include "history.hpp"

namespace capstan::test {

PublishingDevice::PublishingDevice(SessionBed& bed, std::string stream, std::string name)
    : bed_(bed), stream_(std::move(stream)), name_(std::move(name)) {}

void PublishingDevice::connect() {
    peer_ = bed_.connect([this](ByteView payload) { hear(payload); });
    fb::HelloT hello;
    hello.version = kProtocolVersion;
    hello.device = std::make_unique<fb::Device>(to_wire(device_named(name_)));
    hello.token = "acme/" + name_;
    static_cast<void>(peer_->send(hello));
    repeat();
}

void PublishingDevice::publish(std::size_t events) {
    std::vector<std::string> texts;
    for (std::size_t i = 1; i <= events; ++i) {
        texts.push_back(name_ + ':' + std::to_string(frozen_.value + i));
    }
    Link const after{frozen_, frozen_.value == 0 ? Attempt{} : attempt_};
    frozen_ = frozen_.plus(events);
    runs_.push_back({run_of(attempt_, after, Seq{}, texts), frozen_});
    send(Run(runs_.back()));
}

void PublishingDevice::repeat() {
    // Answers may come while it sends.
    for (auto const& run : std::deque<Run>(runs_)) {
        send(run);
    }
}

void PublishingDevice::send(Run const& run) {
    if (!connected()) {
        return;
    }
    MessageWriter writer;
    writer.add(MessageWriter::Publish{.name = stream_, .run = run.bytes});
    static_cast<void>(peer_->send(writer.payload()));
}

void PublishingDevice::hear(ByteView payload) {
    each_message(payload, [this]<class T>(T const* message) {
        if constexpr (std::is_same_v<T, fb::Result>) {
            for (auto const* result : *message->results()) {
                on_result(*result);
            }
        }
    });
}

/// `accepted` and `duplicate` tell the device's last event, and so confirm all runs up to it.
void PublishingDevice::on_result(fb::RunResult const& result) {
    bool const confirms =
        result.outcome() == fb::Outcome::accepted || result.outcome() == fb::Outcome::duplicate;
    bool const repeats = result.outcome() == fb::Outcome::counter_gap ||
                         result.outcome() == fb::Outcome::turned_away;
    if (!confirms && !repeats) {
        throw std::logic_error(name_ + ": " + fb::EnumNameOutcome(result.outcome()) + " for " +
                               std::to_string(result.first_counter()) + "+" +
                               std::to_string(result.count()) + ", device's last is " +
                               std::to_string(result.last_counter()));
    }
    if (confirms) {
        accepted_ = std::max(accepted_, Counter{result.last_counter()});
        while (!runs_.empty() && runs_.front().last <= accepted_) {
            runs_.pop_front();
        }
    }
}

}  // namespace capstan::test
