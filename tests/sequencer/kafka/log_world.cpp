#include "log_world.hpp"

#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <capstan/schema/bytes.hpp>
#include <chrono>

namespace capstan::test {
namespace {

constexpr auto kPatience = std::chrono::seconds(20);

Bytes to_bytes(std::string_view text) {
    auto const bytes = as_bytes(text);
    return Bytes(bytes.begin(), bytes.end());
}

/// Somebody else's.
rd_kafka_t* new_producer(KafkaCluster const& cluster) {
    auto* const configuration = rd_kafka_conf_new();
    rd_kafka_conf_set(configuration, "bootstrap.servers", cluster.brokers.c_str(), nullptr, 0);
    auto* const producer = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, nullptr, 0);
    BOOST_TEST_REQUIRE(producer != nullptr);
    return producer;
}

/// A name that no other test and no earlier run has used.
std::string fresh_cluster() {
    static std::atomic<int> count = 0;
    auto const now = std::chrono::system_clock::now().time_since_epoch().count();
    return "test-" + std::to_string(getpid()) + "-" + std::to_string(now) + "-" +
           std::to_string(++count);
}

}  // namespace

LogReader::LogReader(Open const& open, LogOffset from) {
    log_ = open(from, [this] {
        std::lock_guard const lock(mutex_);
        is_woken_ = true;
        woken_.notify_all();
    });
}

std::vector<std::string> LogReader::texts() const {
    std::vector<std::string> texts;
    for (auto const& record : records_) {
        texts.push_back(record.text);
    }
    return texts;
}

void LogReader::append(std::string_view text, std::uint64_t token) {
    auto const result = log_->append(to_bytes(text), token);
    BOOST_TEST_REQUIRE(result.has_value(), why(result));
}

Result<std::size_t> LogReader::read_some() {
    return log_->read(100, [this](LogRecord const& record) {
        records_.push_back({record.offset, record.origin, std::string(as_text(record.bytes))});
    });
}

template <class Done>
void LogReader::read_until(Done const& done) {
    auto const deadline = std::chrono::steady_clock::now() + kPatience;
    while (!done() && std::chrono::steady_clock::now() < deadline) {
        auto const count = read_some();
        if (!count) {
            error_ = count.error();
            return;
        }
        if (count.value() == 0 && !done()) {
            std::unique_lock lock(mutex_);
            woken_.wait_for(lock, std::chrono::seconds(1), [this] { return is_woken_; });
            is_woken_ = false;
            lock.unlock();
            log_->tick();
        }
    }
}

bool LogReader::read(std::size_t count) {
    read_until([&] { return records_.size() >= count; });
    if (error_) {
        BOOST_ERROR("while reading: " << to_string(*error_));
    }
    return records_.size() >= count && !error_;
}

bool LogReader::read_own() {
    read_until([&] { return log_->unseen() == 0; });
    return log_->unseen() == 0 && !error_;
}

std::optional<Error> LogReader::read_to_error() {
    read_until([] { return false; });
    return error_;
}

LogReader::Open MemoryWorld::open() {
    return [this](LogOffset from, LogWake wake) {
        return std::make_unique<MemoryLog>(topic, from, std::move(wake));
    };
}

void MemoryWorld::append_foreign(std::string_view text) {
    topic.append_foreign(to_bytes(text));
}

KafkaWorld::KafkaWorld(std::string brokers)
    : cluster{.brokers = std::move(brokers), .cluster = fresh_cluster()},
      random_(
          static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count())) {
}

LogReader::Open KafkaWorld::open() {
    return [this](LogOffset from, LogWake wake) {
        auto log = open_kafka_log({.cluster = cluster, .from = from}, random_, std::move(wake));
        BOOST_TEST_REQUIRE(log.has_value(), why(log));
        return std::move(log).value();
    };
}

void KafkaWorld::append_foreign(std::string_view text) {
    auto* const producer = new_producer(cluster);
    auto const error =
        rd_kafka_producev(producer,
                          RD_KAFKA_V_TOPIC(cluster.journal_topic().c_str()),
                          RD_KAFKA_V_PARTITION(0),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_VALUE(const_cast<char*>(text.data()), text.size()),
                          RD_KAFKA_V_END);
    BOOST_TEST(error == RD_KAFKA_RESP_ERR_NO_ERROR);
    BOOST_TEST(rd_kafka_flush(producer, 20'000) == RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(producer);
}

void KafkaWorld::expire(LogOffset first) {
    auto* const client = new_producer(cluster);
    auto* const places = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(places, cluster.journal_topic().c_str(), 0)->offset =
        first.value;
    auto* request = rd_kafka_DeleteRecords_new(places);
    auto* const answers = rd_kafka_queue_new(client);
    rd_kafka_DeleteRecords(client, &request, 1, nullptr, answers);
    auto* const answer = rd_kafka_queue_poll(answers, 20'000);
    BOOST_TEST_REQUIRE(answer != nullptr);
    BOOST_TEST(rd_kafka_event_error(answer) == RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(answer);
    rd_kafka_queue_destroy(answers);
    rd_kafka_DeleteRecords_destroy(request);
    rd_kafka_topic_partition_list_destroy(places);
    rd_kafka_destroy(client);
}

MockWorld::MockWorld() {
    auto* const configuration = rd_kafka_conf_new();
    rd_kafka_conf_set(configuration, "log_level", "3", nullptr, 0);  // it has no brokers itself
    host_ = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, nullptr, 0);
    brokers_ = rd_kafka_mock_cluster_new(host_, 1);
    kafka_ = std::make_unique<KafkaWorld>(rd_kafka_mock_cluster_bootstraps(brokers_));
    rd_kafka_mock_topic_create(brokers_, kafka_->cluster.journal_topic().c_str(), 1, 1);
    // These brokers do not wake a waiting fetch.
    kafka_->cluster.settings["fetch.wait.max.ms"] = "1";
}

MockWorld::~MockWorld() {
    rd_kafka_mock_cluster_destroy(brokers_);
    rd_kafka_destroy(host_);
}

void MockWorld::fail_produce(std::vector<rd_kafka_resp_err_t> const& errors) {
    constexpr std::int16_t kProduce = 0;  // the request's number in Kafka's protocol
    rd_kafka_mock_push_request_errors_array(brokers_, kProduce, errors.size(), errors.data());
}

}  // namespace capstan::test
