#include <capstan/sdk.hpp>
#include <iostream>

/// Says hi in a room, once for each device, and shows what everybody said.
capstan::Result<> hello(std::string const& url, std::string const& token_file) {
    CAPSTAN_TRY(auto token, capstan::token_file(token_file));
    auto const complain = [](capstan::Status status, capstan::Error const& why) {
        if (status == capstan::Status::offline || status == capstan::Status::needs_auth) {
            std::cerr << to_string(why) << '\n';
        }
    };
    CAPSTAN_TRY(auto client,
                capstan::Client::open({.url = url, .token = token, .store = "hello.capstan"},
                                      {.on_status = complain}));
    CAPSTAN_TRY(auto room, client.model("demo/room/1"));
    auto const me = to_string(client.device());
    if (!room.get(me)) {
        CAPSTAN_TRY(auto sent, room.mutate([&](auto& m) {
            m.insert("Message", me, {{"text", "hi"}});
        }));
        if (sent.confirmed.wait_for(std::chrono::seconds(10)) != std::future_status::ready) {
            return capstan::Error{capstan::Errc::timed_out, "it is stored, and sent next time"};
        }
        CAPSTAN_TRY(sent.confirmed.get());
    }
    for (auto const& message : room.query("Message").order_by(capstan::causal).get()) {
        std::cout << message.text("text") << '\n';
    }
    return capstan::success();
}

int main(int argc, char** argv) {
    auto const done = argc == 3 ? hello(argv[1], argv[2])
                                : capstan::Error{capstan::Errc::usage, "hello URL TOKEN_FILE"};
    if (!done) {
        std::cerr << to_string(done.error()) << '\n';
    }
    return done ? 0 : 1;
}
