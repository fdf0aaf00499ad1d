#pragma once
#include <boost/unordered/unordered_flat_map.hpp>
#include <capstan/sequencer/checkpoint_store.hpp>
#include <deque>
#include <optional>
#include <vector>

namespace capstan {

/// The changes of streams that no durable checkpoint holds yet, in journal order.
class ChangeLog {
  public:
    void add(StreamNumber stream, Position position);
    /// Nothing if the stream has not changed since the last durable checkpoint.
    std::optional<Position> last_change(StreamNumber stream) const;
    /// Appends the streams whose last change lies above `position`, up to `limit` results in all.
    void changed_after(Position position,
                       std::size_t limit,
                       std::vector<StreamChange>& result) const;
    /// Forgets changes up to a durable checkpoint.
    void drop_through(Position position);

  private:
    std::deque<StreamChange> changes_;  // ascending; a stream's older ones linger
    boost::unordered_flat_map<std::uint32_t, Position> last_;
};

}  // namespace capstan
