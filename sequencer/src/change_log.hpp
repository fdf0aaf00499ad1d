#pragma once
#include <boost/unordered/unordered_flat_map.hpp>
#include <capstan/sequencer/checkpoint_store.hpp>
#include <deque>
#include <optional>
#include <vector>

namespace capstan {

/// The changes of streams that no durable checkpoint holds yet, in journal order. Noting one is an
/// append; what is asked seldom pays: the first question after new changes sorts them in, and drops
/// those that a later one of the same stream has made stale.
class ChangeLog {
  public:
    void add(StreamNumber stream, Position position);
    /// Whether a stream has changed since the last durable checkpoint.
    bool has(StreamNumber stream);
    /// Appends the streams whose last change lies above `position`, up to `limit` results in all.
    void changed_after(Position position, std::size_t limit, std::vector<StreamChange>& result);
    /// Forgets changes up to a durable checkpoint.
    void drop_through(Position position);

  private:
    bool is_last(StreamChange const& change) const;
    void sort_in();

    std::deque<StreamChange> changes_;                         // ascending
    std::size_t sorted_in_ = 0;                                // so many of them are in last_
    boost::unordered_flat_map<std::uint32_t, Position> last_;  // the last change of each stream
};

}  // namespace capstan
