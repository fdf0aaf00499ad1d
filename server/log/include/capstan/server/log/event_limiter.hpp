#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace capstan {

/// Lets an event name pass at a rate, and counts what it holds back. Pure: it is told the time.
/// Memory: one entry for each name; names are literals of the program.
class EventLimiter {
  public:
    EventLimiter(std::uint64_t per_second, std::uint64_t burst)
        : gap_(Duration(std::chrono::seconds(1)) / static_cast<std::int64_t>(per_second)),
          burst_(gap_ * static_cast<std::int64_t>(burst)) {}

    /// Nothing: hold it back. Else how many were held back since the last that passed.
    std::optional<std::uint64_t> admit(std::string_view event, Instant now);

  private:
    struct Bucket {
        Instant full;  // when the bucket will be full again; before `now` it is
        std::uint64_t held_back = 0;
    };
    Duration gap_;
    Duration burst_;
    std::map<std::string, Bucket, std::less<>> buckets_;
};

}  // namespace capstan
