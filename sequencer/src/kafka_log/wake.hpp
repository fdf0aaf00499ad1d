#pragma once
#include <capstan/sequencer/shared_log.hpp>

#include "handles.hpp"

namespace capstan::kafka {

/// Wakes the log's owner when a queue of librdkafka is no longer empty, for as long as this lives.
/// Lifetime: the queue and the wake outlive it.
class WakeOn {
  public:
    WakeOn(rd_kafka_queue_t* queue, LogWake& wake) : queue_(queue) {
        rd_kafka_queue_cb_event_enable(queue_, call, &wake);
    }
    ~WakeOn() { rd_kafka_queue_cb_event_enable(queue_, nullptr, nullptr); }
    WakeOn(WakeOn const&) = delete;
    WakeOn& operator=(WakeOn const&) = delete;

  private:
    static void call(rd_kafka_t*, void* wake) { (*static_cast<LogWake*>(wake))(); }

    rd_kafka_queue_t* queue_;
};

}  // namespace capstan::kafka
