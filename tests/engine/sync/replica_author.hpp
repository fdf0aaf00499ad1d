// What devices do in random networks: operations on things that they share, and a note of each
// write in a log of the device's own.
#pragma once
#include <capstan/schema/event.hpp>
#include <cstdint>
#include <string>

#include "dice.hpp"
#include "replica_device.hpp"

namespace capstan::test {

class ReplicaAuthor {
  public:
    explicit ReplicaAuthor(Dice& dice) : dice_(dice) {}

    Event event(ReplicaDevice& device);
    /// A value where others write as well.
    Event quarrel(ReplicaDevice& device);
    /// What the last one noted of itself.
    std::string const& last_note() const { return note_; }

  private:
    void note(ReplicaDevice& device, Event& event);
    void write_down(ReplicaDevice& device, Event& event, std::string const& log);
    void edit_text(ReplicaDevice& device, Event& event, std::string const& id);
    void edit_list(ReplicaDevice& device, Event& event, std::string const& id);
    void set(Event& event, std::string const& id);
    void update(ReplicaDevice& device, Event& event, std::string const& id);

    Dice& dice_;
    std::uint64_t last_ = 0;
    std::string note_;
};

}  // namespace capstan::test
