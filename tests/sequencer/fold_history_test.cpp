// The dedupe and refusal rules, by random histories; see history.hpp.
#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "history.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;
using fold_internal::AllRules;

struct WithoutHalt : AllRules {
    static constexpr bool halted_attempts_stay_halted = false;
};
struct WithoutAttemptInAfter : AllRules {
    static constexpr bool after_names_the_attempt = false;
};
struct WithoutOlderAttempts : AllRules {
    static constexpr bool older_attempts_are_settled = false;
};

/// CAPSTAN_HISTORIES=100000 looks further than the daily run.
std::uint64_t histories() {
    char const* const value = std::getenv("CAPSTAN_HISTORIES");
    return value == nullptr ? 500 : std::strtoull(value, nullptr, 10);
}

HistoryOptions const kKinds[] = {
    {.devices = 1},
    {.devices = 3},
    {.devices = 1, .images = true},
    {.devices = 2, .images = true},
    {.devices = 1, .backups = true},
    {.devices = 3, .backups = true},
};

/// Runs histories of one kind until one breaks. Returns what broke, or nothing.
template <class Rules>
std::string look(HistoryOptions const& options, std::uint64_t count, HistoryCounts& counts) {
    for (std::uint64_t seed = 1; seed <= count; ++seed) {
        History history(seed, options, &decide_in_a_mood<Rules>);
        auto const wrong = history.run();
        counts += history.counts();
        if (!wrong.empty()) {
            return "seed " + std::to_string(seed) + ": " + wrong;
        }
    }
    return {};
}

/// True if some history of any kind breaks.
template <class Rules>
bool breaks(std::uint64_t histories_a_kind) {
    HistoryCounts counts;
    return std::ranges::any_of(kKinds, [&](HistoryOptions const& options) {
        return !look<Rules>(options, histories_a_kind, counts).empty();
    });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fold_histories)

BOOST_AUTO_TEST_CASE(each_mutation_is_sequenced_at_most_once_in_order_and_nothing_gets_stuck) {
    HistoryCounts counts;
    for (auto const& options : kKinds) {
        BOOST_TEST_CONTEXT("devices " << options.devices << ", images " << options.images
                                      << ", backups " << options.backups) {
            auto const wrong = look<AllRules>(options, histories(), counts);
            BOOST_TEST(wrong.empty(), wrong);
        }
    }
    // The histories go where they should, restored images and servers included.
    for (auto const count : counts.of) {
        BOOST_TEST(count > 0U);
    }
    BOOST_TEST(counts.rebases > 0U);
    BOOST_TEST(counts.recoveries > 0U);
    BOOST_TEST(counts.losses > 0U);
}

BOOST_AUTO_TEST_CASE(leaving_out_the_halt_breaks_histories) {
    BOOST_TEST(breaks<WithoutHalt>(200));
}

BOOST_AUTO_TEST_CASE(leaving_out_the_rule_for_older_attempts_breaks_histories) {
    BOOST_TEST(breaks<WithoutOlderAttempts>(200));
}

/// It tells apart what two stores of one device sent under the same counters.
BOOST_AUTO_TEST_CASE(leaving_out_the_attempt_in_after_breaks_histories) {
    HistoryCounts counts;
    BOOST_TEST(!look<WithoutAttemptInAfter>({.devices = 1, .images = true}, 3'000, counts).empty());
}

BOOST_AUTO_TEST_SUITE_END()
