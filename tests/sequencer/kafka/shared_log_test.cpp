// What every shared log promises, tried on the twin, on librdkafka's mock brokers, and on a real
// one that KAFKA_BOOTSTRAP names; and what can go wrong in each.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <capstan/schema/limits.hpp>

#include "log_world.hpp"

namespace capstan::test {
namespace {

using Texts = std::vector<std::string>;

struct NamedWorld {
    std::string name;
    std::unique_ptr<LogWorld> world;
};

std::vector<NamedWorld> worlds() {
    std::vector<NamedWorld> all;
    all.push_back({"memory", std::make_unique<MemoryWorld>()});
    all.push_back({"mock brokers", std::make_unique<MockWorld>()});
    if (auto const* brokers = std::getenv("KAFKA_BOOTSTRAP")) {
        auto kafka = std::make_unique<KafkaWorld>(brokers);
        auto const created = create_journal_topic(kafka->cluster, {});
        BOOST_TEST_REQUIRE(created.has_value(), why(created));
        all.push_back({"brokers", std::move(kafka)});
    }
    return all;
}

BOOST_AUTO_TEST_SUITE(shared_log)

BOOST_AUTO_TEST_CASE(every_handle_reads_all_records_in_one_order) {
    for (auto const& [name, world] : worlds()) {
        BOOST_TEST_CONTEXT(name) {
            auto const a = world->reader();
            auto const b = world->reader();
            for (std::uint64_t i = 1; i <= 100; ++i) {
                a->append("a" + std::to_string(i), i);
                b->append("b" + std::to_string(i), i);
            }
            BOOST_TEST_REQUIRE(a->read(200));
            BOOST_TEST_REQUIRE(b->read(200));
            BOOST_TEST((a->records() == b->records()));
            BOOST_TEST(a->log().unseen() == 0u);
            BOOST_TEST(b->log().unseen() == 0u);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_handle_knows_its_own_records_and_keeps_their_order) {
    for (auto const& [name, world] : worlds()) {
        BOOST_TEST_CONTEXT(name) {
            auto const a = world->reader();
            auto const b = world->reader();
            BOOST_TEST((a->log().handle() != b->log().handle()));
            for (std::uint64_t token : {7, 9, 8}) {
                a->append("record " + std::to_string(token), token);
            }
            BOOST_TEST_REQUIRE(b->read(3));
            std::vector<std::uint64_t> tokens;
            for (auto const& record : b->records()) {
                BOOST_TEST_REQUIRE(record.origin.has_value());
                BOOST_TEST(record.origin->handle == a->log().handle());
                tokens.push_back(record.origin->token);
            }
            BOOST_TEST((tokens == std::vector<std::uint64_t>{7, 9, 8}));
        }
    }
}

BOOST_AUTO_TEST_CASE(reading_goes_on_at_any_offset) {
    for (auto const& [name, world] : worlds()) {
        BOOST_TEST_CONTEXT(name) {
            auto const writer = world->reader();
            for (std::uint64_t i = 1; i <= 5; ++i) {
                writer->append(std::to_string(i), i);
            }
            BOOST_TEST_REQUIRE(writer->read(5));
            auto const middle = world->reader(writer->records()[2].offset.next());
            BOOST_TEST_REQUIRE(middle->read(2));
            BOOST_TEST((middle->texts() == Texts{"4", "5"}));

            auto const extent = writer->log().extent();
            BOOST_TEST_REQUIRE(extent.has_value());
            BOOST_TEST((extent.value().end == writer->records().back().offset.next()));
            auto const end = world->reader(extent.value().end);
            writer->append("6", 6);
            BOOST_TEST_REQUIRE(end->read(1));
            BOOST_TEST((end->texts() == Texts{"6"}));
        }
    }
}

// F57
BOOST_AUTO_TEST_CASE(an_offset_behind_the_end_is_a_log_that_lost_history) {
    for (auto const& [name, world] : worlds()) {
        BOOST_TEST_CONTEXT(name) {
            auto const writer = world->reader();
            writer->append("only", 1);
            BOOST_TEST_REQUIRE(writer->read(1));
            auto const ahead = world->reader(LogOffset{writer->records()[0].offset.value + 10});
            auto const error = ahead->read_to_error();
            BOOST_TEST_REQUIRE(error.has_value());
            BOOST_TEST((error->code == Errc::journal_diverged));
        }
    }
}

BOOST_AUTO_TEST_CASE(records_of_others_have_no_origin) {
    for (auto const& [name, world] : worlds()) {
        BOOST_TEST_CONTEXT(name) {
            auto const reader = world->reader();
            world->append_foreign("not ours");
            BOOST_TEST_REQUIRE(reader->read(1));
            BOOST_TEST(reader->texts().front() == "not ours");
            BOOST_TEST(!reader->records().front().origin.has_value());
        }
    }
}

BOOST_AUTO_TEST_CASE(the_largest_submission_fits_and_no_larger_one_is_taken) {
    for (auto const& [name, world] : worlds()) {
        BOOST_TEST_CONTEXT(name) {
            auto const reader = world->reader();
            std::string const largest(kSubmissionBytesMax, 'x');
            reader->append(largest, 1);
            BOOST_TEST_REQUIRE(reader->read(1));
            BOOST_TEST((reader->texts().front() == largest));
            auto const refused = reader->log().append(Bytes(kSubmissionBytesMax + 1), 2);
            BOOST_TEST_REQUIRE(!refused.has_value());
            BOOST_TEST((refused.error().code == Errc::too_large));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_record_may_come_twice_and_is_seen_once) {
    MemoryWorld world;
    auto const reader = world.reader();
    world.topic.duplicate_next();
    reader->append("twice", 1);
    reader->append("once", 2);
    BOOST_TEST_REQUIRE(reader->read(3));
    BOOST_TEST((reader->texts() == Texts{"twice", "twice", "once"}));
    BOOST_TEST(reader->log().unseen() == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_not_committed_is_not_read) {
    MemoryWorld world;
    auto const reader = world.reader();
    world.topic.hold(true);
    reader->append("later", 1);
    auto const nothing = reader->log().read(10, [](LogRecord const&) { BOOST_ERROR("read"); });
    BOOST_TEST_REQUIRE(nothing.has_value());
    BOOST_TEST(nothing.value() == 0u);
    world.topic.hold(false);
    BOOST_TEST(reader->read(1));
}

// F59
BOOST_AUTO_TEST_CASE(a_silent_log_refuses_after_a_while_and_drains_when_it_is_back) {
    MemoryWorld world;
    auto const reader = world.reader();
    world.topic.set_reachable(false);
    reader->append("waits", 1);
    for (int second = 0; second < 4; ++second) {
        reader->log().tick();
    }
    reader->append("waits too", 2);
    reader->log().tick();
    auto const refused = reader->log().append(Bytes(1), 3);
    BOOST_TEST_REQUIRE(!refused.has_value());
    BOOST_TEST((refused.error().code == Errc::unavailable));

    world.topic.set_reachable(true);
    reader->log().tick();
    BOOST_TEST_REQUIRE(reader->read(2));
    BOOST_TEST((reader->texts() == Texts{"waits", "waits too"}));
    reader->append("goes through", 4);
    BOOST_TEST(reader->read(3));
}

// F57
BOOST_AUTO_TEST_CASE(retention_that_overtakes_a_reader_is_told) {
    MemoryWorld world;
    auto const reader = world.reader();
    auto const slow = world.reader();
    for (std::uint64_t i = 1; i <= 3; ++i) {
        reader->append(std::to_string(i), i);
    }
    world.topic.trim(LogOffset{2});
    auto const error = slow->read_to_error();
    BOOST_TEST_REQUIRE(error.has_value());
    BOOST_TEST((error->code == Errc::journal_diverged));
}

// F55
BOOST_AUTO_TEST_CASE(errors_that_pass_cost_no_record_and_no_order) {
    MockWorld world;
    auto const reader = world.reader();
    world.fail_produce({RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
                        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS});
    Texts expected;
    for (std::uint64_t i = 1; i <= 20; ++i) {
        expected.push_back(std::to_string(i));
        reader->append(expected.back(), i);
    }
    BOOST_TEST_REQUIRE(reader->read(20));
    BOOST_TEST((reader->texts() == expected));
}

BOOST_AUTO_TEST_CASE(after_a_fatal_error_another_producer_sends_what_was_not_seen) {
    MockWorld world;
    auto const reader = world.reader();
    reader->append("before", 1);
    BOOST_TEST_REQUIRE(reader->read(1));
    world.fail_produce({RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER});
    Texts expected = {"before"};
    for (std::uint64_t i = 2; i <= 20; ++i) {
        expected.push_back(std::to_string(i));
        reader->append(expected.back(), i);
    }
    // What the first producer had under way may still have got there: twice, and behind later ones.
    BOOST_TEST_REQUIRE(reader->read_own());
    auto const texts = reader->texts();
    for (auto const& text : expected) {
        BOOST_TEST(std::ranges::count(texts, text) >= 1, text);
    }
}

BOOST_AUTO_TEST_CASE(a_cluster_has_an_address) {
    auto const parsed = parse_kafka_url("kafka://one:9092,two:9093/acme-1");
    BOOST_TEST_REQUIRE(parsed.has_value());
    BOOST_TEST(parsed.value().brokers == "one:9092,two:9093");
    BOOST_TEST(parsed.value().journal_topic() == "capstan.acme-1.journal");
    for (auto const* bad :
         {"kafka://", "kafka:///x", "kafka://host:1", "file:x/y", "kafka://h:1/a b"}) {
        BOOST_TEST_CONTEXT(bad) {
            auto const refused = parse_kafka_url(bad);
            BOOST_TEST_REQUIRE(!refused.has_value());
            BOOST_TEST((refused.error().code == Errc::config_invalid));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_setting_that_the_library_refuses_is_named) {
    SimRandom random(1);
    KafkaLogOptions options{.cluster = {.brokers = "127.0.0.1:1", .cluster = "x"}};
    options.cluster.settings["no.such.setting"] = "1";
    auto const refused = open_kafka_log(options, random, [] {});
    BOOST_TEST_REQUIRE(!refused.has_value());
    BOOST_TEST((refused.error().code == Errc::config_invalid));
    BOOST_TEST(refused.error().detail.find("no.such.setting") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace capstan::test
