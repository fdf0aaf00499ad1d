#include <capstan/engine/snapshot/packing.hpp>
#include <capstan/sdk/client.hpp>
#include <capstan/sdk/model_stream.hpp>
#include <capstan/sdk/server_url.hpp>
#include <fstream>
#include <utility>

#include "loop_calls.hpp"
#include "shell.hpp"

namespace capstan {

Result<std::string> token_file(std::string const& path) {
    std::ifstream file(path);
    std::string token;
    if (!std::getline(file, token)) {
        return Error{Errc::disk_io, "no token in " + path};
    }
    return token;
}

void Stream::publish(std::vector<Bytes> events, PublishOptions options, OnWrite on_write) const {
    go(*runtime_,
       [stream = *this,
        events = std::move(events),
        options,
        on_write = std::move(on_write)]() mutable {
           if (auto const shell = stream.shell_.lock()) {
               shell->publish(stream.name_, std::move(events), options, std::move(on_write));
           } else if (on_write) {
               on_write({.state = WriteState::refused,
                         .error = Error{Errc::cancelled, "the client was closed"}});
           }
       });
}

std::future<Result<Published>> Stream::publish(std::vector<Event> const& events,
                                               PublishOptions options) const {
    std::vector<Bytes> encoded;
    encoded.reserve(events.size());
    for (auto const& event : events) {
        encoded.push_back(encode_event(event));
    }
    auto const outcome = std::make_shared<Outcome>();
    auto future = outcome->future();
    publish(std::move(encoded), options, [outcome](WriteUpdate const& update) {
        outcome->on_write(update);
    });
    return future;
}

void Stream::subscribe(ReadFrom from, SubscriptionHandlers handlers) const {
    go(*runtime_, [stream = *this, from, handlers = std::move(handlers)]() mutable {
        if (auto const shell = stream.shell_.lock()) {
            shell->subscribe(stream.name_, from, std::move(handlers));
        } else if (handlers.on_error) {
            handlers.on_error({Errc::cancelled, "the client was closed"});
        }
    });
}

void Stream::unsubscribe() const {
    go(*runtime_, [stream = *this] {
        if (auto const shell = stream.shell_.lock()) {
            shell->unsubscribe(stream.name_);
        }
    });
}

void Stream::consumed(Seq seq) const {
    go(*runtime_, [stream = *this, seq] {
        if (auto const shell = stream.shell_.lock()) {
            shell->consumed(stream.name_, seq);
        }
    });
}

struct Client::Parts {
    /// Goes on the loop, after the last call of the shell.
    struct Inner {
        std::unique_ptr<Executor> disk;  // outlives the shell
        std::shared_ptr<Shell> shell;
    };
    std::shared_ptr<Runtime> runtime;
    std::unique_ptr<Inner> inner;

    /// Ready when the shell is gone; at once where it already is.
    std::future<void> stop() {
        auto const stopped = std::make_shared<std::promise<void>>();
        auto done = stopped->get_future();
        if (!inner) {
            stopped->set_value();
            return done;
        }
        auto const kept = runtime->world().is_on_loop() ? runtime : nullptr;
        auto* const shell = inner->shell.get();
        Task finish([inner = std::move(inner), stopped, kept]() mutable {
            inner.reset();
            stopped->set_value();
        });
        runtime->world().loop().post(
            [shell, finish = std::move(finish)]() mutable { shell->stop(std::move(finish)); });
        return done;
    }
    ~Parts() {
        auto const done = stop();
        if (!runtime->world().is_on_loop()) {
            done.wait();
        }
    }
};

Client::Client(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

std::future<void> Client::stop() && {
    return parts_->stop();
}

Result<Client> Client::open(ClientOptions options, ClientHandlers handlers) {
    CAPSTAN_TRY(auto servers, ServerAddresses::parse(options.url));
    auto store = std::move(options.custom_store);
    if (!store && options.store.empty()) {
        store = make_memory_store();
    } else if (!store) {
        CAPSTAN_TRY(store, open_disk_store(options.store));
    }
    auto parts = std::make_unique<Parts>();
    parts->runtime = options.runtime ? std::move(options.runtime) : Runtime::start();
    auto inner = std::make_unique<Parts::Inner>();
    if (store->blocks()) {
        inner->disk = parts->runtime->world().start_disk();
    }
    auto& world = parts->runtime->world();
    CAPSTAN_TRY(auto* const transport, world.transport(servers.url(), options.ca_file));
    ShellSeams const seams{
        world.loop(), inner->disk.get(), world.clock(), world.random(), *transport};
    ServerAccess access{
        std::move(servers), std::move(options.url), options.token, std::move(options.ca_file)};
    sync::ClientOptions core{.token = std::move(options.token),
                             .agent = std::move(options.agent),
                             .credit_bytes = options.credit_bytes,
                             .outbox_bytes_max = options.outbox_bytes_max};
    if (options.snapshots) {
        core.chunks = {.id = chunk_id, .unpack = unpack_chunk};
    }
    // The random numbers belong to the loop.
    auto shell = ask(*parts->runtime, [&] {
        return Shell::open(
            seams, std::move(access), std::move(core), std::move(store), std::move(handlers));
    });
    CAPSTAN_TRY(inner->shell, std::move(shell));
    world.loop().post([started = inner->shell] { started->start(); });
    parts->inner = std::move(inner);
    return Client(std::move(parts));
}

Result<Stream> Client::stream(std::string_view name) const {
    CAPSTAN_TRY(auto parsed, StreamName::parse(name));
    return stream(std::move(parsed));
}

Stream Client::stream(StreamName name) const {
    return Stream(std::move(name), parts_->inner->shell, parts_->runtime);
}

Result<ModelStream> Client::model(std::string_view name) const {
    CAPSTAN_TRY(auto stream, StreamName::parse(name));
    auto const& shell = parts_->inner->shell;
    CAPSTAN_TRY(ask(*parts_->runtime, [&] { return shell->open_model(stream); }));
    return ModelStream(std::move(stream), shell, parts_->runtime);
}

DeviceId Client::device() const {
    return ask(*parts_->runtime, [&] { return parts_->inner->shell->device(); });
}

Status Client::status() const {
    return ask(*parts_->runtime, [&] { return parts_->inner->shell->status(); });
}

std::string Client::transitions() const {
    return ask(*parts_->runtime, [&] { return parts_->inner->shell->transitions(); });
}

void Client::set_token(std::string token) {
    parts_->runtime->world().loop().post(
        [shell = parts_->inner->shell, token = std::move(token)]() mutable {
            shell->set_token(std::move(token));
        });
}

void Client::retry() {
    parts_->runtime->world().loop().post([shell = parts_->inner->shell] { shell->retry(); });
}

std::shared_ptr<Runtime> const& Client::runtime() const {
    return parts_->runtime;
}

}  // namespace capstan
