// Worlds in which a shared log is tried: the twin in memory, librdkafka's mock cluster, a broker.
#pragma once
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <capstan/engine/sim/sim_random.hpp>
#include <capstan/sequencer/kafka_log.hpp>
#include <capstan/sequencer/memory_log.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace capstan::test {

template <class T>
std::string why(Result<T> const& result) {
    return result ? std::string() : to_string(result.error());
}

/// A record that was read, kept.
struct ReadRecord {
    LogOffset offset;
    std::optional<LogOrigin> origin;
    std::string text;
    friend bool operator==(ReadRecord const&, ReadRecord const&) = default;
};

/// A node's handle, and what it has read.
class LogReader {
  public:
    using Open = std::function<std::unique_ptr<SharedLog>(LogOffset from, LogWake wake)>;
    LogReader(Open const& open, LogOffset from);

    SharedLog& log() { return *log_; }
    std::vector<ReadRecord> const& records() const { return records_; }
    std::vector<std::string> texts() const;

    void append(std::string_view text, std::uint64_t token);
    /// Reads until there are `count` records, or 20 s have passed.
    bool read(std::size_t count);
    /// Reads until it has seen all that it appended, or 20 s have passed.
    bool read_own();
    /// Reads until the log says that something is wrong, or 20 s have passed.
    std::optional<Error> read_to_error();

  private:
    Result<std::size_t> read_some();
    template <class Done>
    void read_until(Done const& done);

    std::mutex mutex_;
    std::condition_variable woken_;
    bool is_woken_ = false;
    std::vector<ReadRecord> records_;
    std::optional<Error> error_;
    std::unique_ptr<SharedLog> log_;
};

class LogWorld {
  public:
    virtual ~LogWorld() = default;
    virtual LogReader::Open open() = 0;
    virtual void append_foreign(std::string_view text) = 0;

    std::unique_ptr<LogReader> reader(LogOffset from = {}) {
        return std::make_unique<LogReader>(open(), from);
    }
};

class MemoryWorld final : public LogWorld {
  public:
    LogReader::Open open() override;
    void append_foreign(std::string_view text) override;
    MemoryTopic topic;
};

/// Brokers at `brokers`, one topic of its own.
class KafkaWorld : public LogWorld {
  public:
    explicit KafkaWorld(std::string brokers);
    LogReader::Open open() override;
    void append_foreign(std::string_view text) override;
    /// Retention: what lies before `first` is gone.
    void expire(LogOffset first);
    KafkaCluster cluster;

  private:
    SimRandom random_;
};

/// librdkafka's own brokers, inside this process.
class MockWorld final : public LogWorld {
  public:
    MockWorld();
    ~MockWorld() override;
    LogReader::Open open() override { return kafka_->open(); }
    void append_foreign(std::string_view text) override { kafka_->append_foreign(text); }
    /// The next produce requests end so.
    void fail_produce(std::vector<rd_kafka_resp_err_t> const& errors);

  private:
    rd_kafka_t* host_;
    rd_kafka_mock_cluster_t* brokers_;
    std::unique_ptr<KafkaWorld> kafka_;
};

}  // namespace capstan::test
