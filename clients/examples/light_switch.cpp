// A lamp and five switches. Whoever flips one sees the lamp change at once, and so do the others.
// The fifth device has no network when it is used: what it did arrives once it has one.
#include <filesystem>
#include <vector>

#include "example.hpp"

using namespace example;

namespace {

constexpr char kStore[] = "light_switch.capstan";

bool is_on(capstan::ModelStream const& home) {
    auto const lamp = home.get("lamp");
    return lamp && lamp->get<bool>("on").value_or(false);
}

void flip(capstan::MutationBuilder& m) {
    auto const now = m.view().value("lamp", "on");
    m.set("lamp", "on", now != capstan::Value{true});
    m.add("lamp", "flips", 1);
}

/// The fifth device flips its switch in the cellar, and its program ends there.
void flip_in_the_cellar(std::string const& home) {
    Device cellar(Server::unreachable(), capstan::Runtime::start(), home, kStore);
    bool const before = is_on(cellar.model);
    must(cellar.model.mutate(flip));
    std::cout << "cellar: " << (is_on(cellar.model) != before ? "flipped" : "stuck")
              << ", nobody else knows\n";
}

}  // namespace

int main(int argc, char** argv) {
    auto const server = Server::from(argc, argv);
    auto const home = server.unused("demo/light-switch");
    auto const runtime = capstan::Runtime::start();
    std::filesystem::remove_all(kStore);

    std::vector<std::unique_ptr<Device>> switches;
    for (int n = 1; n <= 4; ++n) {
        switches.push_back(std::make_unique<Device>(server, runtime, home));
    }
    auto const installed = say(switches[0]->model, [](auto& m) {
        m.insert("Lamp", "lamp", {{"on", false}});
    });
    {
        Device fifth(server, runtime, home, kStore);
        must(fifth.model.wait_for(installed, kPatience));
    }
    flip_in_the_cellar(home);

    switches[0]->model.observe([](capstan::Change const& change) {
        if (change.field == "on") {
            std::cout << "hall: the lamp is "
                      << (change.after == capstan::Value{true} ? "on" : "off") << '\n';
        }
    });
    for (auto const& each : switches) {
        must(each->model.wait_for(installed, kPatience));
        auto const seq = say(each->model, flip);
        for (auto const& other : switches) {
            must(other->model.wait_for(seq, kPatience));
        }
    }

    // The fifth one comes up the stairs: the same store, and a network.
    Device fifth(server, runtime, home, kStore);
    while (switches[0]->model.get("lamp")->number("flips") < 5) {
        must(switches[0]->model.wait_for(
            capstan::Seq{switches[0]->model.status().model.applied.value + 1}, kPatience));
    }
    auto const head = switches[0]->model.status().model.applied;
    must(fifth.model.wait_for(head, kPatience));
    for (auto const& each : switches) {
        must(each->model.wait_for(head, kPatience));
        if (each->model.state_hash() != fifth.model.state_hash()) {
            give_up("two switches disagree about the lamp");
        }
    }
    std::cout << "five switches, " << fifth.model.get("lamp")->number("flips")
              << " flips, one lamp\n";
}
