#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/sequencer/partition.hpp>
#include <string>

namespace capstan {

/// Whether the disk keeps up with what is published. Pure: it is told marks and times.
class DiskWatch {
  public:
    /// A publish was turned away because there is no room.
    void on_full() { is_full_ = true; }
    /// Why the server is not as it should be; empty: it is. About once a second.
    std::string look(PartitionMarks const& marks, Instant now);

  private:
    Position durable_;  // when it last moved
    Instant moved_;
    bool is_full_ = false;  // and nothing has become durable since
};

}  // namespace capstan
