#include <capstan/sdk.hpp>
#include <iostream>

int main(int, char** argv) {  // hello URL TOKEN_FILE
    auto client = capstan::Client::open(
        {.url = argv[1], .token = capstan::token_file(argv[2]).value(), .store = "hello.capstan"});
    auto room = client.value().model("demo/room/1").value();
    auto sent = room.mutate([](auto& m) { m.insert("Message", "m1", {{"text", "hi"}}); });
    if (sent && sent.value().confirmed.get()) {
        for (auto const& message : room.query("Message").order_by(capstan::causal).get()) {
            std::cout << message.text("text") << '\n';
        }
    }
}
