#include "capstan.hpp"

#include <random>

namespace fb = capstan::fb;

namespace {

constexpr uint32_t kCredit = 64 * 1'048'576;
constexpr int kReaderFirst = 1000;     // connections from here on are readers
constexpr size_t kRunEventsMax = 512;  // events of a run wait as views into the load's 1,024
constexpr size_t kFrameBytesMax = 524'288;
constexpr uint8_t kBinary = 2, kClose = 8, kPing = 9, kPong = 10;

string stream_name(uint32_t stream) {
    return "bench/s" + std::to_string(stream);
}

uint32_t stream_of(flatbuffers::String const& name) {
    return uint32_t(atol(name.c_str() + 7));
}

uint64_t random_word() {
    static std::random_device source;
    return uint64_t(source()) << 32 | source();
}

capstan::ByteView bytes_of(string_view s) {
    return {(std::byte const*)s.data(), s.size()};
}

}  // namespace

CapstanCodec::Device& CapstanCodec::device(Conn& c) {
    auto& list = c.idx < kReaderFirst ? publishers_ : readers_;
    size_t at = size_t(c.idx < kReaderFirst ? c.idx : c.idx - kReaderFirst);
    if (list.size() <= at)
        list.resize(at + 1);
    if (!list[at]) {
        list[at] = std::make_unique<Device>();
        auto& d = *list[at];
        for (size_t i = 0; i < d.id.bytes.size(); i += 8)
            capstan::store(d.id.bytes.data() + i, random_word());
        d.attempt = capstan::Attempt::of(1, uint32_t(random_word())).value;
        d.writers.resize(c.idx < kReaderFirst ? options_.streams : 1);
    }
    return *list[at];
}

/// An event as `capstan append` makes it, around as much text as fits: `bytes` encoded.
std::vector<string> CapstanCodec::events(size_t n, size_t bytes) {
    Rng r(bytes);
    std::vector<string> out;
    size_t text = bytes;
    auto encode = [&](string value) {
        return capstan::encode_event(
            {.ops = {{.object = "m", .field = "text", .value = std::move(value)}}});
    };
    while (text > 0 && encode(string(text, 'x')).size() > bytes) text--;
    for (size_t i = 0; i < n; i++) {
        auto event = encode(make_event(text, i, r));
        if (event.size() != bytes)
            die("no event encodes to " + std::to_string(bytes) + " bytes");
        out.emplace_back((char const*)event.data(), event.size());
    }
    stamp_at_ = out[0].find("{\"id\"");
    return out;
}

/// The first event creates a stream, so this publishes one event to each, by name, a frame's worth
/// at a time.
void CapstanCodec::setup(uint32_t streams) {
    uint64_t t0 = now_ns();
    publish_to_each(streams);
    uint64_t t1 = now_ns();
    Out o("setup");
    o.str("peer", "capstan").str("layout", "first event").num("streams", streams);
    o.num("secs", double(t1 - t0) / 1e9);
    if (options_.again) {
        publish_to_each(streams);
        o.num("compared", 1).num("again_secs", double(now_ns() - t1) / 1e9);
    }
}

void CapstanCodec::publish_to_each(uint32_t streams) {
    struct Counting : Sink {
        uint64_t acks = 0;
        void ack(Conn&, uint64_t) override { acks++; }
        void err(string const& s) override { die(s); }
        void deliver(Conn&, char const*, size_t) override {}
    } counting;
    options_.streams = streams;
    options_.by_handle = false;
    options_.draw_by_event = true;
    Conn c;
    c.fd = dial(int(options_.port));
    auto const event = events(1, 200)[0];
    hello(c);
    for (uint32_t made = 0; made < streams;) {
        uint32_t end = std::min(streams, made + 1000);
        for (; made < end; made++) pub(c, made, made, event);
        flush(c);
        wr_all(c.fd, c.out);
        c.out.clear();
        while (counting.acks < made) {
            rd_some(c.fd, c.in);
            c.in.erase(0, parse(c, c.in.data(), c.in.size(), counting));
        }
    }
    close(c.fd);
}

void CapstanCodec::reconnect(uint32_t streams, uint32_t moved) {
    auto const first = greet_all({});
    if (first.named != streams)
        die("the first greeting names " + std::to_string(first.named) + " streams");
    publish_to_each(moved);
    auto const again = greet_all(first);
    if (again.named != moved)
        die("the second greeting names " + std::to_string(again.named) + " streams");
    Out("reconnect")
        .str("peer", "capstan")
        .num("streams", streams)
        .num("moved", moved)
        .num("sent_B", double(again.sent))
        .num("received_B", double(again.received))
        .num("bytes", double(again.sent + again.received))
        .num("ms", double(again.ns) / 1e6);
}

/// From Hello to the last Welcome that answers it.
CapstanCodec::Greeting CapstanCodec::greet_all(Greeting const& before) {
    Conn c;
    c.fd = dial(int(options_.port));
    websocket_upgrade(c, "/v1/sync");
    fb::HelloT hello;
    hello.version = capstan::kProtocolVersion;
    hello.device =
        std::make_unique<fb::Device>(capstan::to_wire(capstan::DeviceId{{std::byte{1}}}));
    hello.token = options_.token;
    hello.agent = "netbench";
    hello.credit = kCredit;
    hello.patterns.push_back("bench/>");
    hello.position = before.position.value;
    hello.position_chain = std::make_unique<fb::Hash>(capstan::to_wire(before.chain));
    capstan::MessageWriter writer;
    writer.add(hello);
    websocket_put(
        c.out, kBinary, {(char const*)writer.payload().data(), writer.size()}, keys_.next());
    Greeting now;
    now.sent = c.out.size();
    uint64_t const start = now_ns();
    wr_all(c.fd, c.out);
    for (bool more = true; more;) {
        rd_some(c.fd, c.in);
        string_view in(c.in);
        for (WebSocketFrame frame; (frame = websocket_take(in)).size > 0;) {
            in.remove_prefix(frame.size);
            now.received += frame.size;
            capstan::MessageReader reader(bytes_of(frame.payload));
            for (auto message = reader.next(); message.value(); message = reader.next()) {
                auto* welcome = std::get_if<fb::Welcome const*>(&*message.value());
                if (!welcome)
                    continue;
                now.named += (*welcome)->streams() ? (*welcome)->streams()->size() : 0;
                now.position.value = (*welcome)->position();
                now.chain = capstan::from_wire((*welcome)->position_chain());
                more = (*welcome)->more();
            }
        }
        c.in.erase(0, c.in.size() - in.size());
    }
    now.ns = now_ns() - start;
    close(c.fd);
    return now;
}

void CapstanCodec::hello(Conn& c) {
    auto& d = device(c);
    websocket_upgrade(c, "/v1/sync");
    say_hello(c, d);
    wr_all(c.fd, c.out);
    c.out.clear();
    wait_for_welcome(c, d);
}

void CapstanCodec::say_hello(Conn& c, Device& d) {
    fb::HelloT hello;
    hello.version = capstan::kProtocolVersion;
    hello.device = std::make_unique<fb::Device>(capstan::to_wire(d.id));
    hello.token = options_.token;
    hello.agent = "netbench";
    hello.credit = kCredit;
    auto ask = [&](uint32_t stream) {
        auto cursor = std::make_unique<fb::StreamCursorT>();
        cursor->name = stream_name(stream);
        cursor->subscribe = false;
        hello.streams.push_back(std::move(cursor));
    };
    uint32_t step = options_.share ? options_.conns : 1;
    if (c.sub)
        ask(0);
    else if (options_.by_handle)
        for (uint32_t s = options_.share ? uint32_t(c.idx) % step : 0; s < options_.streams;
             s += step)
            ask(s);
    capstan::MessageWriter writer;
    writer.add(hello);
    add_messages(d, writer);
    send_frame(c, d);
}

void CapstanCodec::wait_for_welcome(Conn& c, Device& d) {
    struct Nothing : Sink {
        void ack(Conn&, uint64_t) override {}
        void err(string const& s) override { die(s); }
        void deliver(Conn&, char const*, size_t) override {}
    } nothing;
    while (!d.welcome) {
        rd_some(c.fd, c.in);
        c.in.erase(0, parse(c, c.in.data(), c.in.size(), nothing));
    }
}

uint32_t CapstanCodec::pick(Conn& c, Rng& r, uint32_t streams) {
    auto& d = device(c);
    if (streams == 1)
        return 0;
    if (!options_.draw_by_event && d.open.count > 0)
        return d.open.stream;
    if (!options_.share)
        return uint32_t(r.next() % streams);
    uint32_t first = uint32_t(c.idx) % options_.conns;
    uint32_t own = (streams - first + options_.conns - 1) / options_.conns;
    return first + options_.conns * uint32_t(r.next() % own);
}

void CapstanCodec::pub(Conn& c, uint64_t id, uint32_t stream, string_view event) {
    auto& d = device(c);
    if (d.open.count > 0 && (d.open.stream != stream || d.open.count == kRunEventsMax))
        close_run(d);
    if (d.open.count == 0)
        d.open = {stream, 0, d.writers[stream].counter + 1, id};
    d.open.count++;
    d.events.push_back(event);
    if (d.payload.size() > kFrameBytesMax) {
        close_run(d);
        send_frame(c, d);
    }
}

void CapstanCodec::flush(Conn& c) {
    auto& d = device(c);
    close_run(d);
    send_frame(c, d);
}

/// Encodes the open run straight into its Publish.
void CapstanCodec::close_run(Device& d) {
    if (d.open.count == 0)
        return;
    auto& writer = d.writers[d.open.stream];
    size_t bytes = capstan::RunView::kHeaderBytes + 4 * (d.open.count - 1);
    for (auto event : d.events) bytes += event.size();
    uint8_t* at = nullptr;
    auto run = builder_.CreateUninitializedVector(bytes, 1, &at);
    put_run(at, d);
    if (writer.counter == 0 && !capstan::RunView::decode({(std::byte*)at, bytes}))
        die("a run that nobody would take");
    flatbuffers::Offset<flatbuffers::String> name;
    if (writer.handle == 0)
        name = builder_.CreateString(stream_name(d.open.stream));
    fb::PublishBuilder table(builder_);
    table.add_run(run);
    if (writer.handle == 0)
        table.add_name(name);
    else
        table.add_stream(writer.handle);
    add_message(d, "CPUB", table.Finish().Union());
    writer.counter += d.open.count;
    d.sent.push_back(d.open);
    d.open.count = 0;
    d.events.clear();
}

/// schema/run.hpp has the grammar.
void CapstanCodec::put_run(uint8_t* at, Device const& d) const {
    auto* out = (std::byte*)at;
    uint64_t after = d.open.first_counter - 1;
    capstan::store(out, d.attempt);
    capstan::store(out + 8, after);
    capstan::store(out + 16, after == 0 ? uint64_t{0} : d.attempt);
    capstan::store(out + 24, capstan::kAtHead.value);
    capstan::store(out + 32, uint16_t{0});
    capstan::store(out + 34, uint16_t(d.open.count));
    out += capstan::RunView::kHeaderBytes;
    uint32_t end = 0;
    for (size_t i = 0; i + 1 < d.events.size(); i++) {
        end += uint32_t(d.events[i].size());
        capstan::store(out, end);
        out += 4;
    }
    for (auto event : d.events) {
        memcpy(out, event.data(), event.size());
        out += event.size();
    }
}

void CapstanCodec::add_message(Device& d, char const* identifier, flatbuffers::Offset<void> root) {
    builder_.FinishSizePrefixed(root, identifier);
    d.payload.resize((d.payload.size() + 7) / 8 * 8);
    d.payload.append((char const*)builder_.GetBufferPointer(), builder_.GetSize());
    builder_.Clear();
}

void CapstanCodec::add_messages(Device& d, capstan::MessageWriter& writer) {
    d.payload.resize((d.payload.size() + 7) / 8 * 8);
    d.payload.append((char const*)writer.payload().data(), writer.size());
    writer.take();
}

void CapstanCodec::send_frame(Conn& c, Device& d) {
    if (d.payload.empty())
        return;
    websocket_put(c.out, kBinary, d.payload, keys_.next());
    d.payload.clear();
}

size_t CapstanCodec::parse(Conn& c, char const* p, size_t n, Sink& sink) {
    string_view in(p, n);
    auto& d = device(c);
    for (WebSocketFrame frame; (frame = websocket_take(in)).size > 0;) {
        in.remove_prefix(frame.size);
        if (frame.opcode == kPing)
            websocket_put(c.out, kPong, frame.payload, keys_.next());
        if (frame.opcode == kClose)
            die("the server closed the session");
        if (frame.opcode != kBinary)
            continue;
        capstan::MessageReader reader(bytes_of(frame.payload));
        for (;;) {
            auto message = reader.next();
            if (!message)
                die(message.error().detail);
            if (!message.value())
                break;
            on_message(c, d, *message.value(), sink);
        }
    }
    return n - in.size();
}

void CapstanCodec::on_message(Conn& c, Device& d, capstan::Message const& message, Sink& sink) {
    if (auto* result = std::get_if<fb::Result const*>(&message)) {
        on_result(c, d, **result, sink);
    } else if (auto* events = std::get_if<fb::Events const*>(&message)) {
        on_events(c, d, **events, sink);
    } else if (auto* welcome = std::get_if<fb::Welcome const*>(&message)) {
        on_welcome(d, **welcome);
    } else if (auto* notice = std::get_if<fb::Notice const*>(&message)) {
        auto* detail = (*notice)->detail();
        sink.err("CAP-" + std::to_string((*notice)->code()) + " " + (detail ? detail->str() : ""));
    } else {
        die("a message that was not asked for");
    }
}

void CapstanCodec::on_welcome(Device& d, fb::Welcome const& welcome) {
    d.welcome |= !welcome.more();
    if (welcome.streams() == nullptr)  // none were asked for
        return;
    for (auto* state : *welcome.streams()) {
        if (state->verdict() == fb::Verdict::denied)
            die("denied " + state->name()->str());
        uint32_t stream = stream_of(*state->name()), handle = state->stream();
        if (handle == 0)
            continue;
        if (d.stream_of_handle.size() <= handle)
            d.stream_of_handle.resize(handle + 1);
        d.stream_of_handle[handle] = stream;
        d.writers[stream].handle = handle;
        d.handle = handle;
        d.told = {capstan::Generation{state->generation()},
                  capstan::Seq{state->head()},
                  capstan::from_wire(state->chain())};
    }
}

/// Only `accepted` is an ack; a load that is alone under its device id gets nothing else.
void CapstanCodec::on_result(Conn& c, Device& d, fb::Result const& result, Sink& sink) {
    for (auto* r : *result.results()) {
        uint32_t stream =
            result.name() ? stream_of(*result.name()) : d.stream_of_handle.at(r->stream());
        auto is_it = [&](Sent const& s) {
            return s.stream == stream && s.first_counter == r->first_counter();
        };
        auto at = std::find_if(d.sent.begin(), d.sent.end(), is_it);
        if (at == d.sent.end() || at->count != r->count() || r->attempt() != d.attempt)
            die("an answer to no run of this load");
        if (r->outcome() != fb::Outcome::accepted || r->first_seq() == 0)
            die(string(fb::EnumNameOutcome(r->outcome())) + " CAP-" + std::to_string(r->code()) +
                " in stream " + std::to_string(stream));
        Sent run = *at;
        d.sent.erase(at);
        for (uint32_t i = 0; i < run.count; i++) sink.ack(c, run.first_id + i);
    }
}

void CapstanCodec::on_events(Conn& c, Device& d, fb::Events const& events, Sink& sink) {
    if (events.first() > d.seq + 1)
        die("a gap behind " + std::to_string(d.seq));
    capstan::ByteReader reader(
        {(std::byte const*)events.runs()->data(), size_t(events.runs()->size())});
    uint64_t seq = events.first();
    while (!reader.done()) {
        auto run = capstan::DeliveredRunView::take(reader);
        if (!run)
            die(run.error().detail);
        auto const& view = run.value().run();
        for (uint32_t i = 0; i < view.count(); i++, seq++) {
            if (seq <= d.seq)
                continue;
            auto event = view.event(i);
            sink.deliver(c, (char const*)event.data(), event.size());
        }
    }
    if (seq != events.last() + 1)
        die("runs that are not first..last");
    d.seq = events.last();
    d.owed += events.runs()->size();
    if (d.owed >= kCredit / 4) {
        capstan::MessageWriter writer;
        fb::CreditT credit;
        credit.bytes = uint32_t(d.owed);
        writer.add(credit);
        add_messages(d, writer);
        d.owed = 0;
    }
}

void CapstanCodec::subscribe(Conn& c, bool from_start) {
    c.sub = true;
    auto& d = device(c);
    if (from_start)
        d.told = {};
    d.seq = d.told.seq.value;
    auto cursor = std::make_unique<fb::StreamCursorT>();
    cursor->name = stream_name(0);
    cursor->generation = d.told.generation.value;
    cursor->seq = d.told.seq.value;
    if (cursor->generation != 0)
        cursor->chain = std::make_unique<fb::Hash>(capstan::to_wire(d.told.chain));
    fb::SubscribeT subscribe;
    subscribe.streams.push_back(std::move(cursor));
    capstan::MessageWriter writer;
    writer.add(subscribe);
    add_messages(d, writer);
}
