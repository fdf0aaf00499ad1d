#pragma once
#include <array>
#include <capstan/schema/bytes.hpp>
#include <capstan/server/session/session.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace capstan {

/// A message that waits: whole, or its head and its runs.
struct OutMessage {
    SharedBytes first;
    SharedBytes second;

    std::size_t bytes() const { return first->size() + (second ? second->size() : 0); }
    friend bool operator==(OutMessage const&, OutMessage const&) = default;
};

/// Copies small messages behind one another. Readers of one stream have the same ones waiting, so
/// what was joined last is kept and shared.
class JoinedMessages {
  public:
    /// `bytes`: of all with the padding between them.
    SharedBytes join(std::span<OutMessage const> messages, std::size_t bytes);

  private:
    struct Join {
        std::vector<OutMessage> messages;  // held, so that equal addresses are equal messages
        SharedBytes joined;
    };
    std::array<Join, 4> last_;
    std::size_t oldest_ = 0;
};

/// Messages that wait for the connection, first in, first out.
class OutQueue {
  public:
    void push(OutMessage message) {
        bytes_ += message.bytes();
        messages_.push_back(std::move(message));
    }
    /// The next payload: the first message itself; or, joined, as many as stay within `join_max`
    /// together. Nothing when empty.
    Payload take(std::size_t join_max, JoinedMessages& joined);
    void clear();

    bool empty() const { return messages_.empty(); }
    std::size_t bytes() const { return bytes_; }

  private:
    std::size_t size() const { return messages_.size() - first_; }
    void drop(std::size_t count);
    /// How many messages fit, and their length with the padding between them.
    std::pair<std::size_t, std::size_t> fitting(std::size_t join_max) const;

    std::vector<OutMessage> messages_;  // from first_ on; empty together
    std::size_t first_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace capstan
