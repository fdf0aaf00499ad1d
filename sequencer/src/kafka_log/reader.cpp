#include "reader.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "client.hpp"
#include "record.hpp"

namespace capstan::kafka {
namespace {

constexpr std::size_t kBatchMax = 1'024;
constexpr int kAskForMs = 1'000;  // who waits may ask again, and nothing is read meanwhile

ByteView bytes_of(rd_kafka_message_t const& message) {
    return {static_cast<std::byte const*>(message.payload), message.len};
}

/// The log has lost what comes next; every other error passes.
bool has_lost(rd_kafka_resp_err_t error) {
    return error == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
           error == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE ||
           error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
           error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

}  // namespace

Result<std::unique_ptr<Reader>> Reader::open(KafkaLogOptions const& options, LogWake& wake) {
    Settings const settings = {
        {"auto.offset.reset", "error"},
        {"enable.auto.commit", "false"},
        {"isolation.level", "read_uncommitted"},
        {"check.crcs", "true"},
        {"fetch.error.backoff.ms", "20"},
        {"fetch.message.max.bytes", "4194304"},
    };
    CAPSTAN_TRY(auto client, make_client(RD_KAFKA_CONSUMER, options.cluster, settings));
    CAPSTAN_TRY(auto asker, make_client(RD_KAFKA_CONSUMER, options.cluster, settings));
    std::unique_ptr<Reader> reader(new Reader(std::move(client), std::move(asker), options, wake));
    if (rd_kafka_consume_start_queue(
            reader->topic_.get(), options.partition, options.from.value, reader->records_.get()) !=
        0) {
        return to_error(rd_kafka_last_error(), "reading " + options.cluster.journal_topic());
    }
    return reader;
}

Reader::Reader(Client client, Client asker, KafkaLogOptions const& options, LogWake& wake)
    : client_(std::move(client)),
      asker_(std::move(asker)),
      topic_(rd_kafka_topic_new(client_.get(), options.cluster.journal_topic().c_str(), nullptr)),
      records_(rd_kafka_queue_new(client_.get())),
      wake_on_(records_.get(), wake),
      partition_(options.partition),
      next_(options.from) {}

Reader::~Reader() {
    rd_kafka_consume_stop(topic_.get(), partition_);
}

Result<std::size_t> Reader::read(std::size_t records_max, LogVisitor const& visit) {
    rd_kafka_poll(client_.get(), 0);
    if (diverged_) {
        return *diverged_;
    }
    std::array<rd_kafka_message_t*, kBatchMax> batch{};
    auto const got = rd_kafka_consume_batch_queue(
        records_.get(), 0, batch.data(), std::min(records_max, batch.size()));
    std::size_t count = 0;
    for (auto* const raw : std::span(batch).first(got < 0 ? 0 : static_cast<std::size_t>(got))) {
        Message const message(raw);
        if (!diverged_) {
            auto const is_record = visit_one(*message, visit);
            count += is_record && is_record.value() ? 1 : 0;
            diverged_ = is_record ? std::nullopt : std::optional(is_record.error());
        }
    }
    if (diverged_ && count == 0) {
        return *diverged_;
    }
    return count;
}

/// True if it was a record. Errors: `journal_diverged`.
Result<bool> Reader::visit_one(rd_kafka_message_t const& message, LogVisitor const& visit) {
    if (has_lost(message.err)) {
        return Error{Errc::journal_diverged,
                     "offset " + std::to_string(next_.value) +
                         " is wanted: " + rd_kafka_message_errstr(&message)};
    }
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return false;
    }
    if (LogOffset{message.offset} < next_) {
        return Error{Errc::journal_diverged,
                     "offset " + std::to_string(next_.value) + " is wanted, got " +
                         std::to_string(message.offset)};
    }
    next_ = LogOffset{message.offset}.next();
    visit({.offset = LogOffset{message.offset},
           .origin = origin_of(message),
           .bytes = bytes_of(message)});
    return true;
}

Result<LogExtent> Reader::extent() {
    LogExtent extent;
    auto const error = rd_kafka_query_watermark_offsets(asker_.get(),
                                                        rd_kafka_topic_name(topic_.get()),
                                                        partition_,
                                                        &extent.first.value,
                                                        &extent.end.value,
                                                        kAskForMs);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return to_error(error, "asking for the extent of the journal");
    }
    return extent;
}

}  // namespace capstan::kafka
