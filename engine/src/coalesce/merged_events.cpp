#include "coalesce/merged_events.hpp"

#include <utility>

namespace capstan::coalesce {
namespace {

/// Tables, offsets and padding of an operation: never more than this.
constexpr std::size_t kOpOverhead = 208;

struct ContentBytes {
    std::size_t operator()(std::string const& text) const { return text.size(); }
    std::size_t operator()(Bytes const& bytes) const { return bytes.size(); }
    std::size_t operator()(Reference const& reference) const { return reference.object.size(); }
    std::size_t operator()(BlobReference const& blob) const { return blob.media_type.size(); }
    std::size_t operator()(auto const&) const { return 0; }
};

}  // namespace

std::size_t MergedEvents::bytes_of(Op const& op) {
    return kOpOverhead + op.object.size() + op.field.size() + op.type.size() + op.key.size() +
           std::visit(ContentBytes{}, op.value);
}

void MergedEvents::open(std::optional<Seq> authored_p) {
    events_.emplace_back().authored_p = authored_p;
}

bool MergedEvents::has_room(std::size_t event, std::size_t ops, std::size_t bytes) const {
    auto const& slot = events_[event];
    return slot.live + ops <= kEventOpsMax && kEventOverhead + slot.bytes + bytes <= kEventBytesMax;
}

EntryPlace MergedEvents::append(std::size_t event, Op op) {
    auto& slot = events_[event];
    auto const bytes = bytes_of(op) + (slot.live == 0 ? kEventOverhead : 0);
    live_ += slot.live == 0 ? 1 : 0;
    slot.inserts = slot.inserts || op.kind == OpKind::insert;
    slot.live += 1;
    slot.bytes += bytes;
    bytes_ += bytes;
    slot.ops.emplace_back(std::move(op));
    return {event, slot.ops.size() - 1};
}

void MergedEvents::drop(EntryPlace place) {
    auto& slot = events_[place.event];
    auto& op = slot.ops[place.entry];
    if (!op) {
        return;
    }
    slot.live -= 1;
    live_ -= slot.live == 0 ? 1 : 0;
    auto const bytes = bytes_of(*op) + (slot.live == 0 ? kEventOverhead : 0);
    slot.bytes -= bytes;
    bytes_ -= bytes;
    op.reset();
}

std::vector<Event> MergedEvents::take() {
    std::vector<Event> result;
    for (auto& slot : events_) {
        if (slot.live == 0) {
            continue;
        }
        auto& event = result.emplace_back();
        event.authored_p = slot.authored_p;
        event.ops.reserve(slot.live);
        for (auto& op : slot.ops) {
            if (op) {
                event.ops.push_back(std::move(*op));
            }
        }
    }
    *this = MergedEvents();
    return result;
}

}  // namespace capstan::coalesce
