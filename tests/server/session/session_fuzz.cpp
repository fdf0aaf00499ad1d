// Sessions under any sequence of messages and moments: valid messages in any order, nonsense in a
// valid form, and bytes that are no message. Whatever its peers do, the host goes on; what it says
// is well formed; what it holds for a peer is bounded (I25); after an error the session is ending;
// events come in order, without a gap (I5).
#include <capstan/schema/run.hpp>
#include <map>

#include "session_bed.hpp"
#include "support/fuzz_input.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

constexpr std::size_t kPeers = 3;
constexpr std::size_t kQueuedBytesHard = 16'384;
/// One message may be added while there is room.
constexpr std::size_t kQueuedBytesMax = kQueuedBytesHard + 16'384;
constexpr std::string_view kStreams[] = {"acme/a", "acme/b", "acme/c/d", "other/a", "acme/", ""};
constexpr std::string_view kTokens[] = {
    "acme/x", "acme/y", "other/x", "acme/x r=acme/a", "", "*/x"};
constexpr std::string_view kDevices[] = {"one", "two", "three"};

/// Small, so that each limit is met.
SessionOptions small_options() {
    SessionOptions options;
    options.streams_max = 3;
    options.in_flight_max = 4;
    options.needs_max = 2;
    options.queued_bytes_soft = 2'048;
    options.queued_bytes_hard = kQueuedBytesHard;
    options.page_bytes = 512;
    options.page_bytes_first = 128;
    options.read_here_bytes = 256;
    options.page_streams = 2;
    options.coalesce_bytes = 512;
    options.page_cache_bytes = 2'048;
    options.chunks_max = 4;
    options.rates = {.events = {.per_second = 50, .burst = 100}, .bytes = {}};
    return options;
}

/// One connection, and what its reader may expect of it.
class Line {
  public:
    explicit Line(FakeBed& bed) : peer_(bed.connect([this](ByteView payload) { hear(payload); })) {}

    template <class Message>
    void say(Message const& message) {
        bool const was_open = peer_->open();
        auto const taken = peer_->send(message);
        CAPSTAN_INVARIANT(taken || !was_open || !peer_->open() ||
                          peer_->session().ending() != Ending::none);
    }
    /// What it asks for begins anew somewhere.
    void expect_anything() { next_.clear(); }
    /// Ranges come again, between what is new.
    void expect_disorder() { is_orderly_ = false; }
    void check() const {
        CAPSTAN_INVARIANT(!peer_->open() || peer_->session().queued_bytes() <= kQueuedBytesMax);
    }
    SessionBed::Peer& peer() { return *peer_; }

  private:
    void hear(ByteView payload) {
        each_message(payload, [this]<class T>(T const* message) {
            if constexpr (std::is_same_v<T, fb::Events>) {
                auto const [at, is_first] = next_.try_emplace(message->stream(), message->first());
                CAPSTAN_INVARIANT(!is_orderly_ || is_first || message->first() <= at->second);
                CAPSTAN_INVARIANT(message->first() <= message->last());
                at->second = std::max(at->second, message->last() + 1);
            }
        });
    }

    std::map<std::uint32_t, std::uint64_t> next_;  // by handle
    bool is_orderly_ = true;
    std::unique_ptr<SessionBed::Peer> peer_;
};

class Story {
  public:
    explicit Story(FuzzInput input) : input_(input), bed_(small_options()) {
        for (auto& line : lines_) {
            line = std::make_unique<Line>(bed_);
        }
    }

    void run() {
        while (!input_.done()) {
            step(*lines_[input_.below(kPeers)]);
            bed_.run();
            for (auto const& line : lines_) {
                line->check();
            }
        }
        // Everything that was queued is decided, and whoever takes what there is gets it.
        bed_.flush();
        for (auto const& line : lines_) {
            line->peer().waits = false;
            line->peer().take();
        }
    }

  private:
    void step(Line& line) {
        switch (input_.below(16)) {
            case 0:
                reconnect(line);
                break;
            case 1:
                hello(line);
                break;
            case 2:
                subscribe(line);
                break;
            case 3:
                say<fb::UnsubscribeT>(line, [&](auto& m) { m.stream = handle(); });
                break;
            case 4:
            case 5:
                publish(line);
                break;
            case 6:
                line.expect_disorder();
                say<fb::NeedT>(line, [&](auto& m) {
                    m.stream = handle();
                    m.first = input_.number();
                    m.last = input_.number();
                });
                break;
            case 7:
                say<fb::AckT>(line, [&](auto& m) {
                    m.stream = handle();
                    m.generation = input_.number();
                    m.seq = input_.number();
                });
                break;
            case 8:
                say<fb::CreditT>(
                    line, [&](auto& m) { m.bytes = static_cast<std::uint32_t>(input_.number()); });
                break;
            case 9:
                say<fb::HeadT>(line, [&](auto& m) { m.name = input_.one_of(kStreams); });
                break;
            case 10:
                line.say(input_.bytes());
                break;
            case 11:
                of_a_server(line);
                break;
            case 12:
                line.peer().waits = input_.flag();
                line.peer().take(input_.below(4), 64U * input_.byte());
                break;
            case 13:
                bed_.flush(input_.below(8));
                break;
            case 14:
                pass_time();
                break;
            default:
                trouble(line);
        }
    }

    void reconnect(Line& line) {
        auto const at = std::ranges::find_if(lines_, [&](auto& one) { return one.get() == &line; });
        at->reset();
        *at = std::make_unique<Line>(bed_);
    }

    template <class Message, class Fill>
    void say(Line& line, Fill fill) {
        Message message;
        fill(message);
        line.say(message);
    }

    template <class Message>
    void add_cursors(Message& message) {
        for (auto n = input_.below(4); n > 0; --n) {
            auto cursor = std::make_unique<fb::StreamCursorT>();
            cursor->name = input_.one_of(kStreams);
            cursor->generation = input_.flag() ? generation(cursor->name).value : input_.number();
            cursor->seq = input_.number();
            cursor->subscribe = input_.flag();
            cursor->snapshots = input_.flag();
            message.streams.push_back(std::move(cursor));
        }
    }

    void hello(Line& line) {
        line.expect_anything();
        say<fb::HelloT>(line, [&](auto& m) {
            m.version = input_.below(8) == 0 ? input_.byte() : kProtocolVersion;
            m.features = input_.below(8) == 0 ? input_.number() : 0;
            m.device = std::make_unique<fb::Device>(to_wire(device_named(input_.one_of(kDevices))));
            m.token = input_.one_of(kTokens);
            m.credit = static_cast<std::uint32_t>(input_.number() * 64);
            if (input_.flag()) {
                m.patterns.emplace_back("acme/>");
            }
            add_cursors(m);
        });
    }

    void subscribe(Line& line) {
        line.expect_anything();
        say<fb::SubscribeT>(line, [&](auto& m) { add_cursors(m); });
    }

    void publish(Line& line) {
        auto const raw = input_.below(8) == 0;
        auto const run = raw ? Bytes{} : valid_run();
        auto const bytes = raw ? input_.bytes() : ByteView(run);
        MessageWriter::Publish message;
        message.stream = StreamNumber{handle()};
        if (input_.flag()) {
            message.stream = {};
            message.name = input_.one_of(kStreams);
        }
        message.generation = input_.flag() ? generation("acme/a") : Generation{};
        if (input_.below(4) == 0) {
            message.expect_head = Seq{input_.number()};
        }
        message.run = bytes;
        MessageWriter writer;
        writer.add(message);
        line.say(writer.payload());
    }

    /// One that follows what came before, as often as not.
    Bytes valid_run() {
        auto const counter = input_.below(8);
        Attempt const attempt = Attempt::of(static_cast<std::uint32_t>(1 + input_.below(3)), 0);
        Link const after = counter == 0 ? Link{} : Link{Counter{counter}, attempt};
        std::string const event(input_.byte(), 'x');
        std::vector<std::string> const events(1 + input_.below(4), event);
        return run_of(attempt, after, input_.flag() ? kAtHead : Seq{input_.byte()}, events);
    }

    void of_a_server(Line& line) {
        if (input_.flag()) {
            say<fb::WelcomeT>(line, [&](auto& m) { m.version = input_.byte(); });
        } else {
            say<fb::NoticeT>(line, [&](auto& m) { m.closing = input_.flag(); });
        }
    }

    void pass_time() {
        bed_.clock.advance(std::chrono::milliseconds(input_.number() % 100'000));
        bed_.host->on_tick(bed_.clock.now());
    }

    void trouble(Line& line) {
        switch (input_.below(6)) {
            case 0:
                line.peer().close();
                break;
            case 1:
                bed_.partition().turn_away(Error{Errc::storage_full, "full"});
                break;
            case 2:
                bed_.partition().submit_error =
                    input_.flag() ? std::optional(Error{Errc::overloaded, "busy"}) : std::nullopt;
                break;
            case 3:
                bed_.partition().read_error =
                    input_.flag() ? std::optional(Error{Errc::disk_io, "gone"}) : std::nullopt;
                break;
            case 4:
                bed_.partition().load_error =
                    input_.flag() ? std::optional(Error{Errc::disk_io, "gone"}) : std::nullopt;
                break;
            default:
                bed_.host->drain();
        }
    }

    std::uint32_t handle() { return static_cast<std::uint32_t>(input_.below(5)); }
    static Generation generation(std::string_view name) {
        return generation_of(Lineage{1}, name, Edition{1});
    }

    FuzzInput input_;
    FakeBed bed_;
    std::unique_ptr<Line> lines_[kPeers];
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    Story(FuzzInput(data, size)).run();
    return 0;
}
