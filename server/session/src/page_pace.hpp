#pragma once
#include <algorithm>
#include <capstan/engine/runtime/clock.hpp>
#include <cstddef>

namespace capstan {

/// How large the pages are that a connection gets: about what it takes in a moment. The first ones
/// are small and grow with every one that is taken quickly. So a reader whose connection dies again
/// and again gets on all the same, and a slow one pins little memory.
class PagePace {
  public:
    PagePace(std::size_t bytes_first, std::size_t bytes_max)
        : min_(std::min(bytes_first, bytes_max)), max_(bytes_max), bytes_(min_) {}

    std::size_t bytes() const { return bytes_; }
    /// The connection takes the largest pages at once: what comes next is worth preparing.
    bool is_full() const { return bytes_ == max_; }

    /// It was given this to write, and has written it. Little tells nothing: the kernel had room.
    void took(std::size_t bytes, Duration time) {
        if (time > kSlow) {
            bytes_ = std::max(min_, bytes_ / 2);
        } else if (time < kQuick && bytes >= bytes_ / 2) {
            bytes_ = std::min(max_, bytes_ * 2);
        }
    }

  private:
    static constexpr Duration kQuick = std::chrono::milliseconds(100);
    static constexpr Duration kSlow = std::chrono::seconds(1);

    std::size_t min_;
    std::size_t max_;
    std::size_t bytes_;
};

}  // namespace capstan
