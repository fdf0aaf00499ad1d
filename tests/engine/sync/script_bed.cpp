#include "script_bed.hpp"

#include <boost/test/unit_test.hpp>
#include <stdexcept>

#include "script_ops.hpp"

namespace capstan::test {

using namespace sync;

namespace {

constexpr WallTime kGatewayTime{1'700'000'000'000'000};

StreamName stream_of(ScriptArgs const& args) {
    auto name = StreamName::parse(args.text_or("stream", "acme/room"));
    require_ok(name);
    return std::move(name).value();
}

template <class Enum>
Enum enum_named(std::string const& name, char const* const* names, int last) {
    for (int value = 0; value <= last; ++value) {
        if (name == names[value]) {
            return static_cast<Enum>(value);
        }
    }
    throw std::invalid_argument("no such name: " + name);
}

std::uint16_t code_of(ScriptArgs const& args) {
    if (!args.has("code")) {
        return 0;
    }
    auto const* known = find_error(std::string_view(args.text("code")));
    return known != nullptr ? static_cast<std::uint16_t>(known->code)
                            : args.number<std::uint16_t>("code");
}

Error error_of(ScriptArgs const& args, Errc otherwise) {
    auto const code = code_of(args);
    return Error{code == 0 ? otherwise : Errc{code}, args.text_or("detail", "")};
}

}  // namespace

Hash128 ScriptBed::Tape::chain_at(Seq seq, std::string const& name) const {
    for (auto const& [last, chain] : ends) {
        if (last == seq) {
            return chain;
        }
    }
    return chain_start(name);
}

std::string ScriptBed::run(ScriptCommand const& command) {
    auto const said = input(command);
    return said + outcome_of_input();
}

/// Carries one command out; returns what it says by itself.
std::string ScriptBed::input(ScriptCommand const& command) {
    auto const& args = command.args;
    auto const& name = command.name;
    now_ = now_.plus(std::chrono::milliseconds(args.number_or<std::int64_t>("after_ms", 0)));
    if (name == "open") {
        open();
    } else if (name == "start") {
        client_->start(now_);
    } else if (name == "opened") {
        client_->on_opened(args.number_or("connection", connection_), now_);
    } else if (name == "closed") {
        client_->on_closed(args.number_or("connection", connection_),
                           error_of(args, Errc::connection_closed),
                           now_);
    } else if (name == "heard") {
        client_->on_heard(connection_, now_);
    } else if (name == "tick") {
        client_->tick(now_);
    } else if (name == "stop") {
        client_->stop(now_);
    } else if (name == "retry") {
        client_->retry(now_);
    } else if (name == "token") {
        client_->set_token(args.text("is"), now_);
    } else if (name == "store_fails") {
        client_->on_store_failed(error_of(args, Errc::storage_failed), now_);
    } else if (name == "publish") {
        return publish(args);
    } else if (name == "discard") {
        bool const done = client_->discard(stream_of(args), MutationId{args.number("write")});
        return done ? "" : "no such write\n";
    } else if (name == "subscribe") {
        subscribe(args);
    } else if (name == "unsubscribe") {
        client_->unsubscribe(stream_of(args));
    } else if (name == "consumed") {
        auto const done = client_->consumed(stream_of(args), Seq{args.number("seq")});
        return done ? "" : to_string(done.error()) + "\n";
    } else if (name == "welcome") {
        welcome(command);
    } else if (name == "result") {
        result(args);
    } else if (name == "tape") {
        tape(args);
    } else if (name == "events") {
        events(args);
    } else if (name == "hole") {
        fb::HoleT hole;
        hole.stream = tapes_[stream_of(args).str()].handle;
        hole.first = args.number("first");
        hole.last = args.number("last");
        receive(payload_of(hole));
    } else if (name == "notice") {
        fb::NoticeT notice;
        notice.code = code_of(args);
        notice.detail = args.text_or("detail", "");
        notice.retry_after_ms = args.number_or<std::uint32_t>("retry_after_ms", 0);
        notice.closing = args.has("closing");
        receive(payload_of(notice));
    } else if (name == "head") {
        fb::HeadT head;
        head.name = stream_of(args).str();
        receive(payload_of(head));
    } else if (name == "bytes") {
        auto const& raw = args.text("are");  // lives in the command
        receive(Bytes(as_bytes(raw).begin(), as_bytes(raw).end()));
    } else if (name == "need") {
        fb::NeedT need;
        need.stream = 1;
        need.first = 1;
        need.last = 1;
        receive(payload_of(need));
    } else if (name == "crash") {
        client_.reset();
        disk_.crash(dice_);
    } else if (name == "log") {
        return client_->transitions().text();
    } else if (name == "outbox") {
        auto const counts = client_->outbox(stream_of(args).str())->counts();
        return "pending " + std::to_string(counts.pending) + ", frozen " +
               std::to_string(counts.frozen) + ", kept " + std::to_string(counts.kept) +
               ", acked " + std::to_string(counts.acked) + ", refused " +
               std::to_string(counts.refused) + "\n";
    } else {
        throw std::invalid_argument("no such command: " + name);
    }
    return {};
}

std::string ScriptBed::outcome_of_input() {
    if (!client_) {
        return {};
    }
    auto effects = client_->take(now_);
    client_->check_invariants();
    auto out = text(effects);
    disk_.apply(std::move(effects.transaction));
    if (effects.durable_first) {
        disk_.flush();
    }
    auto const& entries = client_->transitions().entries();
    for (; walked_entries_ < entries.size(); ++walked_entries_) {
        auto const& entry = entries[walked_entries_];
        out += "-- " + std::string(to_string(entry.from)) + ", " +
               std::string(to_string(entry.on)) + ": " + std::string(to_string(entry.to)) + "\n";
        if (walked_ != nullptr) {
            auto const* row = find_transition(entry.from, entry.on);
            walked_->insert(static_cast<std::size_t>(row - kTransitions.data()));
        }
    }
    return out;
}

void ScriptBed::open() {
    auto const records = disk_.view();
    auto opened = Client::open(ClientOptions{.agent = "script"}, records, random_);
    require_ok(opened);
    client_ = std::move(opened).value();
    walked_entries_ = 0;
    name_of(client_->device());
}

std::string ScriptBed::publish(ScriptArgs const& args) {
    std::vector<Bytes> events;
    for (std::uint64_t i = 0; i < args.number_or("events", std::uint64_t{1}); ++i) {
        auto const text = args.text_or("text", "event");
        events.emplace_back(as_bytes(text).begin(), as_bytes(text).end());
        if (args.has("ops")) {
            events.back() = encode_event(parse_ops(args.text("ops")));
        }
    }
    PublishOptions options;
    options.coalesces = args.has("coalesces");
    options.needs_window = args.has("needs_window");
    if (args.has("expect")) {
        options.expect_head = Seq{args.number("expect")};
    }
    if (args.has("preceding")) {
        auto const& p = args.text("preceding");
        options.preceding = p == "at_head" ? kAtHead : Seq{args.number("preceding")};
    }
    auto const done = client_->publish(stream_of(args), std::move(events), options);
    return done ? "write " + std::to_string(done.value().value) + "\n"
                : to_string(done.error()) + "\n";
}

void ScriptBed::subscribe(ScriptArgs const& args) {
    ReadFrom from;
    auto const where = args.text_or("from", "stored");
    if (where == "tail") {
        from.kind = ReadFrom::Kind::tail;
    } else if (where != "stored") {
        from.kind = ReadFrom::Kind::seq;
        from.seq = Seq{args.number("from")};
    }
    client_->subscribe(stream_of(args), from);
}

/// Arguments are for all streams; each line of input is one stream:
/// `acme/room handle=1 head=5 verdict=delta attempt=2 last=3@1`.
void ScriptBed::welcome(ScriptCommand const& command) {
    fb::WelcomeT message;
    message.version = command.args.number_or<std::uint32_t>("version", kProtocolVersion);
    message.more = command.args.has("more");
    std::string_view rest = command.input;
    while (!rest.empty()) {
        auto const line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(line.size() + 1);
        ScriptArgs args;
        std::string name;
        std::size_t at = 0;
        while (at < line.size()) {
            auto const word = line.substr(at, line.find(' ', at) - at);
            at += word.size() + 1;
            auto const equals = word.find('=');
            if (name.empty()) {
                name = word;
            } else {
                args.add(
                    std::string(word.substr(0, equals)),
                    equals == std::string_view::npos ? "" : std::string(word.substr(equals + 1)));
            }
        }
        auto& tape = tapes_[name];
        tape.handle = args.number_or<std::uint32_t>("handle", tape.handle);
        tape.generation =
            Generation{args.number_or("generation", std::uint64_t{tape.handle == 0 ? 0U : 1U})};
        auto state = std::make_unique<fb::StreamStateT>();
        state->name = name;
        state->stream = tape.handle;
        state->generation = tape.generation.value;
        auto const head = tape.ends.empty() ? Seq{} : tape.ends.back().first;
        state->head = args.number_or("head", head.value);
        state->chain = std::make_unique<fb::Hash>(to_wire(tape.chain_at(head, name)));
        char const* const verdicts[] = {
            "up_to_date", "delta", "folded_delta", "snapshot", "reset", "denied"};
        state->verdict = enum_named<fb::Verdict>(
            args.text_or("verdict", "up_to_date"), verdicts, static_cast<int>(fb::Verdict::MAX));
        auto const last = link(args, "last");
        state->last_counter = last.counter.value;
        state->last_attempt = last.attempt.value;
        state->device_attempt = attempt(args.number_or("attempt", std::uint64_t{0})).value;
        state->device_p = args.number_or("p", std::uint64_t{0});
        state->code = code_of(args);
        message.streams.push_back(std::move(state));
    }
    receive(payload_of(message));
}

/// `result outcome=accepted run=1@1 count=2 seq=5 last=2@1 attempt=1`: run is first counter and
/// attempt.
void ScriptBed::result(ScriptArgs const& args) {
    auto const name = stream_of(args).str();
    char const* const outcomes[] = {"accepted",
                                    "duplicate",
                                    "settled",
                                    "halted",
                                    "counter_gap",
                                    "behind_itself",
                                    "refused",
                                    "not_your_device",
                                    "turned_away"};
    auto const outcome =
        enum_named<fb::Outcome>(args.text("outcome"), outcomes, static_cast<int>(fb::Outcome::MAX));
    auto const run = link(args, "run");
    auto const last = link(args, "last");
    fb::ResultT message;
    message.results.emplace_back(run.attempt.value,
                                 run.counter.value,
                                 args.number_or("seq", std::uint64_t{0}),
                                 last.counter.value,
                                 last.attempt.value,
                                 attempt(args.number_or("attempt", std::uint64_t{0})).value,
                                 args.number_or<std::uint32_t>("retry_after_ms", 0),
                                 tapes_[name].handle,
                                 args.number_or<std::uint16_t>("count", 1),
                                 code_of(args),
                                 outcome,
                                 args.has("floor"));
    message.name = published_by_name_.contains(name) ? name : "";
    message.detail = args.text_or("detail", "");
    receive(payload_of(message));
}

/// Another device, or this one, has a run of events accepted.
void ScriptBed::tape(ScriptArgs const& args) {
    auto const name = stream_of(args).str();
    auto& tape = tapes_[name];
    auto const letter = args.text_or("device", "B");
    auto const head = tape.ends.empty() ? Seq{} : tape.ends.back().first;
    auto const count = args.number_or("events", std::uint64_t{1});
    RunHeader header;
    header.attempt = Attempt::of(1, 0);
    auto& counter = tape.counters[letter];
    header.after = counter == 0 ? Link{} : Link{Counter{counter}, header.attempt};
    header.preceding_seq = Seq{args.number_or("p", head.value)};
    auto const event = args.text_or("text", "event");
    std::vector<ByteView> events(count, as_bytes(event));
    counter += count;
    auto chain = tape.chain_at(head, name);
    for (std::uint64_t i = 0; i < count; ++i) {
        Dot const dot{device(letter), header.after.counter.plus(i + 1)};
        chain = chain_next(chain, dot, header.preceding_seq, 0, events[i]);
    }
    Bytes delivered;
    encode_delivered_run(delivered, device(letter), kGatewayTime, encode_run(header, events));
    tape.runs.push_back(std::move(delivered));
    tape.ends.emplace_back(head.plus(count), chain);
}

/// `events first=1 last=4`: whole runs of the tape. `wrong` breaks the chain, `generation=` and
/// `cut` the form.
void ScriptBed::events(ScriptArgs const& args) {
    auto const name = stream_of(args).str();
    auto const& tape = tapes_[name];
    MessageWriter::Events message;
    message.stream = StreamNumber{args.number_or<std::uint32_t>("handle", tape.handle)};
    message.generation = Generation{args.number_or("generation", tape.generation.value)};
    message.first = Seq{args.number("first")};
    message.last = Seq{args.number("last")};
    message.chain = tape.chain_at(message.last, name);
    message.chain.low += args.has("wrong");
    message.head = tape.ends.back().first;
    std::vector<ByteView> pieces;
    Seq before;
    for (std::size_t i = 0; i < tape.runs.size(); ++i) {
        if (before.next() >= message.first && tape.ends[i].first <= message.last) {
            pieces.push_back(tape.runs[i]);
        }
        before = tape.ends[i].first;
    }
    if (args.has("cut")) {
        pieces.back() = pieces.back().first(pieces.back().size() - 1);
    }
    message.runs = pieces;
    MessageWriter writer;
    writer.add(message);
    receive(writer.take());
}

void ScriptBed::receive(Bytes const& message) {
    client_->on_message(connection_, message, now_);
}

Attempt ScriptBed::attempt(std::uint64_t ordinal) const {
    auto const found = attempts_.find(ordinal);
    // One that this store never gave out: of another store with the same device id.
    return found != attempts_.end() || ordinal == 0
               ? (ordinal == 0 ? Attempt{} : found->second)
               : Attempt::of(static_cast<std::uint32_t>(ordinal), 0xFFFFFFFF);
}

Link ScriptBed::link(ScriptArgs const& args, std::string_view key) const {
    auto const text = args.text_or(key, "0@0");
    auto const at = text.find('@');
    auto const counter = std::strtoull(text.c_str(), nullptr, 10);
    auto const ordinal = std::strtoull(text.c_str() + at + 1, nullptr, 10);
    return Link{Counter{counter}, attempt(ordinal)};
}

DeviceId ScriptBed::device(std::string const& letter) {
    auto const index = static_cast<std::size_t>(letter.at(0) - 'A');
    while (devices_.size() <= index) {
        DeviceId other;
        other.bytes[0] = static_cast<std::byte>(devices_.size() + 1);
        devices_.push_back(other);
    }
    return devices_[index];
}

}  // namespace capstan::test
