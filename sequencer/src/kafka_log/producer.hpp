#pragma once
#include <capstan/sequencer/kafka_log.hpp>
#include <functional>
#include <memory>

#include "handles.hpp"
#include "wake.hpp"

namespace capstan::kafka {

/// Sends records to one partition, idempotently. Only failures are told: a record that went through
/// is read. Threading: one at a time.
class Producer {
  public:
    /// Errors: `config_invalid`.
    static Result<std::unique_ptr<Producer>> open(KafkaLogOptions const& options, LogWake& wake);
    /// What is on its way may still arrive.
    ~Producer();

    /// Copies the record and gives it to librdkafka. False if that takes no more for now.
    bool send(ByteView record, LogOrigin const& origin);

    /// Tells which tokens failed. False once this producer is of no more use: another one has to
    /// send all that was not seen.
    bool serve(std::function<void(std::uint64_t)> const& on_failed);

  private:
    Producer(Client client, KafkaLogOptions const& options, LogWake& wake);

    Client client_;
    Queue events_;
    WakeOn wake_on_;
    Topic topic_;
    std::int32_t partition_;
};

}  // namespace capstan::kafka
