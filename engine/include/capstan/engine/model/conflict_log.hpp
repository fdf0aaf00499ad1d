#pragma once
#include <capstan/engine/model/changes.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace capstan {

/// The newest conflicts, for people and metrics. Bounded in records and bytes: the oldest go first,
/// and are counted. No part of a model's state.
class ConflictLog {
  public:
    struct Limits {
        std::size_t records_max = 1'024;
        std::size_t bytes_max = 1'048'576;
    };

    ConflictLog() = default;
    explicit ConflictLog(Limits limits) : limits_(limits) {}

    void add(Changes const& changes);
    std::deque<Conflict> const& newest() const { return records_; }
    /// All conflicts so far, those that are gone included.
    std::uint64_t count() const { return count_; }
    std::size_t bytes() const { return bytes_; }

  private:
    static std::size_t bytes_of(Conflict const& conflict);

    Limits limits_;
    std::deque<Conflict> records_;
    std::size_t bytes_ = 0;
    std::uint64_t count_ = 0;
};

}  // namespace capstan
