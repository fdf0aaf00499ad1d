#include "producer.hpp"

#include "client.hpp"
#include "record.hpp"

namespace capstan::kafka {

Result<std::unique_ptr<Producer>> Producer::open(KafkaLogOptions const& options, LogWake& wake) {
    auto const room_kilobytes = 2 * options.unseen_bytes_max / 1'024 + 1'024;
    Settings const settings = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"linger.ms", std::to_string(options.linger_ms)},
        {"message.timeout.ms", "0"},  // never given up: the outcome stays open until it is read
        // A submission, its key, and a batch's header: the limit of brokers as they come.
        {"message.max.bytes", "1048588"},
        {"queue.buffering.max.kbytes", std::to_string(room_kilobytes)},
        {"delivery.report.only.error", "true"},
    };
    CAPSTAN_TRY(auto client,
                make_client(RD_KAFKA_PRODUCER,
                            options.cluster,
                            settings,
                            RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR));
    return std::unique_ptr<Producer>(new Producer(std::move(client), options, wake));
}

Producer::Producer(Client client, KafkaLogOptions const& options, LogWake& wake)
    : client_(std::move(client)),
      events_(rd_kafka_queue_get_main(client_.get())),
      wake_on_(events_.get(), wake),
      topic_(rd_kafka_topic_new(client_.get(), options.cluster.journal_topic().c_str(), nullptr)),
      partition_(options.partition) {}

Producer::~Producer() {
    rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
}

bool Producer::send(ByteView record, LogOrigin const& origin) {
    auto const key = key_of(origin);
    // librdkafka copies; its parameter is not const for the case that it takes the memory over.
    auto* const bytes = const_cast<std::byte*>(record.data());
    return rd_kafka_produce(topic_.get(),
                            partition_,
                            RD_KAFKA_MSG_F_COPY,
                            bytes,
                            record.size(),
                            key.data(),
                            key.size(),
                            nullptr) == 0;
}

bool Producer::serve(std::function<void(std::uint64_t)> const& on_failed) {
    while (Event const event{rd_kafka_queue_poll(events_.get(), 0)}) {
        if (rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_DR) {
            continue;  // an error that librdkafka mends itself, or the fatal one asked for below
        }
        while (auto const* message = rd_kafka_event_message_next(event.get())) {
            auto const origin = origin_of(*message);
            if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && origin) {
                on_failed(origin->token);
            }
        }
    }
    return rd_kafka_fatal_error(client_.get(), nullptr, 0) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

}  // namespace capstan::kafka
