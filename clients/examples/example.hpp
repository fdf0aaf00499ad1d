// What the examples share: a device from the command line, and a way to stop when something is not
// as it should be.
#pragma once
#include <algorithm>
#include <capstan/sdk.hpp>
#include <chrono>
#include <cstdlib>
#include <future>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>

namespace example {

inline constexpr auto kPatience = std::chrono::seconds(20);

[[noreturn]] inline void give_up(std::string const& why) {
    std::cerr << why << '\n';
    std::exit(1);
}

/// The value, or the end of the program with the reason.
template <class T>
T must(capstan::Result<T>&& result) {
    if (!result) {
        give_up(to_string(result.error()));
    }
    return std::move(result).value();
}
inline void must(capstan::Result<>&& result) {
    if (!result) {
        give_up(to_string(result.error()));
    }
}

/// Where the server is. A device that is given nothing else is offline.
struct Server {
    std::string url;
    std::string token;

    static Server from(int argc, char** argv) {
        if (argc != 3) {
            give_up(std::string("usage: ") + argv[0] + " URL TOKEN_FILE");
        }
        return {argv[1], must(capstan::token_file(argv[2]))};
    }
    /// This stream if there is none yet, else one of this run alone: an example can be run again.
    std::string unused(std::string const& stream) const {
        auto const found =
            must(capstan::inquire({.url = url, .token = token, .streams = {stream}}));
        auto const exists = [](capstan::StreamSummary const& each) { return each.exists(); };
        return std::ranges::none_of(found, exists)
                   ? stream
                   : stream + "/" + std::to_string(std::random_device()());
    }
    static Server unreachable() { return {"http://127.0.0.1:1", {}}; }
};

/// Ends the program where waiting is in vain: somebody has to mend the token first.
inline capstan::ClientHandlers watch() {
    return {.on_status = [](capstan::Status status, capstan::Error const& why) {
        if (status == capstan::Status::needs_auth || status == capstan::Status::blocked) {
            std::cerr << to_string(why) << '\n';
            std::quick_exit(1);  // on the runtime's thread, while others wait
        }
    }};
}

/// One device: a client with a model of one stream. Many share a thread.
struct Device {
    capstan::Client client;
    capstan::ModelStream model;

    Device(Server const& server,
           std::shared_ptr<capstan::Runtime> const& runtime,
           std::string const& stream,
           std::string const& store = {})
        : client(must(capstan::Client::open(
              {.url = server.url, .token = server.token, .store = store, .runtime = runtime},
              watch()))),
          model(must(client.model(stream))) {}
};

/// Says one thing and waits until the server has it. The answer is where it stands.
inline capstan::Seq say(capstan::ModelStream& model, capstan::ModelStream::Say const& what) {
    auto write = must(model.mutate(what));
    if (write.confirmed.wait_for(kPatience) != std::future_status::ready) {
        give_up("no answer from the server");
    }
    return must(write.confirmed.get()).last;
}

/// Waits until nothing is on its way, and both show the same.
inline void settle(capstan::ModelStream const& one, capstan::ModelStream const& other) {
    auto const is_settled = [&] {
        return one.status().model.pending == 0 && other.status().model.pending == 0 &&
               one.status().model.applied == other.status().model.applied &&
               one.state_hash() == other.state_hash();
    };
    for (auto waited = std::chrono::milliseconds(0); !is_settled();
         waited += std::chrono::milliseconds(5)) {
        if (waited > kPatience) {
            give_up("two devices do not come together");
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

}  // namespace example
