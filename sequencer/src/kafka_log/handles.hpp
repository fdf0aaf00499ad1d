#pragma once
#include <librdkafka/rdkafka.h>

#include <capstan/schema/error.hpp>
#include <memory>
#include <string_view>

/// Owners of librdkafka's objects. Source: rdkafka.h of librdkafka 2.0.2.
namespace capstan::kafka {

template <class T, void (*Destroy)(T*)>
struct Destroyer {
    void operator()(T* object) const { Destroy(object); }
};
template <class T, void (*Destroy)(T*)>
using Owner = std::unique_ptr<T, Destroyer<T, Destroy>>;

using Client = Owner<rd_kafka_t, rd_kafka_destroy>;
using Topic = Owner<rd_kafka_topic_t, rd_kafka_topic_destroy>;
using Queue = Owner<rd_kafka_queue_t, rd_kafka_queue_destroy>;
using Event = Owner<rd_kafka_event_t, rd_kafka_event_destroy>;
using Message = Owner<rd_kafka_message_t, rd_kafka_message_destroy>;

/// An error of a broker or of librdkafka as one of ours.
Error to_error(rd_kafka_resp_err_t code, std::string_view doing);

}  // namespace capstan::kafka
