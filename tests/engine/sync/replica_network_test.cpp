// Random networks of devices with models: partitions, crashes, refusals, lost answers, restored
// images and servers (F21, F22, F23). At every moment what was told is what is seen; at every
// opening the model is what the cursor says; in the end all devices agree with the tape, and every
// write counts once.
#include "replica_network.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdlib>

namespace {

using namespace capstan::test;

NetworkOptions const kKinds[] = {
    {.name = "partitions and crashes"},
    {.name = "a close merge mark", .grace = 4},
    {.name = "an old image", .images = true, .moody = false},
    {.name = "an old image, moody gateways, a close merge mark", .images = true, .grace = 8},
    {.name = "a restored server", .backups = true, .grace = 16},
    {.name = "undo and redo", .undoes = true},
    {.name = "resolvers", .moody = false, .resolves = true},
};

/// CAPSTAN_HISTORIES=100000 looks further than the daily run.
std::uint64_t histories() {
    char const* const value = std::getenv("CAPSTAN_HISTORIES");
    return value == nullptr ? 40 : std::strtoull(value, nullptr, 10);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(replica_networks)

BOOST_AUTO_TEST_CASE(devices_converge_with_the_tape_and_every_write_counts_once) {
    std::map<std::string, std::uint64_t> counts;
    for (auto const& options : kKinds) {
        for (std::uint64_t seed = 1; seed <= histories(); ++seed) {
            ReplicaNetwork network(seed, options);
            auto const wrong = network.run();
            BOOST_TEST(wrong.empty(), options.name << ", seed " << seed << ": " << wrong);
            if (!wrong.empty()) {
                break;
            }
            for (auto const& [what, times] : network.counts()) {
                counts[what] += times;
            }
        }
    }
    // The networks go where they should.
    for (char const* what : {"models reopened",
                             "refused",
                             "recoveries",
                             "histories lost",
                             "steps taken back or again",
                             "disputes decided",
                             "snapshots",
                             "snapshots below pending writes",
                             "folded deltas",
                             "folded deltas below pending writes",
                             "downloads resumed",
                             "stale snapshots offered",
                             "chunks damaged",
                             "chunks lost",
                             "chunks forgotten"}) {
        BOOST_TEST(counts[what] > 0U, what);
    }
    for (auto const& [what, times] : counts) {
        BOOST_TEST_MESSAGE(what << ": " << times);
    }
}

BOOST_AUTO_TEST_SUITE_END()
