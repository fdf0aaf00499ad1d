// A test of an application, without a server to start, without waiting: two phones share a list.
// One is offline for a month, the server loses power meanwhile, and nothing may be missing.
#include <capstan/testing.hpp>
#include <chrono>
#include <iostream>

using namespace capstan;
using namespace std::chrono_literals;

namespace {

bool add_item(ModelStream& list, std::string const& id, std::string const& text) {
    return list.mutate([&](auto& m) { m.insert("Item", id, {{"text", text}}); }).has_value();
}

bool holds(ModelStream const& list, std::string const& id) {
    return list.get(id).has_value();
}

/// Empty if all is well.
std::string run(std::uint64_t seed) {
    testing::World world({.seed = seed});
    auto& anna = world.add_device("anna");
    auto& bob = world.add_device("bob");
    auto annas = anna.client().model("demo/list").value();
    auto bobs = bob.client().model("demo/list").value();

    add_item(annas, "1", "milk");
    if (!world.run_until([&] { return holds(bobs, "1"); })) {
        return "bob does not hear of the milk";
    }
    bob.offline(30 * 24h);
    add_item(bobs, "2", "bread");  // visible to bob, known to nobody else
    world.server().lose_power();
    add_item(annas, "3", "tea");
    world.run_for(1h);
    world.server().start();
    world.run_for(29 * 24h);
    if (!holds(bobs, "2") || holds(annas, "2")) {
        return "bob is not offline";
    }
    if (!world.settle()) {
        return world.what_is_left();
    }
    bool const complete = holds(annas, "2") && holds(bobs, "3");
    bool const same = annas.state_hash() == bobs.state_hash() &&
                      annas.state_hash() == world.server().model("demo/list").state_hash();
    return complete && same ? "" : "the lists differ";
}

}  // namespace

int main() {
    auto const first = testing::seed_or(1);
    for (auto seed = first; seed < first + 20; ++seed) {
        if (auto const wrong = run(seed); !wrong.empty()) {
            std::cerr << wrong << "; again with CAPSTAN_TESTING_SEED=" << seed << '\n';
            return 1;
        }
    }
    std::cout << "20 months, two phones, one list\n";
}
