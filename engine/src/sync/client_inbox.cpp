// What the server says.
#include <capstan/engine/sync/client.hpp>
#include <capstan/schema/wire.hpp>
#include <utility>

namespace capstan::sync {
namespace {

static_assert(static_cast<int>(fb::Outcome::accepted) == static_cast<int>(Outcome::accepted));
static_assert(static_cast<int>(fb::Outcome::turned_away) == static_cast<int>(Outcome::turned_away));
static_assert(fb::Outcome::MAX == fb::Outcome::turned_away);
static_assert(static_cast<int>(fb::Verdict::reset) == static_cast<int>(CursorVerdict::reset));
static_assert(static_cast<int>(fb::Verdict::denied) == static_cast<int>(CursorVerdict::denied));

std::string text_of(flatbuffers::String const* text) {
    return text == nullptr ? std::string() : text->str();
}

Answer answer_from(fb::RunResult const& result, std::string detail) {
    Answer answer;
    answer.outcome = static_cast<Outcome>(result.outcome());
    answer.floor = result.floor();
    answer.attempt = Attempt{result.attempt()};
    answer.first_counter = Counter{result.first_counter()};
    answer.first_seq = Seq{result.first_seq()};
    answer.last = Link{Counter{result.last_counter()}, Attempt{result.last_attempt()}};
    answer.device_attempt = Attempt{result.device_attempt()};
    answer.code = result.code();
    answer.retry_after = std::chrono::milliseconds(result.retry_after_ms());
    answer.detail = std::move(detail);
    return answer;
}

StreamState state_from(fb::StreamState const& state) {
    StreamState out;
    out.verdict = static_cast<CursorVerdict>(state.verdict());
    out.generation = Generation{state.generation()};
    out.head = Seq{state.head()};
    out.chain = from_wire(state.chain());
    out.code = state.code();
    return out;
}

Standing standing_from(fb::StreamState const& state) {
    Standing standing;
    standing.generation = Generation{state.generation()};
    standing.attempt = Attempt{state.device_attempt()};
    standing.last = Link{Counter{state.last_counter()}, Attempt{state.last_attempt()}};
    standing.preceding_seq = Seq{state.device_p()};
    return standing;
}

Delivery delivery_from(fb::Events const& events) {
    Delivery delivery;
    delivery.generation = Generation{events.generation()};
    delivery.first = Seq{events.first()};
    delivery.last = Seq{events.last()};
    delivery.chain = from_wire(events.chain());
    delivery.head = Seq{events.head()};
    delivery.mark_before = Seq{events.mark_before()};
    if (events.marks() != nullptr) {
        delivery.marks.assign(events.marks()->begin(), events.marks()->end());
    }
    auto const* raw = reinterpret_cast<std::byte const*>(events.runs()->data());
    delivery.runs.assign(raw, raw + events.runs()->size());
    return delivery;
}

OfferedSnapshot offer_from(fb::Snapshot const& message) {
    return {.generation = Generation{message.generation()},
            .seq = Seq{message.seq()},
            .chain = from_wire(message.chain()),
            .manifest = from_wire(*message.manifest()),
            .manifest_bytes = message.manifest_bytes(),
            .whole = message.whole(),
            .from = Seq{message.from()},
            .delta_bytes = message.bytes()};
}

ChunkPart part_from(fb::Chunk const& message) {
    auto const* raw = reinterpret_cast<std::byte const*>(message.bytes()->data());
    return {.id = from_wire(*message.id()),
            .offset = message.offset(),
            .total = message.total(),
            .bytes = {raw, message.bytes()->size()}};
}

bool is_link(std::uint64_t counter, std::uint64_t attempt) {
    return (counter == 0) == (attempt == 0) && counter <= kSeqMax.value;
}

/// What is taken over into later runs has to be of their form.
Result<> check(fb::RunResult const& result) {
    if (result.first_seq() > kSeqMax.value - kRunEventsMax ||
        !is_link(result.last_counter(), result.last_attempt())) {
        return Error{Errc::malformed, "a result has a field out of range"};
    }
    return success();
}

Result<> check(fb::StreamState const& state) {
    bool const is_nowhere = state.generation() == 0 && state.head() != 0;
    if (is_nowhere || state.device_p() > kSeqMax.value ||
        !is_link(state.last_counter(), state.last_attempt())) {
        return Error{Errc::malformed, "a stream's state has a field out of range"};
    }
    return success();
}

/// A reason that waiting does not cure.
bool is_for_good(std::uint16_t code) {
    auto const* known = find_error(code);
    return known != nullptr && known->reaction == Reaction::fix;
}

}  // namespace

/// One message of the server. What only a device says, or what comes too early, breaks the
/// protocol.
struct Client::Inbox {
    Client& client;
    Instant now;

    Result<> operator()(fb::Welcome const* message) {
        if (message->version() != kProtocolVersion) {
            return Error{Errc::version_unsupported, std::to_string(message->version())};
        }
        if (message->streams() != nullptr) {
            for (auto const* state : *message->streams()) {
                CAPSTAN_TRY(on_state(*state));
            }
        }
        if (!message->more()) {
            client.asks_under_way_ -= client.asks_under_way_ > 0 ? 1 : 0;
            client.asked_at_ = now;
            client.step(client.outdated_ ? SessionInput::outdated : SessionInput::welcome, now);
        }
        return success();
    }

    Result<> operator()(fb::Result const* message) {
        CAPSTAN_TRY(greeted());
        auto* const named =
            message->name() == nullptr ? nullptr : client.find(message->name()->string_view());
        if (message->results() == nullptr) {
            return success();
        }
        for (auto const* result : *message->results()) {
            CAPSTAN_TRY(check(*result));
            auto const handle = StreamNumber{result->stream()};
            auto* const stream = named != nullptr ? named : client.find(handle);
            if (stream != nullptr && client.connected()) {
                if (named != nullptr) {
                    learn(*stream, handle);
                } else if (result->code() == static_cast<std::uint16_t>(Errc::not_found)) {
                    stream->handle = StreamNumber{};  // the server has forgotten it
                }
                auto const confirmed = stream->outbox.record().confirmed;
                auto const insight =
                    stream->outbox.on_answer(answer_from(*result, text_of(message->detail())),
                                             now,
                                             client.random_,
                                             client.effects_);
                client.got_on_ |= stream->outbox.record().confirmed != confirmed;
                client.touch(*stream);
                client.heed(insight, *stream, now);
            }
        }
        return success();
    }

    Result<> operator()(fb::Events const* message) {
        CAPSTAN_TRY(greeted());
        auto* const stream = client.find(StreamNumber{message->stream()});
        if (stream == nullptr || !stream->reader || client.state_ == SessionState::recovering) {
            client.credit_ += message->runs()->size();
            return success();
        }
        auto const delivered = stream->reader->delivered();
        CAPSTAN_TRY(stream->reader->on_events(delivery_from(*message), now, client.effects_));
        client.got_on_ |= stream->reader->delivered() > delivered;
        stream->read_backoff.reset();
        client.look_at(*stream);
        return success();
    }

    Result<> operator()(fb::Hole const* message) {
        CAPSTAN_TRY(greeted());
        auto* const stream = client.find(StreamNumber{message->stream()});
        if (stream != nullptr && stream->reader && client.state_ != SessionState::recovering) {
            stream->reader->on_hole(Seq{message->first()},
                                    Seq{message->last()},
                                    static_cast<std::uint8_t>(message->why()),
                                    now,
                                    client.effects_);
            client.look_at(*stream);
        }
        return success();
    }

    Result<> operator()(fb::Head const* message) {
        CAPSTAN_TRY(greeted());
        auto* const stream = client.find(message->name()->string_view());
        if (stream != nullptr && message->state() != nullptr) {
            learn(*stream, StreamNumber{message->state()->stream()});
        }
        return success();
    }

    Result<> operator()(fb::Notice const* message) {
        auto const known = find_error(message->code());
        Error error{known == nullptr ? Errc::unavailable : known->code, text_of(message->detail())};
        if (!message->closing()) {
            auto* const stream = client.find(StreamNumber{message->stream()});
            if (stream != nullptr && stream->reader && !is_for_good(message->code())) {
                stream->reader->on_interrupted(std::move(error), client.effects_);
                client.look_at(*stream);
                client.read_again_later(*stream, now);
            } else {
                client.report(std::move(error), stream == nullptr ? std::string() : stream->name);
            }
            return success();
        }
        client.retry_after_ = std::chrono::milliseconds(message->retry_after_ms());
        if (is_for_good(message->code())) {
            client.report(error);
            client.step(SessionInput::turned_down, now, error);
        }
        return success();
    }

    Result<> operator()(fb::Snapshot const* message) {
        CAPSTAN_TRY(greeted());
        auto* const stream = client.find(StreamNumber{message->stream()});
        if (stream != nullptr && stream->reader) {
            CAPSTAN_TRY(
                stream->reader->on_snapshot(offer_from(*message), client.options_.chunks, now));
        }
        return success();
    }

    Result<> operator()(fb::Chunk const* message) {
        CAPSTAN_TRY(greeted());
        auto* const stream = client.find(StreamNumber{message->stream()});
        if (stream == nullptr || !stream->reader) {
            client.credit_ += message->bytes()->size();
            return success();
        }
        client.got_on_ |= stream->reader->on_chunk(
            part_from(*message), client.may_load(*stream), now, client.effects_);
        stream->read_backoff.reset();
        client.look_at(*stream);
        return success();
    }

    Result<> operator()(fb::Hello const*) { return not_for_a_device(); }
    Result<> operator()(fb::Subscribe const*) { return not_for_a_device(); }
    Result<> operator()(fb::Unsubscribe const*) { return not_for_a_device(); }
    Result<> operator()(fb::Publish const*) { return not_for_a_device(); }
    Result<> operator()(fb::Need const*) { return not_for_a_device(); }
    Result<> operator()(fb::NeedChunks const*) { return not_for_a_device(); }
    Result<> operator()(fb::Ack const*) { return not_for_a_device(); }
    Result<> operator()(fb::Credit const*) { return not_for_a_device(); }

  private:
    Result<> not_for_a_device() const {
        return Error{Errc::protocol_violation, "a message that only devices send"};
    }
    Result<> greeted() const {
        return client.state_ == SessionState::greeting
                   ? Result<>(Error{Errc::protocol_violation, "a message before Welcome"})
                   : success();
    }

    void learn(Stream& stream, StreamNumber handle) {
        if (handle != StreamNumber{}) {
            stream.handle = handle;
            client.handles_[handle] = &stream;
        }
    }

    Result<> on_state(fb::StreamState const& state) {
        CAPSTAN_TRY(check(state));
        auto* const stream = client.find(state.name()->string_view());
        if (stream == nullptr) {
            return success();
        }
        learn(*stream, StreamNumber{state.stream()});
        // What an earlier ask is answered judges a cursor that is no longer the reader's.
        bool const is_last = stream->asks <= 1;
        stream->asks -= stream->asks > 0 ? 1 : 0;
        auto const verdict = static_cast<CursorVerdict>(state.verdict());
        // One who may not read is not told where it stands.
        if (verdict != CursorVerdict::denied) {
            bool const history_lost = verdict == CursorVerdict::reset && stream->reader;
            auto const insight =
                stream->outbox.on_standing(standing_from(state), history_lost, client.effects_);
            client.touch(*stream);
            client.heed(insight, *stream, now);
        } else {
            stream->outbox.on_standing_denied();
            client.touch(*stream);
        }
        if (stream->reader && is_last) {
            stream->reader->on_state(state_from(state), now, client.effects_);
            client.look_at(*stream);
            client.read_again_later(*stream, now);
        }
        return success();
    }
};

void Client::heed(Insight insight, Stream& stream, Instant now) {
    if (insight == Insight::server_behind) {
        step(SessionInput::server_behind,
             now,
             Error{Errc::behind, stream.name + ": the server has not what it confirmed"});
    } else if (insight == Insight::store_outdated) {
        stream.outbox.begin_recovery();
        outdated_ = true;
        touch(stream);
        step(SessionInput::outdated,
             now,
             Error{Errc::behind_itself, stream.name + ": the store is behind the server"});
    }
}

/// Each time in a row it waits longer, up to a minute: a disk may be mended while nobody looks.
void Client::read_again_later(Stream& stream, Instant now) {
    if (stream.reader->stage() == Subscription::Stage::interrupted) {
        auto const [at, is_new] = read_again_.try_emplace(stream.name);
        at->second = is_new ? now.plus(stream.read_backoff.next(random_)) : at->second;
    }
}

void Client::on_message(std::uint64_t connection, ByteView message, Instant now) {
    auto const listening = [this] { return connected() || state_ == SessionState::greeting; };
    if (connection != connection_ || !listening()) {
        return;
    }
    on_heard(connection, now);
    MessageReader reader(message);
    Inbox inbox{*this, now};
    while (listening()) {
        auto next = reader.next();
        if (next && !next.value()) {
            return;
        }
        auto const done = next ? std::visit(inbox, *next.value()) : Result<>(next.error());
        if (!done) {
            report(done.error());
            step(SessionInput::violation, now, done.error());
            return;
        }
    }
}

}  // namespace capstan::sync
