#include <capstan/schema/wire.hpp>
#include <capstan/sdk/inquiry.hpp>
#include <capstan/sdk/runtime.hpp>
#include <capstan/sdk/server_url.hpp>
#include <future>
#include <utility>

namespace capstan {
namespace {

StreamSummary summary_from(fb::StreamState const& state) {
    StreamSummary summary;
    summary.name = state.name()->str();
    summary.generation = Generation{state.generation()};
    summary.head = Seq{state.head()};
    summary.chain = from_wire(state.chain());
    summary.mark = Seq{state.mark()};
    summary.events = state.events();
    summary.bytes = state.bytes();
    if (state.verdict() == fb::Verdict::denied) {
        auto const* known = find_error(state.code());
        summary.denied = Error{known == nullptr ? Errc::denied : known->code, summary.name};
    }
    return summary;
}

Error error_from(fb::Notice const& notice) {
    auto const* known = find_error(notice.code());
    return Error{known == nullptr ? Errc::connection_closed : known->code,
                 notice.detail() == nullptr ? std::string() : notice.detail()->str()};
}

Bytes hello_of(InquiryOptions const& options, Random& random) {
    fb::HelloT hello;
    DeviceId device;
    random.fill(device.bytes);
    hello.version = kProtocolVersion;
    hello.device = std::make_unique<fb::Device>(to_wire(device));
    hello.token = options.token;
    hello.agent = "capstan-inquiry";
    hello.patterns = options.patterns;
    for (auto const& name : options.streams) {
        auto cursor = std::make_unique<fb::StreamCursorT>();
        cursor->name = name;
        cursor->subscribe = false;
        hello.streams.push_back(std::move(cursor));
    }
    MessageWriter writer;
    writer.add(hello);
    return writer.take();
}

}  // namespace

class Inquiry::Asking final : public ConnectionEvents, public std::enable_shared_from_this<Asking> {
  public:
    Asking(Runtime& runtime, InquiryOptions options, InquiryHandlers handlers)
        : world_(runtime.world()), options_(std::move(options)), handlers_(std::move(handlers)) {}

    void start() {
        if (handlers_.on_end) {
            if (auto const found = find_servers(); !found) {
                return finish(found.error());
            }
            connect();
            timer_ = world_.loop().after(options_.timeout, [this] {
                finish(Error{Errc::timed_out, "no answer from " + options_.url});
            });
        }
    }
    /// Nobody is told any more.
    void forget() {
        handlers_ = {};
        timer_.reset();
        connection_.reset();
    }

    void on_open() override {
        was_open_ = true;
        connection_->send(hello_of(options_, world_.random()));
    }
    void on_message(ByteView bytes) override {
        MessageReader reader(bytes);
        for (;;) {
            auto const message = reader.next();
            if (!message) {
                return finish(message.error());
            }
            if (!message.value()) {
                return;
            }
            if (auto const* welcome = std::get_if<fb::Welcome const*>(&*message.value())) {
                on_welcome(**welcome);
            } else if (auto const* notice = std::get_if<fb::Notice const*>(&*message.value());
                       notice != nullptr && (*notice)->closing()) {
                return finish(error_from(**notice));
            }
        }
    }
    void on_close(Error const& why) override {
        if (was_open_ || ++tries_ >= servers_->count()) {
            return finish(why);
        }
        servers_->next();
        world_.loop().post([asking = shared_from_this()] { asking->connect(); });
    }

  private:
    Result<> find_servers() {
        CAPSTAN_TRY(servers_, ServerAddresses::parse(options_.url));
        CAPSTAN_TRY(transport_, world_.transport(servers_->url(), options_.ca_file));
        return success();
    }

    /// To the node whose turn it is.
    void connect() {
        if (handlers_.on_end) {
            connection_ = transport_->open(servers_->text(), *this);
        }
    }

    void on_welcome(fb::Welcome const& welcome) {
        if (welcome.streams() != nullptr && handlers_.on_stream) {
            for (auto const* state : *welcome.streams()) {
                handlers_.on_stream(summary_from(*state));
            }
        }
        if (welcome.more() || std::exchange(listed_, true)) {
            return;
        }
        timer_.reset();
        if (handlers_.on_listed) {
            handlers_.on_listed();
        }
        if (!options_.follow) {
            finish(std::nullopt);
        }
    }

    void finish(std::optional<Error> const& why) {
        timer_.reset();
        auto const handlers = std::exchange(handlers_, {});
        if (connection_) {
            // It may be what calls: it goes with the next turn of the loop.
            connection_->close();
            world_.loop().post([asking = shared_from_this()] { asking->connection_.reset(); });
        }
        if (handlers.on_end) {
            handlers.on_end(why);
        }
    }

    RuntimeWorld& world_;
    InquiryOptions options_;
    InquiryHandlers handlers_;
    std::optional<ServerAddresses> servers_;
    Transport* transport_ = nullptr;
    std::size_t tries_ = 0;  // that failed
    bool was_open_ = false;
    std::unique_ptr<Connection> connection_;
    std::unique_ptr<Timer> timer_;
    bool listed_ = false;
};

Inquiry::Inquiry(std::shared_ptr<Asking> asking, std::shared_ptr<Runtime> runtime)
    : asking_(std::move(asking)), runtime_(std::move(runtime)) {}

Inquiry Inquiry::start(InquiryOptions options, InquiryHandlers handlers) {
    auto runtime = options.runtime ? options.runtime : Runtime::start();
    options.runtime.reset();
    auto const asking = std::make_shared<Asking>(*runtime, std::move(options), std::move(handlers));
    runtime->world().loop().post([asking] { asking->start(); });
    return Inquiry(asking, std::move(runtime));
}

Inquiry::Inquiry(Inquiry&&) noexcept = default;

Inquiry& Inquiry::operator=(Inquiry&& other) noexcept {
    end();
    asking_ = std::move(other.asking_);
    runtime_ = std::move(other.runtime_);
    return *this;
}

Inquiry::~Inquiry() {
    end();
}

void Inquiry::end() {
    if (!asking_) {
        return;
    }
    auto& world = runtime_->world();
    if (world.is_on_loop()) {
        asking_->forget();
        return;
    }
    auto const forgotten = std::make_shared<std::promise<void>>();
    auto const done = forgotten->get_future();
    world.loop().post([asking = std::move(asking_), forgotten]() mutable {
        asking->forget();
        asking.reset();
        forgotten->set_value();
    });
    done.wait();
}

Result<std::vector<StreamSummary>> inquire(InquiryOptions options) {
    struct Answer {
        std::vector<StreamSummary> streams;
        std::promise<std::optional<Error>> end;
    };
    auto const answer = std::make_shared<Answer>();
    auto ended = answer->end.get_future();
    options.follow = false;
    auto const inquiry = Inquiry::start(
        std::move(options),
        {.on_stream =
             [answer](StreamSummary&& stream) { answer->streams.push_back(std::move(stream)); },
         .on_end = [answer](std::optional<Error> const& why) { answer->end.set_value(why); }});
    if (auto const why = ended.get()) {
        return *why;
    }
    return std::move(answer->streams);
}

}  // namespace capstan
