// Two accounts and four tellers who all move money at the same time. A guard makes each transfer
// depend on what its teller saw: nothing is ever spent twice, and no balance falls below zero.
#include <atomic>
#include <thread>
#include <vector>

#include "example.hpp"

using namespace example;

namespace {

constexpr std::int64_t kMoney = 100;
constexpr std::int64_t kAmount = 30;

/// Moves money if there is enough: tries again from what is there after somebody else was faster.
/// True if it moved.
bool transfer(capstan::ModelStream& bank, std::atomic<int>& conflicts) {
    for (;;) {
        bool enough = false;
        auto write = bank.mutate_if_unchanged([&](capstan::MutationBuilder& m) {
            enough = m.view().counter("alice", "balance") >= kAmount;
            if (enough) {
                m.add("alice", "balance", -kAmount);
                m.add("bob", "balance", kAmount);
            }
        });
        if (!enough && bank.status().model.pending == 0) {
            return false;
        }
        auto const result = write ? write.value().confirmed.get()
                                  : capstan::Result<capstan::Published>(write.error());
        if (result) {
            must(bank.wait_for(result.value().last, kPatience));
            return true;
        }
        if (result.error().code == capstan::Errc::position_conflict) {
            ++conflicts;
        } else if (result.error().code != capstan::Errc::not_ready) {
            give_up(to_string(result.error()));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

}  // namespace

int main(int argc, char** argv) {
    auto const server = Server::from(argc, argv);
    auto const bank = server.unused("demo/bank");
    auto const runtime = capstan::Runtime::start();

    Device manager(server, runtime, bank);
    std::atomic<bool> overdrawn = false;
    manager.model.observe([&](capstan::Change const& change) {
        auto const* const balance =
            change.after ? std::get_if<std::int64_t>(&*change.after) : nullptr;
        overdrawn = overdrawn || (balance != nullptr && *balance < 0);
    });
    auto const opened = say(manager.model, [](auto& m) {
        m.insert("Account", "alice");
        m.insert("Account", "bob");
        m.add("alice", "balance", kMoney);
    });

    std::atomic<int> moved = 0;
    std::atomic<int> conflicts = 0;
    std::vector<std::thread> tellers;
    for (int n = 0; n < 4; ++n) {
        tellers.emplace_back([&] {
            Device teller(server, runtime, bank);
            must(teller.model.wait_for(opened, kPatience));
            while (transfer(teller.model, conflicts)) {
                ++moved;
            }
        });
    }
    for (auto& teller : tellers) {
        teller.join();
    }
    must(manager.model.wait_for(
        capstan::Seq{opened.value + static_cast<std::uint64_t>(moved.load())}, kPatience));
    auto const alice = manager.model.get("alice")->number("balance");
    auto const bob = manager.model.get("bob")->number("balance");
    std::cout << moved << " transfers, alice has " << alice << ", bob has " << bob << '\n';
    std::cerr << conflicts << " came too late and were tried again\n";
    if (overdrawn || alice < 0 || alice + bob != kMoney || alice >= kAmount) {
        give_up("money was made or lost");
    }
}
