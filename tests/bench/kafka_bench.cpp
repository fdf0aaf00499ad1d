// The shared log on a broker against bare librdkafka with the same settings: latency until an own
// record is read back, and the group commit of one producer against a producer for each publisher.
// In turns, so that ratios hold when the machine's speed drifts.
//
//   kafka_bench --brokers HOST:PORT --cluster NAME [--rounds N] [--seconds S]
//
// The topic of the cluster has to be there: with flush.messages=1 brokers flush each message.
#include <fmt/core.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <atomic>
#include <capstan/engine/os/system_random.hpp>
#include <capstan/sequencer/kafka_log.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using namespace capstan;
using BenchClock = std::chrono::steady_clock;

constexpr std::size_t kRecordBytes = 300;
constexpr std::size_t kPublishers = 64;

struct Options {
    std::string brokers;
    std::string cluster;
    int rounds = 3;
    double seconds = 3;

    std::string topic() const { return KafkaCluster{.cluster = cluster}.journal_topic(); }
};

double since(BenchClock::time_point start) {
    return std::chrono::duration<double>(BenchClock::now() - start).count();
}

double at_share(std::vector<double> values, double share) {
    std::ranges::sort(values);
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

struct Latency {
    double p50_us = 0;
    double p99_us = 0;
};
Latency latency_of(std::vector<double> const& seconds) {
    return {1e6 * at_share(seconds, 0.5), 1e6 * at_share(seconds, 0.99)};
}

/// A client of librdkafka and one topic, nothing else.
class Bare {
  public:
    Bare(Options const& options,
         rd_kafka_type_t type,
         std::map<std::string, std::string> settings) {
        auto* const configuration = rd_kafka_conf_new();
        settings["bootstrap.servers"] = options.brokers;
        settings["socket.nagle.disable"] = "true";
        char why[256];
        for (auto const& [name, value] : settings) {
            if (rd_kafka_conf_set(configuration, name.c_str(), value.c_str(), why, sizeof why) !=
                RD_KAFKA_CONF_OK) {
                throw std::runtime_error(why);
            }
        }
        client_ = rd_kafka_new(type, configuration, why, sizeof why);
        if (client_ == nullptr) {
            throw std::runtime_error(why);
        }
        topic_ = rd_kafka_topic_new(client_, options.topic().c_str(), nullptr);
    }
    Bare(Bare const&) = delete;
    Bare& operator=(Bare const&) = delete;
    ~Bare() {
        rd_kafka_topic_destroy(topic_);
        rd_kafka_destroy(client_);
    }
    rd_kafka_t* client() const { return client_; }
    rd_kafka_topic_t* topic() const { return topic_; }

    void produce(std::vector<std::byte>& record) const {
        rd_kafka_produce(
            topic_, 0, RD_KAFKA_MSG_F_COPY, record.data(), record.size(), nullptr, 0, nullptr);
    }

  private:
    rd_kafka_t* client_;
    rd_kafka_topic_t* topic_;
};

std::map<std::string, std::string> const kProducer{
    {"enable.idempotence", "true"}, {"acks", "all"}, {"linger.ms", "0"}};

/// Produces and consumes back in one process, `in_flight` at a time; hears each record's latency.
std::uint64_t bare_echo(Options const& options,
                        std::size_t in_flight,
                        std::vector<double>* latencies) {
    Bare const producer(options, RD_KAFKA_PRODUCER, kProducer);
    Bare const consumer(options, RD_KAFKA_CONSUMER, {{"auto.offset.reset", "error"}});
    std::int64_t first = 0;
    std::int64_t end = 0;
    rd_kafka_query_watermark_offsets(
        consumer.client(), options.topic().c_str(), 0, &first, &end, 10'000);
    rd_kafka_consume_start(consumer.topic(), 0, end);
    std::vector<std::byte> record(kRecordBytes);
    std::uint64_t sent = 0;
    std::uint64_t seen = 0;
    auto sent_at = BenchClock::now();
    auto const start = BenchClock::now();
    while (since(start) < options.seconds || seen < sent) {
        while (sent - seen < in_flight && since(start) < options.seconds) {
            sent_at = BenchClock::now();
            producer.produce(record);
            ++sent;
        }
        rd_kafka_poll(producer.client(), 0);
        rd_kafka_message_t* messages[1'000];
        auto const count = rd_kafka_consume_batch(
            consumer.topic(), 0, 100, messages, std::min<std::size_t>(in_flight, 1'000));
        for (std::int64_t i = 0; i < count; ++i) {
            seen += messages[i]->err == 0 ? 1 : 0;
            rd_kafka_message_destroy(messages[i]);
        }
        if (latencies != nullptr && count > 0) {
            latencies->push_back(since(sent_at));
        }
    }
    rd_kafka_consume_stop(consumer.topic(), 0);
    return seen;
}

/// A producer for each publisher, each with one record under way.
double bare_crowd(Options const& options) {
    std::vector<std::unique_ptr<Bare>> producers;
    for (std::size_t i = 0; i < kPublishers; ++i) {
        producers.push_back(std::make_unique<Bare>(options, RD_KAFKA_PRODUCER, kProducer));
    }
    std::mutex mutex;
    std::uint64_t acknowledged = 0;
    std::vector<std::thread> threads;
    std::atomic<bool> stops = false;
    auto const publish = [&](Bare const& producer) {
        std::vector<std::byte> record(kRecordBytes);
        while (!stops) {
            producer.produce(record);
            while (rd_kafka_outq_len(producer.client()) > 0) {
                rd_kafka_poll(producer.client(), 100);
            }
            std::lock_guard const lock(mutex);
            ++acknowledged;
        }
    };
    for (auto const& producer : producers) {
        threads.emplace_back([&, raw = producer.get()] { publish(*raw); });
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(1));  // connecting
    std::unique_lock lock(mutex);
    auto const before = acknowledged;
    auto const start = BenchClock::now();
    lock.unlock();
    std::this_thread::sleep_for(std::chrono::duration<double>(options.seconds));
    lock.lock();
    auto const rate = static_cast<double>(acknowledged - before) / since(start);
    lock.unlock();
    stops = true;
    for (auto& thread : threads) {
        thread.join();
    }
    return rate;
}

/// Capstan's shared log, read until own records come back.
std::uint64_t log_echo(Options const& options,
                       std::size_t in_flight,
                       std::vector<double>* latencies) {
    std::mutex mutex;
    std::condition_variable woken;
    bool is_awake = false;
    SystemRandom random;
    KafkaCluster const cluster{.brokers = options.brokers, .cluster = options.cluster};
    auto const wake = [&] {
        std::lock_guard const lock(mutex);
        is_awake = true;
        woken.notify_one();
    };
    auto probe = open_kafka_log({.cluster = cluster}, random, [] {}).value();
    auto const end = probe->extent().value().end;
    probe.reset();
    auto log = open_kafka_log({.cluster = cluster, .from = end}, random, wake).value();
    std::uint64_t sent = 0;
    std::uint64_t seen = 0;
    auto sent_at = BenchClock::now();
    auto const start = BenchClock::now();
    while (since(start) < options.seconds || seen < sent) {
        while (sent - seen < in_flight && since(start) < options.seconds) {
            sent_at = BenchClock::now();
            if (!log->append(Bytes(kRecordBytes), sent)) {
                break;
            }
            ++sent;
        }
        auto const before = seen;
        auto const read =
            log->read(1'000, [&](LogRecord const& record) { seen += record.seen ? 1 : 0; });
        if (!read) {
            throw std::runtime_error(to_string(read.error()));
        }
        if (latencies != nullptr && seen > before) {
            latencies->push_back(since(sent_at));
        }
        if (read.value() == 0) {
            std::unique_lock lock(mutex);
            woken.wait_for(lock, std::chrono::milliseconds(100), [&] { return is_awake; });
            is_awake = false;
        }
    }
    return seen;
}

void print_latency(Options const& options) {
    std::vector<double> p50;
    std::vector<double> p99;
    for (int round = 0; round < options.rounds; ++round) {
        std::vector<double> bare;
        std::vector<double> log;
        bare_echo(options, 1, &bare);
        log_echo(options, 1, &log);
        auto const b = latency_of(bare);
        auto const l = latency_of(log);
        fmt::print(
            "1 in flight: bare echo p50 {:.0f} p99 {:.0f} us, log p50 {:.0f} p99 {:.0f} us\n",
            b.p50_us,
            b.p99_us,
            l.p50_us,
            l.p99_us);
        p50.push_back(l.p50_us - b.p50_us);
        p99.push_back(l.p99_us / b.p99_us);
    }
    fmt::print(
        "  p50 {:+.0f} us, p99 {:.2f} x (medians)\n", at_share(p50, 0.5), at_share(p99, 0.5));
}

void print_rates(Options const& options) {
    std::vector<double> batches;
    std::vector<double> crowds;
    for (int round = 0; round < options.rounds; ++round) {
        auto const rate = [&](auto const& echo, std::size_t in_flight) {
            return static_cast<double>(echo(options, in_flight, nullptr)) / options.seconds;
        };
        auto const bare = rate(bare_echo, 4'096);
        auto const log = rate(log_echo, 4'096);
        auto const alone = bare_crowd(options);
        auto const together = rate(log_echo, kPublishers);
        fmt::print(
            "4096 in flight: bare {:.0f}/s, log {:.0f}/s; 64 publishers: own producers {:.0f}/s, "
            "one log {:.0f}/s\n",
            bare,
            log,
            alone,
            together);
        batches.push_back(log / bare);
        crowds.push_back(together / alone);
    }
    fmt::print("  batches {:.2f} x, 64 publishers {:.1f} x (medians)\n",
               at_share(batches, 0.5),
               at_share(crowds, 0.5));
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        std::string_view const name = argv[i];
        if (name == "--brokers") {
            options.brokers = argv[i + 1];
        } else if (name == "--cluster") {
            options.cluster = argv[i + 1];
        } else if (name == "--rounds") {
            options.rounds = std::atoi(argv[i + 1]);
        } else if (name == "--seconds") {
            options.seconds = std::atof(argv[i + 1]);
        }
    }
    return options;
}

}  // namespace

int main(int argc, char** argv) {
    auto const options = parse(argc, argv);
    if (options.brokers.empty() || options.cluster.empty()) {
        fmt::print(
            stderr,
            "usage: kafka_bench --brokers HOST:PORT --cluster NAME [--rounds N] [--seconds S]\n");
        return 2;
    }
    print_latency(options);
    print_rates(options);
    return 0;
}
