#include "session_script.hpp"

#include <capstan/schema/run.hpp>
#include <sstream>

namespace capstan::test {
namespace {

std::vector<std::string> words_of(std::string const& text) {
    std::istringstream in(text);
    std::vector<std::string> words;
    for (std::string word; in >> word;) {
        words.push_back(word);
    }
    return words;
}

/// `counter@attempt`; the attempt counts ordinals.
Link link_of(std::string const& text) {
    auto const at = text.find('@');
    auto const ordinal = static_cast<std::uint32_t>(std::stoul(text.substr(at + 1)));
    return {Counter{std::stoull(text.substr(0, at))},
            ordinal == 0 ? Attempt{} : Attempt::of(ordinal, 0)};
}

std::string text_of(Counter counter, Attempt attempt) {
    return std::to_string(counter.value) + '@' + std::to_string(attempt.ordinal());
}

std::string code_of(std::uint16_t code) {
    auto const* entry = find_error(code);
    return entry == nullptr ? std::to_string(code) : std::string(entry->name);
}

std::string text_of(fb::StreamState const& state) {
    std::ostringstream out;
    out << state.name()->str() << " handle=" << state.stream() << ' '
        << fb::EnumNameVerdict(state.verdict()) << " head=" << state.head();
    if (state.events() != 0) {
        out << " events=" << state.events();
    }
    if (state.device_attempt() != 0) {
        out << " attempt=" << Attempt{state.device_attempt()}.ordinal()
            << " last=" << text_of(Counter{state.last_counter()}, Attempt{state.last_attempt()});
    }
    if (state.halted() != 0) {
        out << " halted=" << code_of(state.halted());
    }
    if (state.code() != 0) {
        out << " code=" << code_of(state.code());
    }
    return out.str();
}

std::string text_of(fb::RunResult const& result) {
    std::ostringstream out;
    out << fb::EnumNameOutcome(result.outcome()) << (result.floor() ? " floor" : " run")
        << " attempt=" << Attempt{result.attempt()}.ordinal()
        << " first=" << result.first_counter();
    if (result.first_seq() != 0) {
        out << " seqs=" << result.first_seq() << ".." << result.first_seq() + result.count() - 1;
    }
    if (result.last_counter() != 0) {
        out << " last=" << text_of(Counter{result.last_counter()}, Attempt{result.last_attempt()});
    }
    if (result.code() != 0) {
        out << " code=" << code_of(result.code());
    }
    if (result.retry_after_ms() != 0) {
        out << " retry_after_ms=" << result.retry_after_ms();
    }
    return out.str();
}

std::string events_text(ByteView runs) {
    std::string out;
    for (ByteReader reader(runs); !reader.rest().empty();) {
        auto const delivered = DeliveredRunView::take(reader).value();
        for (std::uint32_t i = 0; i < delivered.run().count(); ++i) {
            out += (out.empty() ? "" : " ") + std::string(as_text(delivered.run().event(i)));
        }
    }
    return out;
}

ByteView bytes_of(flatbuffers::Vector<std::uint8_t> const& bytes) {
    return {reinterpret_cast<std::byte const*>(bytes.data()), bytes.size()};
}

}  // namespace

/// One line for each message, and for each stream or result in it.
struct SessionScript::Hear {
    SessionScript& script;
    std::string const& peer;
    void say(std::string const& text) const { script.say(peer + ": " + text); }

    void operator()(fb::Welcome const* message) const {
        auto const& count = message->streams() == nullptr ? 0U : message->streams()->size();
        say("Welcome session=" + std::to_string(message->session()) +
            " streams=" + std::to_string(count) + (message->more() ? " more" : ""));
        for (std::uint32_t i = 0; i < count; ++i) {
            say("  " + text_of(*message->streams()->Get(i)));
        }
        if (message->session() != 0) {
            script.positions_[peer] = {Position{message->position()},
                                       from_wire(message->position_chain())};
        }
    }
    void operator()(fb::Result const* message) const {
        auto const name = message->name() == nullptr ? "" : " name=" + message->name()->str();
        auto const story =
            message->detail() == nullptr ? "" : " (" + message->detail()->str() + ")";
        for (auto const* result : *message->results()) {
            say("Result handle=" + std::to_string(result->stream()) + name + ' ' +
                text_of(*result) + story);
        }
    }
    void operator()(fb::Events const* message) const {
        say("Events handle=" + std::to_string(message->stream()) + ' ' +
            std::to_string(message->first()) + ".." + std::to_string(message->last()) + " head=" +
            std::to_string(message->head()) + " [" + events_text(bytes_of(*message->runs())) + ']');
    }
    void operator()(fb::Head const* message) const { say("Head " + text_of(*message->state())); }
    void operator()(fb::Notice const* message) const {
        auto const story =
            message->detail() == nullptr ? "" : " (" + message->detail()->str() + ")";
        say("Notice " + code_of(message->code()) + story +
            (message->stream() == 0 ? "" : " handle=" + std::to_string(message->stream())) +
            (message->retry_after_ms() == 0
                 ? ""
                 : " retry_after_ms=" + std::to_string(message->retry_after_ms())) +
            (message->closing() ? " closing" : ""));
    }
    template <class Other>
    void operator()(Other const*) const {
        say("a message that servers do not send");
    }
};

void SessionScript::hear(std::string const& name, ByteView payload) {
    each_message(payload, Hear{*this, name});
}

std::string SessionScript::run(ScriptCommand const& command) {
    output_.clear();
    if (bed_ == nullptr && command.name != "begin") {
        begin({});
    }
    std::map<std::string, bool> was_open;
    for (auto const& [name, peer] : peers_) {
        was_open[name] = peer->open();
    }
    carry_out(command);
    bed_->run();
    for (auto const& [name, peer] : peers_) {
        if (was_open[name] && !peer->open() && command.name != "close") {
            say(name + ": closed");
        }
    }
    return output_;
}

/// begin streams_max=… soft=… page=… events_rate=… events_burst=…
void SessionScript::begin(ScriptArgs const& args) {
    SessionOptions options;
    options.streams_max = args.number_or("streams_max", options.streams_max);
    options.page_streams = args.number_or("page_streams", options.page_streams);
    options.page_bytes = args.number_or("page_bytes", options.page_bytes);
    options.needs_max = args.number_or("needs_max", options.needs_max);
    options.queued_bytes_soft = args.number_or("soft", options.queued_bytes_soft);
    options.queued_bytes_hard = args.number_or("hard", options.queued_bytes_hard);
    options.rates.events = {args.number_or("events_rate", std::uint64_t{0}),
                            args.number_or("events_burst", std::uint64_t{0})};
    peers_.clear();
    bed_ = std::make_unique<FakeBed>(options);
}

/// `name`, `name@seq` (a true cursor), `name@seq:other` (another chain), `name@seq:bare` (no
/// chain), `name@seq:strange` (a generation that never was), each with a last `!` for "no events".
fb::StreamCursorT SessionScript::cursor(std::string text) {
    fb::StreamCursorT cursor;
    if (text.back() == '!') {
        cursor.subscribe = false;
        text.pop_back();
    }
    auto const at = text.find('@');
    cursor.name = text.substr(0, at);
    if (at == std::string::npos) {
        return cursor;
    }
    auto const colon = text.find(':', at);
    auto const kind = colon == std::string::npos ? "" : text.substr(colon + 1);
    cursor.seq = std::stoull(text.substr(at + 1, colon - at - 1));
    auto const stat = bed_->partition().stat(std::string_view(cursor.name)).value();
    cursor.generation = stat && kind != "strange" ? stat->generation.value : 99;
    if (kind != "bare" && stat) {
        auto chain = bed_->partition().chain_at(stat->number, Seq{cursor.seq}).value();
        chain.low += kind == "other" ? 1 : 0;
        cursor.chain = std::make_unique<fb::Hash>(to_wire(chain));
    }
    return cursor;
}

/// hello peer=… device=… token=… credit=… streams="…" patterns="…" position_of=PEER
void SessionScript::hello(std::string const& name, ScriptArgs const& args) {
    fb::HelloT hello;
    hello.version = args.number_or("version", 1U);
    hello.features = args.number_or("features", std::uint64_t{0});
    hello.device = std::make_unique<fb::Device>(
        to_wire(device_named(args.text_or("device", "device-" + name))));
    hello.token = args.text_or("token", "acme/" + name);
    hello.credit = args.number_or("credit", 1'000'000U);
    for (auto const& stream : words_of(args.text_or("streams", ""))) {
        hello.streams.push_back(std::make_unique<fb::StreamCursorT>(cursor(stream)));
    }
    hello.patterns = words_of(args.text_or("patterns", ""));
    if (args.has("position_of")) {
        auto [position, chain] = positions_.at(args.text("position_of"));
        chain.low += args.has("other_chain") ? 1 : 0;
        hello.position = position.value;
        hello.position_chain = std::make_unique<fb::Hash>(to_wire(chain));
    }
    static_cast<void>(peers_.at(name)->send(hello));
}

/// publish peer=… stream=NAME or handle=… attempt=1 after=0@0 p=0 events="a b" expect=…
void SessionScript::publish(std::string const& name, ScriptArgs const& args) {
    auto const stream = args.text_or("stream", "");
    Generation generation{args.number_or("generation", std::uint64_t{0})};
    if (args.text_or("generation_of", "") != "") {
        generation = bed_->partition()
                         .stat(std::string_view(args.text("generation_of")))
                         .value()
                         ->generation;
    }
    auto run = run_of(Attempt::of(args.number_or("attempt", 1U), 0),
                      link_of(args.text_or("after", "0@0")),
                      Seq{args.number_or("p", std::uint64_t{0})},
                      words_of(args.text_or("events", "")));
    run.resize(run.size() - args.number_or("cut", std::size_t{0}));
    MessageWriter writer;
    writer.add(MessageWriter::Publish{.stream = StreamNumber{args.number_or("handle", 0U)},
                                      .name = stream,
                                      .generation = generation,
                                      .expect_head = args.has("expect")
                                                         ? std::optional(Seq{args.number("expect")})
                                                         : std::nullopt,
                                      .run = run});
    static_cast<void>(peers_.at(name)->send(writer.payload()));
}

/// append stream=… events="a b" token=… expect=…: without a session, as HTTP does.
void SessionScript::append(ScriptArgs const& args) {
    auto const principal =
        bed_->authenticator.authenticate(args.text_or("token", "acme/http")).value();
    auto const texts = words_of(args.text_or("events", ""));
    std::vector<ByteView> events;
    for (auto const& text : texts) {
        events.push_back(as_bytes(text));
    }
    auto const label = args.text_or("as", "append");
    bed_->host->append(
        {.principal = principal,
         .stream = args.text("stream"),
         .expect_head =
             args.has("expect") ? std::optional(Seq{args.number("expect")}) : std::nullopt,
         .events = events},
        [this, label](RunAnswer const& answer) {
            say(label + ": " + text_of(answer.result) +
                (answer.why ? " why=" + std::string(describe(answer.why->code).name) : ""));
        });
}

void SessionScript::carry_out(ScriptCommand const& command) {
    auto const& args = command.args;
    auto const name = args.text_or("peer", "");
    auto const& what = command.name;
    auto const hears = [this, name](ByteView payload) { hear(name, payload); };
    auto const handle = args.number_or("handle", 0U);
    if (what == "begin") {
        begin(args);
    } else if (what == "connect") {
        peers_[name] = bed_->connect(hears);
    } else if (what == "hello") {
        peers_[name] = bed_->connect(hears);
        hello(name, args);
    } else if (what == "hello-again") {
        hello(name, args);
    } else if (what == "subscribe") {
        fb::SubscribeT message;
        for (auto const& stream : words_of(args.text("streams"))) {
            message.streams.push_back(std::make_unique<fb::StreamCursorT>(cursor(stream)));
        }
        static_cast<void>(peers_.at(name)->send(message));
    } else if (what == "unsubscribe") {
        fb::UnsubscribeT message;
        message.stream = handle;
        static_cast<void>(peers_.at(name)->send(message));
    } else if (what == "publish") {
        publish(name, args);
    } else if (what == "need") {
        fb::NeedT message;
        message.stream = handle;
        message.first = args.number("first");
        message.last = args.number("last");
        static_cast<void>(peers_.at(name)->send(message));
    } else if (what == "ack") {
        fb::AckT message;
        message.stream = handle;
        message.seq = args.number("seq");
        static_cast<void>(peers_.at(name)->send(message));
    } else if (what == "head") {
        fb::HeadT message;
        message.name = args.text("stream");
        static_cast<void>(peers_.at(name)->send(message));
    } else if (what == "credit") {
        fb::CreditT message;
        message.bytes = args.number<std::uint32_t>("bytes");
        static_cast<void>(peers_.at(name)->send(message));
    } else if (what == "raw") {
        static_cast<void>(peers_.at(name)->send(as_bytes(args.text("bytes"))));
    } else if (what == "append") {
        append(args);
    } else if (what == "flush") {
        bed_->partition().flush(args.number_or("submissions", ~std::size_t{0}));
    } else if (what == "full-disk") {
        bed_->partition().turn_away({Errc::storage_full, {}});
    } else if (what == "stop") {
        bed_->host->on_stopped({Errc::storage_failed, "flush failed"});
    } else if (what == "restore") {
        bed_->partition().restore(Lineage{args.number("lineage")});
    } else if (what == "fall-behind") {
        bed_->partition().fall_behind();
    } else if (what == "caught-up") {
        bed_->partition().caught_up(success());
    } else if (what == "log-is-silent") {
        bed_->partition().caught_up(Error{Errc::unavailable, "the brokers did not answer"});
    } else if (what == "refuse-submissions") {
        bed_->partition().submit_error = Error{find_error(args.text("with"))->code, {}};
    } else if (what == "accept-submissions") {
        bed_->partition().submit_error.reset();
    } else if (what == "wait") {
        peers_.at(name)->waits = true;  // takes nothing until told
    } else if (what == "take") {
        peers_.at(name)->waits = false;
        peers_.at(name)->take();
    } else if (what == "close") {
        peers_.at(name)->close();
    } else if (what == "advance") {
        bed_->clock.advance(std::chrono::milliseconds(args.number<std::int64_t>("ms")));
    } else if (what == "tick") {
        bed_->host->on_tick(bed_->clock.now());
    } else if (what == "drain") {
        bed_->host->drain();
    } else if (what == "sessions") {
        say(std::to_string(bed_->host->session_count()));
    } else {
        throw std::invalid_argument("unknown command " + what);
    }
}

}  // namespace capstan::test
