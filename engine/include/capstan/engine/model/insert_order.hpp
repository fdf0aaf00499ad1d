#pragma once
#include <capstan/engine/model/object.hpp>
#include <capstan/engine/model/object_table.hpp>
#include <vector>

namespace capstan {

/// Live objects of one type in causal order of their inserts, (a, run_first, seq, id): the newest k
/// are at its end. Chunks of slots; most inserts go to the end.
class InsertOrder {
  public:
    struct Entry {
        std::uint64_t a = 0;
        std::uint64_t run_first = 0;
        std::uint64_t seq = 0;
        std::uint32_t slot = 0;
    };
    static Entry entry(InsertStamp const& at, std::uint32_t slot) {
        return {at.a, at.run_first, at.seq, slot};
    }

    void insert(Entry const& entry, ObjectTable const& objects);
    /// Precondition: the entry is in it.
    void erase(Entry const& entry, ObjectTable const& objects);
    std::size_t size() const { return size_; }
    std::vector<std::vector<Entry>> const& chunks() const { return chunks_; }
    std::size_t bytes() const;

    /// Total: equal stamps, of objects that one event inserted, go by id.
    static bool before(Entry const& x, Entry const& y, ObjectTable const& objects);

  private:
    static constexpr std::size_t kChunkMax = 256;
    std::size_t chunk_of(Entry const& entry, ObjectTable const& objects) const;

    std::vector<std::vector<Entry>> chunks_;  // none is empty
    std::size_t size_ = 0;
};

}  // namespace capstan
