// What only a real broker shows: its settings, its crash and its restart. KAFKA_BOOTSTRAP names it.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
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

/// Devices wait for this when they say Hello.
BOOST_AUTO_TEST_CASE(a_question_for_the_end_does_not_wait_for_records) {
    auto world = new_world();
    BOOST_TEST_REQUIRE(create_journal_topic(world.cluster, {}).has_value());
    auto const reader = world.reader();
    reader->append("one", 1);
    BOOST_TEST_REQUIRE(reader->read(1));
    auto quickest = std::chrono::steady_clock::duration::max();
    for (int i = 0; i < 5; ++i) {
        auto const start = std::chrono::steady_clock::now();
        BOOST_TEST_REQUIRE(reader->log().extent().has_value());
        if (i > 0) {  // the first one connects
            quickest = std::min(quickest, std::chrono::steady_clock::now() - start);
        }
    }
    BOOST_TEST((quickest < std::chrono::milliseconds(250)));  // half of what a fetch waits
}

// F57
BOOST_AUTO_TEST_CASE(retention_that_overtakes_a_reader_is_told) {
    auto world = new_world();
    BOOST_TEST_REQUIRE(create_journal_topic(world.cluster, {}).has_value());
    auto const writer = world.reader();
    for (std::uint64_t i = 1; i <= 3; ++i) {
        writer->append(std::to_string(i), i);
    }
    BOOST_TEST_REQUIRE(writer->read(3));
    world.expire(LogOffset{2});
    auto const extent = writer->log().extent();
    BOOST_TEST_REQUIRE(extent.has_value(), why(extent));
    BOOST_TEST((extent.value() == LogExtent{LogOffset{2}, LogOffset{3}}));
    auto const error = world.reader(LogOffset{1})->read_to_error();
    BOOST_TEST_REQUIRE(error.has_value());
    BOOST_TEST((error->code == Errc::journal_diverged));
    BOOST_TEST(world.reader(LogOffset{2})->read(1));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace capstan::test
