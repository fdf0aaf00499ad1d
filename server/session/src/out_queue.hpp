#pragma once
#include <capstan/schema/bytes.hpp>
#include <cstddef>
#include <memory>
#include <vector>

namespace capstan {

using SharedBytes = std::shared_ptr<Bytes const>;

/// Messages that wait for the connection, first in, first out.
class OutQueue {
  public:
    void push(SharedBytes message) {
        bytes_ += message->size();
        messages_.push_back(std::move(message));
    }
    /// The next payload: the first message itself; or, copied behind one another, as many as stay
    /// within `join_max` together. Nothing when empty.
    SharedBytes take(std::size_t join_max);
    void clear();

    bool empty() const { return messages_.empty(); }
    std::size_t bytes() const { return bytes_; }

  private:
    std::size_t size() const { return messages_.size() - first_; }
    SharedBytes pop();
    /// How many messages fit, and their length with the padding between them.
    std::pair<std::size_t, std::size_t> fitting(std::size_t join_max) const;

    std::vector<SharedBytes> messages_;  // from first_ on; empty together
    std::size_t first_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace capstan
