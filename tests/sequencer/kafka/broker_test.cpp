// What only a real broker shows: its settings, its crash and its restart. KAFKA_BOOTSTRAP names it.
#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "log_world.hpp"

namespace capstan::test {
namespace {

KafkaWorld new_world() {
    return KafkaWorld(std::getenv("KAFKA_BOOTSTRAP"));
}

bool run(std::string const& command) {
    return std::system(command.c_str()) == 0;
}

BOOST_AUTO_TEST_SUITE(kafka_broker)

BOOST_AUTO_TEST_CASE(a_topic_that_capstan_made_is_fit_to_be_a_journal) {
    auto const world = new_world();
    BOOST_TEST_REQUIRE(create_journal_topic(world.cluster, {.partitions = 3}).has_value());
    BOOST_TEST(create_journal_topic(world.cluster, {.partitions = 3}).has_value());
    auto const report = inspect_journal_topic(world.cluster);
    BOOST_TEST_REQUIRE(report.has_value(), why(report));
    BOOST_TEST(report.value().partitions == 3u);
    BOOST_TEST(report.value().replicas == 1u);
    BOOST_TEST(!report.value().refused());
    BOOST_TEST_REQUIRE(report.value().findings.size() == 1u);
    BOOST_TEST(report.value().findings[0].what == "replicas: 1; 3 survive the loss of a broker");
}

BOOST_AUTO_TEST_CASE(a_topic_that_forgets_is_refused) {
    auto const world = new_world();
    BOOST_TEST_REQUIRE(run(std::string("deploy/kafka/broker topic ") +
                           world.cluster.journal_topic() +
                           " retention.ms=60000 cleanup.policy=compact"));
    auto const report = inspect_journal_topic(world.cluster);
    BOOST_TEST_REQUIRE(report.has_value(), why(report));
    BOOST_TEST(report.value().refused());
    std::string all;
    for (auto const& finding : report.value().findings) {
        all += finding.what + "\n";
    }
    BOOST_TEST(all.find("cleanup.policy is compact") != std::string::npos);
    BOOST_TEST(all.find("retention.ms is 60000") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_topic_that_is_not_there_is_not_found) {
    auto const world = new_world();
    auto const report = inspect_journal_topic(world.cluster);
    BOOST_TEST_REQUIRE(!report.has_value());
    BOOST_TEST((report.error().code == Errc::not_found));
}

// F55
BOOST_AUTO_TEST_CASE(a_broker_that_is_killed_and_restarted_loses_nothing) {
    auto world = new_world();
    BOOST_TEST_REQUIRE(create_journal_topic(world.cluster, {}).has_value());
    auto const writer = world.reader();
    std::uint64_t token = 0;
    auto const append_100 = [&] {
        for (int i = 0; i < 100; ++i) {
            ++token;
            writer->append(std::to_string(token), token);
        }
    };
    append_100();
    BOOST_TEST_REQUIRE(writer->read(100));
    append_100();
    BOOST_TEST_REQUIRE(run("deploy/kafka/broker stop kill"));
    append_100();
    BOOST_TEST_REQUIRE(run("deploy/kafka/broker start >/dev/null"));
    append_100();

    BOOST_TEST_REQUIRE(writer->read(400));
    BOOST_TEST(writer->log().unseen() == 0u);
    auto const other = world.reader();
    BOOST_TEST_REQUIRE(other->read(writer->records().size()));
    BOOST_TEST((other->records() == writer->records()));
    std::uint64_t next = 1;
    for (auto const& record : writer->records()) {
        BOOST_TEST_REQUIRE(record.origin.has_value());
        BOOST_TEST(record.origin->token <= next);  // the next one, or one sent again
        next += record.origin->token == next ? 1 : 0;
    }
    BOOST_TEST(next == 401u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace capstan::test
