// A recorded session of two people who typed at the same time, from its explicit commit graph.
#include <boost/test/unit_test.hpp>
#include <capstan/engine/causality/happened_before.hpp>
#include <capstan/engine/causality/version_vector.hpp>
#include <capstan/importers/line_source.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "support/needs.hpp"

namespace {

using namespace capstan;

DeviceId device_of(std::size_t agent) {
    DeviceId id;
    id.bytes[0] = static_cast<std::byte>(agent + 1);
    return id;
}

struct Session {
    std::vector<std::vector<CausalStamp>> by_agent;  // in counter order
    std::vector<VersionVector> pasts;                // by seq - 1, itself included
};

/// The seq of an event is its place in the file; p is the last event of someone else in its past.
Session load_session(nlohmann::json const& trace) {
    Session session;
    session.by_agent.resize(trace["numAgents"].get<std::size_t>());
    for (auto const& txn : trace["txns"]) {
        auto const agent = txn["agent"].get<std::size_t>();
        VersionVector past;
        for (auto const& parent : txn["parents"]) {
            past.merge(session.pasts.at(parent.get<std::size_t>()));
        }
        CausalStamp stamp;
        stamp.seq = Seq{session.pasts.size() + 1};
        stamp.dot = Dot{device_of(agent), Counter{session.by_agent[agent].size() + 1}};
        for (std::size_t other = 0; other < session.by_agent.size(); ++other) {
            auto const seen = past.at(device_of(other)).value;
            if (other != agent && seen > 0) {
                stamp.preceding_seq =
                    std::max(stamp.preceding_seq, session.by_agent[other][seen - 1].seq);
            }
        }
        past.raise(stamp.dot);
        session.by_agent[agent].push_back(stamp);
        session.pasts.push_back(std::move(past));
    }
    return session;
}

}  // namespace

BOOST_AUTO_TEST_CASE(two_integers_hold_the_past_of_a_recorded_live_session,
                     *capstan::test::needs_environment("CAPSTAN_DATA",
                                                       "export CAPSTAN_DATA=<folder of traces>")) {
    auto const session = load_session(nlohmann::json::parse(
        importers::read_text_file(std::string(std::getenv("CAPSTAN_DATA")) +
                                  "/editing-traces/concurrent/friendsforever.json.gz")
            .value()));
    BOOST_TEST(session.pasts.size() == 26'078U);

    // happened_before(a, b) only falls along the counters of a's author, as does the vector. So the
    // two agree on all pairs if they do on both sides of the step.
    std::size_t wrong = 0;
    for (auto const& own : session.by_agent) {
        for (auto const& b : own) {
            auto const& past = session.pasts[b.seq.value - 1];
            for (auto const& others : session.by_agent) {
                auto const seen = past.at(others.front().dot.device).value;
                if (seen > 0 && others[seen - 1].dot != b.dot) {
                    wrong += !happened_before(others[seen - 1], b);
                }
                if (seen < others.size()) {
                    wrong += happened_before(others[seen], b);
                }
            }
        }
    }
    BOOST_TEST(wrong == 0U);
}
