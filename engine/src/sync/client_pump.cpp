// What is to be done now: freeze, write, send.
#include <algorithm>
#include <capstan/engine/sync/client.hpp>
#include <capstan/schema/wire.hpp>
#include <limits>
#include <utility>

namespace capstan::sync {
namespace {

/// What a message takes beside a run or a name: tables, offsets, padding.
constexpr std::size_t kMessageOverhead = 512;
constexpr std::size_t kCursorOverhead = 96;
constexpr std::size_t kAskBytesMax = kMessageBytesMax - 64 * 1'024;

fb::StreamCursorT to_wire(std::string const& name, Subscription::Ask const& ask) {
    fb::StreamCursorT cursor;
    cursor.name = name;
    cursor.generation = ask.generation.value;
    cursor.seq = ask.seq.value;
    cursor.subscribe = ask.subscribe;
    cursor.snapshots = ask.snapshots;
    cursor.folds = ask.folds;
    if (ask.chain) {
        cursor.chain = std::make_unique<fb::Hash>(to_wire(*ask.chain));
    }
    return cursor;
}

/// Where a stream of this client stands; without a reader only the outbox wants to know.
fb::StreamCursorT cursor_of(std::string const& name,
                            std::optional<Subscription>& reader,
                            bool may_load) {
    bool const asks = reader && reader->stage() == Subscription::Stage::wanted;
    return to_wire(name, asks ? reader->ask(may_load) : Subscription::Ask{{}, {}, {}, false});
}

template <class Message>
Bytes payload_of(Message const& message) {
    MessageWriter writer;
    writer.add(message);
    return writer.take();
}

}  // namespace

void Client::pump(Instant now) {
    finish_recovery(now);
    review();
    auto const chosen = freeze(now);
    if (connected() && !acks_.empty() && !acks_at_) {
        acks_at_ = now.plus(options_.ack_delay);
    }
    save();
    if (connected()) {
        send_asks(now);
        send_runs(chosen, now);
        send_needs();
        send_acks(now);
        send_credit();
        send_probe(now);
    }
    say_status();
    set_wake_up();
}

/// When everything frozen is settled, the device goes on under a new id.
void Client::finish_recovery(Instant now) {
    auto const drained = [this](std::string const& name) { return find(name)->outbox.drained(); };
    if (state_ != SessionState::recovering || !std::ranges::all_of(busy_, drained)) {
        return;
    }
    auto const before = identity_.device();
    identity_.renew();
    for (auto& [name, stream] : streams_) {
        stream.outbox.renew(effects_);
        touch(stream);
    }
    effects_.durable_first = true;
    effects_.then.emplace_back(Recovered{before, identity_.device()});
    step(SessionInput::drained, now, Error{Errc::behind_itself, "goes on as a new device"});
}

/// Lets authors look at what was refused. Who is not done is asked again next time.
void Client::review() {
    for (auto const& name : std::exchange(in_review_, {})) {
        Stream& stream = *find(name);
        if (stream.review) {
            stream.review();
        }
        count(stream);
    }
}

/// Takes streams from the queue while there is room in flight, and freezes what they can send.
std::vector<Client::Stream*> Client::freeze(Instant now) {
    std::vector<Stream*> chosen;
    std::size_t planned = window_.bytes;
    while (connected() && !ready_.empty() && planned < options_.flight_bytes_max) {
        Stream& stream = *find(ready_.front());
        ready_.pop_front();
        stream.queued = false;
        if (auto const until = stream.outbox.held_until(); until && *until > now) {
            held_[stream.name] = *until;
            continue;
        }
        if (state_ == SessionState::live) {
            stream.outbox.freeze(effects_, options_.flight_bytes_max - planned);
            count(stream);
        }
        if (stream.outbox.needs_standing()) {
            to_ask_.insert(stream.name);
        }
        if (auto const bytes = stream.outbox.sendable_bytes(now); bytes > 0) {
            planned += bytes;
            chosen.push_back(&stream);
        }
    }
    return chosen;
}

void Client::save() {
    for (auto const& name : std::exchange(touched_, {})) {
        Stream& stream = *find(name);
        stream.outbox.save(effects_);
        if (stream.reader && stream.reader->take_consumed_changed()) {
            stream.stored = stream.reader->consumed_cursor();
            auto key = cursor_key(name);
            auto value = encode(key, *stream.stored);
            effects_.put(std::move(key), std::move(value));
        }
    }
    identity_.save(effects_);
}

/// Streams with unsent writes first, then readers, as many as one message has room for. The others
/// follow by Subscribe.
void Client::say_hello() {
    fb::HelloT hello;
    hello.version = kProtocolVersion;
    hello.device = std::make_unique<fb::Device>(capstan::to_wire(identity_.device()));
    hello.token = options_.token;
    hello.agent = options_.agent;
    std::size_t bytes = options_.token.size() + options_.agent.size();
    std::uint64_t unconsumed = 0;
    auto const add = [&](Stream& stream) {
        bytes += stream.name.size() + kCursorOverhead;
        if (bytes <= kAskBytesMax && hello.streams.size() < kHelloStreamsMax) {
            hello.streams.push_back(std::make_unique<fb::StreamCursorT>(
                cursor_of(stream.name, stream.reader, may_load(stream))));
            ++stream.asks;
            to_ask_.erase(stream.name);
        } else {
            to_ask_.insert(stream.name);
        }
    };
    for (auto const& name : busy_) {
        add(*find(name));
    }
    for (auto& [name, stream] : streams_) {
        if (stream.reader) {
            unconsumed += stream.reader->unconsumed_bytes();
            if (!busy_.contains(name)) {
                add(stream);
            }
        }
    }
    hello.credit = options_.credit_bytes - static_cast<std::uint32_t>(std::min<std::uint64_t>(
                                               unconsumed, options_.credit_bytes));
    send(payload_of(hello));
}

void Client::send_asks(Instant now) {
    for (auto const handle : std::exchange(unsubscribed_, {})) {
        fb::UnsubscribeT unsubscribe;
        unsubscribe.stream = handle.value;
        send(payload_of(unsubscribe));
    }
    // While recovering, nothing is delivered: what is asked for would come in vain.
    while (state_ == SessionState::live && !to_ask_.empty()) {
        fb::SubscribeT subscribe;
        std::size_t bytes = 0;
        while (!to_ask_.empty() && bytes <= kAskBytesMax &&
               subscribe.streams.size() < kHelloStreamsMax) {
            auto const name = to_ask_.extract(to_ask_.begin()).value();
            bytes += name.size() + kCursorOverhead;
            Stream& stream = *find(name);
            subscribe.streams.push_back(std::make_unique<fb::StreamCursorT>(
                cursor_of(name, stream.reader, may_load(stream))));
            ++stream.asks;
        }
        send(payload_of(subscribe));
        asked_at_ = asks_under_way_++ == 0 ? now : asked_at_;
    }
}

/// Runs of a stream go in order. A message with a run that was sent before is a retry, and takes
/// from the budget of retries; where that is empty, the stream waits.
void Client::send_runs(std::vector<Stream*> const& chosen, Instant now) {
    MessageWriter writer;
    bool retry = false;
    auto const flush = [&] {
        if (!writer.empty()) {
            if (!std::exchange(retry, false)) {
                budget_.first_sending();
            }
            send(writer.take());
        }
    };
    budget_at_.reset();
    for (Stream* const stream : chosen) {
        while (window_.bytes < options_.flight_bytes_max) {
            auto const next = stream->outbox.next_to_send(now);
            if (!next) {
                break;
            }
            if (writer.size() + next->run.size() + kMessageOverhead > kMessageBytesMax) {
                flush();
            }
            if (next->again && !retry && !budget_.take(now)) {
                budget_at_ = budget_.next(now);
                break;
            }
            retry = retry || next->again;
            bool const known = stream->handle != StreamNumber{};
            writer.add({stream->handle,
                        known ? std::string_view() : stream->name,
                        next->generation,
                        next->expect_head,
                        next->run});
            stream->outbox.sent(now, effects_);
        }
        if (stream->outbox.next_to_send(now)) {
            touch(*stream);
        }
    }
    flush();
    if (window_.bytes > 0 && !sweep_at_) {
        sweep_at_ = now.plus(options_.answer_timeout / 2);
    }
}

/// Own writes whose positions count in a window are placed by events, from what their author had
/// seen on: with some of them, refused ones too, no snapshot may take the place of those.
bool Client::may_load(Stream const& stream) const {
    if (!options_.chunks || !stream.reader || !stream.reader->wants_snapshots()) {
        return false;
    }
    return std::ranges::none_of(stream.outbox.entries(), [](Outbox::Entry const& entry) {
        return (entry.mutation.flags & RunFlags::needs_window) != 0;
    });
}

void Client::send_needs() {
    MessageWriter writer;
    for (auto const& name : loading_) {
        Stream& stream = *find(name);
        if (auto const ids = stream.reader->take_chunk_needs(); !ids.empty()) {
            writer.add(MessageWriter::NeedChunks{stream.handle, ids});
        }
    }
    for (auto const& name : gaps_) {
        Stream& stream = *find(name);
        for (auto const& range : stream.reader->take_needs()) {
            fb::NeedT need;
            need.stream = stream.handle.value;
            need.first = range.first.value;
            need.last = range.last.value;
            writer.add(need);
        }
    }
    if (!writer.empty()) {
        send(writer.take());
    }
}

/// What an Ack says is on the disk: the server may stop keeping it for this device.
void Client::send_acks(Instant now) {
    if (!acks_at_ || *acks_at_ > now) {
        return;
    }
    acks_at_.reset();
    MessageWriter writer;
    for (auto const& name : std::exchange(acks_, {})) {
        Stream const& stream = *find(name);
        if (stream.handle != StreamNumber{}) {
            fb::AckT ack;
            ack.stream = stream.handle.value;
            ack.generation = stream.reader->consumed_cursor().generation.value;
            ack.seq = stream.reader->consumed_cursor().seq.value;
            writer.add(ack);
        }
    }
    if (!writer.empty()) {
        effects_.durable_first = true;
        send(writer.take());
    }
}

/// In portions: a message for each consumed event would cost more than the events.
void Client::send_credit() {
    if (credit_ == 0 || credit_ < options_.credit_bytes / 4) {
        return;
    }
    fb::CreditT credit;
    credit.bytes = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(credit_, std::numeric_limits<std::uint32_t>::max()));
    credit_ -= credit.bytes;
    send(payload_of(credit));
}

/// Nothing was heard for long: asks for something that is answered.
void Client::send_probe(Instant now) {
    if (probed_ || streams_.empty() || heard_at_.plus(options_.silence_max) > now) {
        return;
    }
    probed_ = true;
    fb::HeadT head;
    head.name = streams_.begin()->first;
    send(payload_of(head));
}

void Client::send(Bytes message) {
    effects_.then.emplace_back(Send{connection_, std::move(message)});
}

void Client::set_wake_up() {
    auto& wake_at = effects_.wake_at;
    auto const wake = [&wake_at](std::optional<Instant> at) {
        if (at) {
            wake_at = std::min(wake_at.value_or(*at), *at);
        }
    };
    wake(deadline_);
    if (!connected()) {
        return;
    }
    if (!streams_.empty()) {
        auto const grace = probed_ ? options_.silence_grace : Duration{};
        wake(heard_at_.plus(options_.silence_max + grace));
    }
    if (asks_under_way_ > 0) {
        wake(asked_at_.plus(options_.welcome_timeout));
    }
    wake(sweep_at_);
    wake(acks_at_);
    wake(budget_at_);
    for (auto const& name : gaps_) {
        wake(find(name)->reader->gap_since()->plus(options_.gap_timeout));
    }
    for (auto const& name : loading_) {
        wake(find(name)->reader->loaded_at().plus(options_.load_timeout));
    }
    for (auto const* waiting : {&held_, &read_again_}) {
        for (auto const& [name, until] : *waiting) {
            wake(until);
        }
    }
}

void Client::say_status() {
    if (auto const now = status(); now != said_) {
        said_ = now;
        StatusChanged changed{.status = now};
        if (why_) {
            changed.code = static_cast<std::uint16_t>(why_->code);
            changed.detail = why_->detail;
        }
        effects_.then.emplace_back(std::move(changed));
    }
}

}  // namespace capstan::sync
