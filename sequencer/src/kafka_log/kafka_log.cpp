#include <capstan/engine/runtime/random.hpp>
#include <capstan/sequencer/kafka_log.hpp>
#include <mutex>

#include "../unseen_appends.hpp"
#include "producer.hpp"
#include "reader.hpp"

namespace capstan {
namespace kafka {
namespace {

/// Producer, reader, and what was appended and not seen. `append` shares producer and unseen
/// records with the reading thread.
class KafkaLog final : public SharedLog {
  public:
    KafkaLog(KafkaLogOptions const& options, std::uint64_t handle, LogWake wake)
        : options_(options),
          handle_(handle),
          wake_(std::move(wake)),
          unseen_(options.unseen_bytes_max) {}

    Result<> open() {
        CAPSTAN_TRY(producer_, Producer::open(options_, wake_));
        CAPSTAN_TRY(reader_, Reader::open(options_, wake_));
        return success();
    }

    std::uint64_t handle() const override { return handle_; }

    Result<> append(Bytes record, std::uint64_t token) override {
        std::lock_guard const lock(mutex_);
        CAPSTAN_TRY(unseen_.check(record));
        unseen_.add(token, std::move(record));
        send_unsent();
        return success();
    }

    Result<std::size_t> read(std::size_t records_max, LogVisitor const& visit) override {
        serve_producer();
        return reader_->read(records_max, [&](LogRecord record) {
            if (record.origin && record.origin->handle == handle_) {
                std::lock_guard const lock(mutex_);
                record.seen = unseen_.seen(record.origin->token);
            }
            visit(record);
        });
    }

    Result<LogExtent> extent() override { return reader_->extent(); }

    void tick() override {
        serve_producer();
        std::lock_guard const lock(mutex_);
        unseen_.tick();
        send_unsent();
    }

    std::size_t unseen() const override {
        std::lock_guard const lock(mutex_);
        return unseen_.size();
    }

  private:
    void send_unsent() {
        unseen_.send([this](std::uint64_t token, ByteView record) {
            return producer_->send(record, {handle_, token});
        });
    }

    void serve_producer() {
        std::lock_guard const lock(mutex_);
        if (producer_->serve([this](std::uint64_t token) { unseen_.failed(token); })) {
            return;
        }
        // The same settings made a producer before, so this one fails only for want of memory or
        // threads; then the next tick tries again.
        if (auto another = Producer::open(options_, wake_)) {
            producer_ = std::move(another).value();
            unseen_.all_failed();
            send_unsent();
        }
    }

    KafkaLogOptions const options_;
    std::uint64_t const handle_;
    LogWake wake_;
    mutable std::mutex mutex_;
    UnseenAppends unseen_;                // guarded by mutex_
    std::unique_ptr<Producer> producer_;  // guarded by mutex_
    std::unique_ptr<Reader> reader_;
};

}  // namespace
}  // namespace kafka

Result<std::unique_ptr<SharedLog>> open_kafka_log(KafkaLogOptions const& options,
                                                  Random& random,
                                                  LogWake wake) {
    auto const handle = options.handle ? *options.handle : random.next();
    auto log = std::make_unique<kafka::KafkaLog>(options, handle, std::move(wake));
    CAPSTAN_TRY(log->open());
    return std::unique_ptr<SharedLog>(std::move(log));
}

}  // namespace capstan
