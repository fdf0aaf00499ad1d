#include "due_streams.hpp"

#include <algorithm>

namespace capstan {
namespace {

/// Streams are looked at for their age so often: all of them, so not with each tick.
constexpr Duration kLookEvery = std::chrono::seconds(10);

/// What came before this process began to count: by the mean of what the snapshot holds.
std::uint64_t bytes_before(SnapshotOffer const* last, Seq head) {
    if (last == nullptr || last->seq.value == 0 || head <= last->seq) {
        return 0;
    }
    return (head.value - last->seq.value) * (last->event_bytes / last->seq.value);
}

}  // namespace

void DueStreams::add(
    StreamNumber stream, std::string_view name, SnapshotOffer const* last, Seq head, Instant now) {
    forget_some();
    since_.emplace(stream.value,
                   Since{.name = std::string(name),
                         .last = last == nullptr ? Seq{} : last->seq,
                         .head = head,
                         .bytes = bytes_before(last, head),
                         .first = now});
}

bool DueStreams::moved(StreamNumber stream, Seq head, std::uint64_t bytes) {
    auto& since = since_.at(stream.value);
    since.head = head;
    since.bytes += bytes;
    auto const events = head.value - std::min(head.value, since.last.value);
    return (policy_.events != 0 && events >= policy_.events) ||
           (policy_.bytes != 0 && since.bytes >= policy_.bytes);
}

void DueStreams::covered(StreamNumber stream, Seq seq, Instant now) {
    auto const at = since_.find(stream.value);
    if (at == since_.end()) {
        return;
    }
    if (at->second.head <= seq) {
        since_.erase(at);
    } else {
        at->second.last = seq;
        at->second.bytes = 0;
        at->second.first = now;
    }
}

std::vector<DueStreams::Stream> DueStreams::aged(Instant now) {
    std::vector<Stream> due;
    if (policy_.age == Duration{} || now - looked_ < kLookEvery) {
        return due;
    }
    looked_ = now;
    for (auto const& [number, since] : since_) {
        bool const enough = since.head.value >= since.last.value + policy_.events_min;
        if (enough && now - since.first >= policy_.age) {
            due.push_back({StreamNumber{number}, since.name});
        }
    }
    return due;
}

void DueStreams::forget_some() {
    if (since_.size() < kStreamsMax) {
        return;
    }
    std::vector<std::uint64_t> bytes;
    for (auto const& [stream, since] : since_) {
        bytes.push_back(since.bytes);
    }
    auto const middle = bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() / 2);
    std::ranges::nth_element(bytes, middle);
    boost::unordered::erase_if(
        since_, [limit = *middle](auto const& one) { return one.second.bytes <= limit; });
}

}  // namespace capstan
