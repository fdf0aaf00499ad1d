#pragma once
#include <capstan/sequencer/kafka_log.hpp>
#include <memory>

#include "handles.hpp"
#include "wake.hpp"

namespace capstan::kafka {

/// Reads one partition from an offset on. Threading: one at a time.
class Reader {
  public:
    /// Errors: `config_invalid`.
    static Result<std::unique_ptr<Reader>> open(KafkaLogOptions const& options, LogWake& wake);
    ~Reader();

    /// As `SharedLog::read`.
    Result<std::size_t> read(std::size_t records_max, LogVisitor const& visit);
    /// As `SharedLog::extent`.
    Result<LogExtent> extent();

  private:
    Reader(Client client, Client asker, KafkaLogOptions const& options, LogWake& wake);
    Result<bool> visit_one(rd_kafka_message_t const& message, LogVisitor const& visit);

    Client client_;
    /// Asks how far the log goes. On the connection that reads, a question would wait behind a
    /// fetch that waits for records: half a second on a log where nothing happens.
    Client asker_;
    Topic topic_;
    Queue records_;
    WakeOn wake_on_;
    std::int32_t partition_;
    LogOffset next_;
    std::optional<Error> diverged_;
};

}  // namespace capstan::kafka
