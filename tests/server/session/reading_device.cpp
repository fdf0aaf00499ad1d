#include <algorithm>
#include <capstan/schema/hash.hpp>
#include <capstan/schema/run.hpp>

#include "history.hpp"

namespace capstan::test {

ReadingDevice::ReadingDevice(SessionBed& bed, std::string name, std::vector<std::string> streams)
    : bed_(bed), name_(std::move(name)), streams_(std::move(streams)) {}

void ReadingDevice::complain(std::string const& what) const {
    throw std::logic_error(name_ + ": " + what);
}

struct ReadingDevice::Hear {
    ReadingDevice& device;

    void operator()(fb::Welcome const* message) const {
        if (message->streams() != nullptr) {
            for (auto const* state : *message->streams()) {
                device.on_state(*state, message->session() != 0);
            }
        }
        if (message->session() != 0 && !message->more()) {
            device.on_welcome_end(*message);
        }
    }
    void operator()(fb::Events const* message) const { device.on_events(*message); }
    void operator()(fb::Notice const* message) const {
        device.complain("notice " + std::to_string(message->code()));
    }
    template <class Other>
    void operator()(Other const*) const {
        device.complain("a message that it did not ask for");
    }
};

void ReadingDevice::connect(std::uint32_t credit, bool discovers) {
    names_.clear();
    to_subscribe_.clear();
    next_position_.reset();
    for (auto& [stream, holding] : holds_) {
        holding.join = Join::none;
        holding.subscribes_open = 0;
        holding.handle = 0;
        holding.needs.clear();
    }
    discovers_ = discovers;
    names_position_ = discovers && position_;
    peer_ = bed_.connect([this](ByteView payload) { each_message(payload, Hear{*this}); });
    fb::HelloT hello;
    hello.version = kProtocolVersion;
    hello.device = std::make_unique<fb::Device>(to_wire(device_named(name_)));
    hello.token = "acme/" + name_;
    hello.credit = credit;
    if (discovers) {
        hello.patterns = {"acme/>"};
        if (position_) {
            hello.position = position_->first.value;
            hello.position_chain = std::make_unique<fb::Hash>(to_wire(position_->second));
        }
    } else {
        for (auto const& stream : streams_) {
            hello.streams.push_back(std::make_unique<fb::StreamCursorT>(cursor(stream)));
        }
    }
    static_cast<void>(peer_->send(hello));
    subscribe_named();
}

fb::StreamCursorT ReadingDevice::cursor(std::string const& stream) {
    auto& holding = holds_[stream];
    holding.join = Join::asked;
    fb::StreamCursorT cursor;
    cursor.name = stream;
    cursor.generation = holding.generation.value;
    cursor.seq = holding.events.size();
    if (!holding.events.empty()) {
        cursor.chain = std::make_unique<fb::Hash>(to_wire(holding.events.back().chain));
    }
    return cursor;
}

void ReadingDevice::cut(std::size_t events_lost) {
    peer_.reset();
    for (auto& [stream, holding] : holds_) {
        auto const kept = holding.events.size() - std::min(events_lost, holding.events.size());
        holding.events.resize(kept);
        if (kept == 0) {
            holding.generation = {};
        }
    }
    if (events_lost != 0) {
        position_.reset();
    }
}

void ReadingDevice::give_credit(std::uint32_t bytes) {
    if (connected()) {
        fb::CreditT credit;
        credit.bytes = bytes;
        static_cast<void>(peer_->send(credit));
    }
}

void ReadingDevice::resubscribe(std::string const& stream) {
    if (connected() && holds_[stream].join == Join::joined && holds_[stream].needs.empty()) {
        fb::SubscribeT message;
        message.streams.push_back(std::make_unique<fb::StreamCursorT>(cursor(stream)));
        holds_[stream].subscribes_open += 1;
        static_cast<void>(peer_->send(message));
    }
}

void ReadingDevice::unsubscribe(std::string const& stream) {
    auto& holding = holds_[stream];
    if (connected() && holding.join == Join::joined && !discovers_) {
        fb::UnsubscribeT message;
        message.stream = holding.handle;
        names_.erase(holding.handle);
        holding.join = Join::none;
        holding.needs.clear();
        static_cast<void>(peer_->send(message));
    }
}

void ReadingDevice::need(std::string const& stream, SimRandom& random) {
    auto& holding = holds_[stream];
    if (!connected() || holding.join != Join::joined || holding.events.empty() ||
        holding.needs.size() > 4) {
        return;
    }
    fb::NeedT message;
    message.stream = holding.handle;
    message.first = 1 + random.below(holding.events.size());
    message.last = message.first + random.below(holding.events.size() - message.first + 1);
    holding.needs.push_back({message.first, message.last});
    static_cast<void>(peer_->send(message));
}

void ReadingDevice::wait(bool waits) {
    if (connected()) {
        peer_->waits = waits;
    }
}

void ReadingDevice::take(std::size_t payloads, std::size_t bytes) {
    if (connected()) {
        peer_->take(payloads, bytes);
        subscribe_named();
    }
}

void ReadingDevice::want_all() {
    for (auto const& stream : streams_) {
        if (holds_[stream].join == Join::none && connected()) {
            to_subscribe_.push_back(stream);
        }
    }
    subscribe_named();
}

/// What the answer to a discovery named is asked for with a cursor.
void ReadingDevice::subscribe_named() {
    if (to_subscribe_.empty() || !connected()) {
        return;
    }
    fb::SubscribeT message;
    for (auto const& stream : std::exchange(to_subscribe_, {})) {
        message.streams.push_back(std::make_unique<fb::StreamCursorT>(cursor(stream)));
        holds_[stream].subscribes_open += 1;
    }
    static_cast<void>(peer_->send(message));
}

std::vector<std::string> ReadingDevice::held(std::string const& stream) const {
    std::vector<std::string> texts;
    if (auto const at = holds_.find(stream); at != holds_.end()) {
        for (auto const& event : at->second.events) {
            texts.push_back(event.text);
        }
    }
    return texts;
}

void ReadingDevice::on_state(fb::StreamState const& state, bool answers_hello) {
    auto const stream = state.name()->str();
    auto& holding = holds_[stream];
    if (state.verdict() == fb::Verdict::reset || state.verdict() == fb::Verdict::denied) {
        complain(stream + ": " + fb::EnumNameVerdict(state.verdict()));
    }
    if (state.stream() != 0) {
        holding.handle = state.stream();
        names_[state.stream()] = stream;
    }
    if (answers_hello && discovers_) {
        targets_[stream] = state.head();
        to_subscribe_.push_back(stream);
        return;
    }
    if (holding.join == Join::none && state.generation() != 0 && holding.events.empty()) {
        holding.generation = Generation{state.generation()};
    }
    bool const waits = state.stream() == 0;
    bool const starts_anew = holding.join == Join::asked || holding.join == Join::none;
    bool const starts_again = holding.subscribes_open > 0 && !answers_hello;
    holding.subscribes_open -= starts_again ? 1 : 0;
    if (!waits && (starts_anew || starts_again)) {
        holding.join = Join::first_message;
    }
}

void ReadingDevice::on_welcome_end(fb::Welcome const& welcome) {
    if (discovers_) {
        discoveries += names_position_ ? 1 : 0;
        next_position_ = {Position{welcome.position()}, from_wire(welcome.position_chain())};
    }
}

void ReadingDevice::on_events(fb::Events const& events) {
    auto const named = names_.find(events.stream());
    if (named == names_.end()) {
        return;  // unsubscribed meanwhile
    }
    auto& holding = holds_[named->second];
    auto const held = holding.events.size();
    if (holding.join == Join::asked || holding.join == Join::none) {
        return;
    }
    if (events.last() <= held) {
        take_needed(holding, events);
        return;
    }
    bool const is_gap = events.first() > held + 1;
    bool const overlaps = events.first() < held + 1;
    if (is_gap || (overlaps && holding.join != Join::first_message)) {
        complain(named->second + ": holds " + std::to_string(held) + ", got " +
                 std::to_string(events.first()) + ".." + std::to_string(events.last()));
    }
    take_new(named->second, holding, events);
    holding.join = Join::joined;

    bool complete = next_position_.has_value();
    for (auto const& [stream, head] : targets_) {
        complete = complete && holds_[stream].events.size() >= head;
    }
    if (complete) {
        position_ = std::exchange(next_position_, std::nullopt);
        targets_.clear();
    }
}

void ReadingDevice::take_needed(Holding& holding, fb::Events const& events) {
    bool const is_needed = !holding.needs.empty() && events.first() <= holding.needs.front().next &&
                           events.last() >= holding.needs.front().next;
    if (!is_needed && holding.join == Join::first_message) {
        return;  // behind the cursor of a Subscribe, and on their way before it
    }
    if (!is_needed) {
        complain("events " + std::to_string(events.first()) + ".." + std::to_string(events.last()) +
                 " again");
    }
    auto& need = holding.needs.front();
    need.next = events.last() + 1;
    if (need.next > need.last) {
        holding.needs.pop_front();
    }
}

void ReadingDevice::take_new(std::string const& stream,
                             Holding& holding,
                             fb::Events const& events) {
    auto const* raw = reinterpret_cast<std::byte const*>(events.runs()->data());
    auto chain = holding.events.empty() ? chain_start(stream) : holding.events.back().chain;
    auto seq = events.first();
    std::size_t runs = 0;
    for (ByteReader reader({raw, events.runs()->size()}); !reader.rest().empty(); ++runs) {
        auto const delivered = DeliveredRunView::take(reader).value();
        auto const& run = delivered.run();
        for (std::uint32_t i = 0; i < run.count(); ++i, ++seq) {
            if (seq <= holding.events.size()) {
                continue;
            }
            Dot const dot{delivered.device(), run.first_counter().plus(i)};
            chain = chain_next(chain, dot, run.header().preceding_seq, 0, run.event(i));
            holding.events.push_back({std::string(as_text(run.event(i))), chain});
        }
    }
    holding.generation = Generation{events.generation()};
    if (seq != events.last() + 1 || events.marks() == nullptr || events.marks()->size() != runs) {
        complain(stream + ": runs and seqs do not agree");
    }
    if (chain != from_wire(events.chain())) {
        complain(stream + ": the chain hash at " + std::to_string(events.last()) + " differs");
    }
}

}  // namespace capstan::test
