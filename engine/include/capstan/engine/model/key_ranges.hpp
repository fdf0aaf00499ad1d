#pragma once
#include <capstan/engine/model/model.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace capstan {

/// The live objects of a model at one seq in order of id, with the hash of any range of ids: a hash
/// tree whose nodes may be cut anywhere. A change of a model costs nothing for it; it is built when
/// two models of one seq disagree, to find where.
///
/// Building is O(n log n), each question O(log n). Valid until the next event is applied.
class KeyRanges {
  public:
    /// Ids from `first` on and before `end`; an empty `end` is behind all.
    struct Range {
        std::string first;
        std::string end;
        std::uint64_t objects = 0;
        std::uint64_t hash = 0;
        friend bool operator==(Range const&, Range const&) = default;
    };

    explicit KeyRanges(Model const& model);

    /// Count and hash of the ids in [first, end).
    Range range(std::string_view first, std::string_view end) const;
    /// Cuts [first, end) into at most `parts` ranges of about as many objects each. What the peer
    /// has between the same ids is compared by its own `range`.
    std::vector<Range> split(std::string_view first, std::string_view end, std::size_t parts) const;
    std::vector<Object const*> const& objects() const { return objects_; }

  private:
    std::size_t place(std::string_view id) const;
    std::size_t place_end(std::string_view end) const;

    std::vector<Object const*> objects_;  // by id
    std::vector<std::uint64_t> sums_;     // of the hashes of all before
};

}  // namespace capstan
