#include <capstan/snapshotter/tape.hpp>
#include <utility>

namespace capstan {

Event event_of(ByteView bytes) {
    auto event = decode_event(bytes);
    return event ? std::move(event).value() : Event{};
}

}  // namespace capstan
