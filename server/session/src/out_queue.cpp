#include "out_queue.hpp"

#include <algorithm>

namespace capstan {
namespace {

constexpr std::size_t kAlignment = 8;  // of messages in a payload
constexpr std::size_t kKeptCapacity = 64;

std::size_t padded(std::size_t bytes) {
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

SharedBytes OutQueue::pop() {
    auto message = std::move(messages_[first_++]);
    bytes_ -= message->size();
    if (first_ == messages_.size()) {
        clear();
    }
    return message;
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
        auto const longer = padded(total) + messages_[first_ + count]->size();
        if (longer > join_max) {
            break;
        }
        total = longer;
        ++count;
    }
    return {count, total};
}

SharedBytes OutQueue::take(std::size_t join_max) {
    if (empty()) {
        return nullptr;
    }
    auto const [count, total] = fitting(join_max);
    if (count <= 1) {
        return pop();
    }
    Bytes joined;
    joined.reserve(total);
    for (std::size_t i = 0; i < count; ++i) {
        joined.resize(padded(joined.size()));
        auto const message = pop();
        joined.insert(joined.end(), message->begin(), message->end());
    }
    return std::make_shared<Bytes const>(std::move(joined));
}

}  // namespace capstan
