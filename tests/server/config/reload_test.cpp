// What a running server takes of another configuration, and what waits for its next start.
#include <boost/test/unit_test.hpp>
#include <capstan/server/config/reload.hpp>

namespace {

using namespace capstan;

std::vector<std::string> names(std::initializer_list<std::string> list) {
    return list;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(config_reload)

BOOST_AUTO_TEST_CASE(what_differs_is_taken_or_named) {
    ServerConfig now;
    ServerConfig next = now;
    next.rate.events_per_second = 7;
    next.log.level = "debug";
    next.log.format = "json";
    next.journal.segment_bytes = 1 << 20;
    next.net.origins = {"https://app.example"};
    auto const plan = plan_reload(now, next).value();
    BOOST_TEST(plan.changed == names({"net.origins", "rate.events_per_second", "log.level"}),
               boost::test_tools::per_element());
    BOOST_TEST(plan.need_restart == names({"journal.segment_bytes", "log.format"}),
               boost::test_tools::per_element());
    BOOST_TEST(plan.config.rate.events_per_second == 7U);
    BOOST_TEST(plan.config.net.origins == next.net.origins, boost::test_tools::per_element());
    BOOST_TEST(plan.config.journal.segment_bytes == now.journal.segment_bytes);
    BOOST_TEST(plan.config.log.format == now.log.format);
}

BOOST_AUTO_TEST_CASE(nothing_differs_and_nothing_changes) {
    auto const plan = plan_reload({}, {}).value();
    BOOST_TEST(plan.changed.empty());
    BOOST_TEST(plan.need_restart.empty());
}

BOOST_AUTO_TEST_CASE(tls_takes_other_files_and_is_not_switched_on_or_off) {
    ServerConfig plain;
    ServerConfig tls;
    tls.tls = {"a.pem", "a.key"};
    ServerConfig other;
    other.tls = {"b.pem", "b.key"};
    BOOST_TEST(plan_reload(tls, other).value().config.tls.certificate_file == "b.pem");
    for (auto const& [now, next] : {std::pair(plain, tls), std::pair(tls, plain)}) {
        auto const plan = plan_reload(now, next).value();
        BOOST_TEST(plan.config.tls.is_on() == now.tls.is_on());
        BOOST_TEST(plan.need_restart == names({"tls.certificate_file", "tls.key_file"}),
                   boost::test_tools::per_element());
    }
}

/// The rules for settings that meet hold for what comes out.
BOOST_AUTO_TEST_CASE(what_does_not_go_together_is_refused) {
    ServerConfig now;
    now.listen = "0.0.0.0:7411";
    now.auth.token_file = "tokens";
    now.tls = {"a.pem", "a.key"};
    auto next = now;
    next.auth.token_file.clear();
    BOOST_TEST(plan_reload(now, next).has_error());
    next = now;
    next.session.queued_bytes_soft = 4 << 20;
    next.session.queued_bytes_hard = 1 << 20;
    BOOST_TEST(plan_reload(now, next).has_error());
}

BOOST_AUTO_TEST_SUITE_END()
