#include "out_queue.hpp"

#include <algorithm>
#include <capstan/schema/wire.hpp>

namespace capstan {
namespace {

constexpr std::size_t kKeptCapacity = 64;

void append(Bytes& to, SharedBytes const& piece) {
    if (piece) {
        to.insert(to.end(), piece->begin(), piece->end());
    }
}

}  // namespace

SharedBytes JoinedMessages::join(std::span<OutMessage const> messages, std::size_t bytes) {
    for (auto const& known : last_) {
        if (std::ranges::equal(known.messages, messages)) {
            return known.joined;
        }
    }
    Bytes joined;
    joined.reserve(bytes);
    for (auto const& message : messages) {
        joined.resize(padded_message_bytes(joined.size()));
        append(joined, message.first);
        append(joined, message.second);
    }
    auto& join = last_[oldest_];
    oldest_ = (oldest_ + 1) % last_.size();
    join.messages.assign(messages.begin(), messages.end());
    join.joined = std::make_shared<Bytes const>(std::move(joined));
    return join.joined;
}

void OutQueue::drop(std::size_t count) {
    for (; count > 0; --count) {
        bytes_ -= messages_[first_].bytes();
        messages_[first_++] = {};
    }
    if (first_ == messages_.size()) {
        clear();
    }
}

void OutQueue::clear() {
    messages_.clear();
    if (messages_.capacity() > kKeptCapacity) {
        messages_.shrink_to_fit();
    }
    first_ = 0;
    bytes_ = 0;
}

std::pair<std::size_t, std::size_t> OutQueue::fitting(std::size_t join_max) const {
    std::size_t count = 0;
    std::size_t total = 0;
    while (count < size()) {
        auto const longer = padded_message_bytes(total) + messages_[first_ + count].bytes();
        if (longer > join_max) {
            break;
        }
        total = longer;
        ++count;
    }
    return {count, total};
}

Payload OutQueue::take(std::size_t join_max, JoinedMessages& joined) {
    if (empty()) {
        return {};
    }
    auto const [count, total] = fitting(join_max);
    Payload payload;
    if (count <= 1) {
        payload = {messages_[first_].first, messages_[first_].second};
        drop(1);
    } else {
        payload.first = joined.join(std::span(messages_).subspan(first_, count), total);
        drop(count);
    }
    return payload;
}

}  // namespace capstan
