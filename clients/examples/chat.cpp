// A chat. Messages are shown in the order in which people saw them when they wrote: what somebody
// wrote without a network stays together, where it was written, and no clock is asked.
#include <filesystem>

#include "example.hpp"

using namespace example;

namespace {

constexpr char kStore[] = "chat.capstan";

capstan::ModelStream::Say message(std::string id, std::string who, std::string text) {
    return [=](capstan::MutationBuilder& m) {
        m.insert("Message", id, {{"by", who}, {"text", text}});
    };
}

}  // namespace

int main(int argc, char** argv) {
    auto const server = Server::from(argc, argv);
    auto const room = server.unused("demo/chat");
    auto const runtime = capstan::Runtime::start();
    std::filesystem::remove_all(kStore);

    Device anna(server, runtime, room);
    anna.model.observe([](capstan::Change const& change) {
        if (change.field == "text" && !change.before) {
            std::cout << "anna reads: " << std::get<std::string>(*change.after) << '\n';
        }
    });
    auto const hello = say(anna.model, message("a1", "anna", "lunch at twelve?"));
    {
        Device bob(server, runtime, room, kStore);
        must(bob.model.wait_for(hello, kPatience));
    }
    {
        Device bob(Server::unreachable(), runtime, room, kStore);
        must(bob.model.mutate(message("b1", "bob", "yes")));
        must(bob.model.mutate(message("b2", "bob", "where?")));
    }
    say(anna.model, message("a2", "anna", "bob? are you there?"));

    Device bob(server, runtime, room, kStore);
    settle(anna.model, bob.model);
    say(anna.model, message("a3", "anna", "at the harbour"));

    std::cout << "the room:\n";
    for (auto const& each :
         anna.model.query("Message").order_by(capstan::causal, capstan::asc).limit(50).get()) {
        std::cout << "  " << each.text("by") << ": " << each.text("text") << '\n';
    }
    auto const newest =
        anna.model.query("Message").order_by(capstan::causal, capstan::desc).limit(1).get();
    std::cout << "newest: " << newest.front().text("text") << '\n';
}
