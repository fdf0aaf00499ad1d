// A to-do list on two devices. Both work on it while one of them is away; afterwards both show the
// same list, in the order in which their authors saw things.
#include <filesystem>

#include "example.hpp"

using namespace example;

namespace {

constexpr char kStore[] = "todo.capstan";

void add_task(capstan::MutationBuilder& m, std::string const& id, std::string const& title) {
    m.insert("Task", id, {{"title", title}, {"done", false}});
}

void show(std::string const& who, capstan::ModelStream const& list) {
    std::cout << who << ":\n";
    for (auto const& task : list.query("Task").order_by(capstan::causal).get()) {
        std::cout << (task.get<bool>("done").value_or(false) ? "  [x] " : "  [ ] ")
                  << task.text("title") << '\n';
    }
}

}  // namespace

int main(int argc, char** argv) {
    auto const server = Server::from(argc, argv);
    auto const list = server.unused("demo/todo");
    auto const runtime = capstan::Runtime::start();
    std::filesystem::remove_all(kStore);

    Device laptop(server, runtime, list);
    say(laptop.model, [](auto& m) { add_task(m, "milk", "buy milk"); });
    auto const seq = say(laptop.model, [](auto& m) { add_task(m, "roof", "mend the roof"); });
    {
        Device phone(server, runtime, list, kStore);
        must(phone.model.wait_for(seq, kPatience));
    }
    {
        // On the train: everything works, and is kept.
        Device phone(Server::unreachable(), runtime, list, kStore);
        must(phone.model.mutate([](auto& m) { m.set("milk", "done", true); }));
        must(phone.model.mutate([](auto& m) { add_task(m, "tea", "buy tea"); }));
        must(phone.model.mutate([](auto& m) { m.set("roof", "title", "call the roofer"); }));
        show("phone, on the train", phone.model);
    }
    // Meanwhile at home. The list is given as it should be; only what differs is sent.
    auto roof = laptop.model.get("roof")->value;
    roof.fields["due"] = capstan::Value{std::string("friday")};
    must(laptop.model.assign("roof", roof));
    say(laptop.model, [](auto& m) { add_task(m, "cat", "feed the cat"); });

    Device phone(server, runtime, list, kStore);
    settle(laptop.model, phone.model);
    show("laptop", laptop.model);
    show("phone", phone.model);
    auto const open = phone.model.query("Task").where("done", false).order_by("title").get();
    std::cout << open.size() << " to do, the first: " << open.front().text("title") << ", due "
              << phone.model.get("roof")->text("due") << '\n';
}
