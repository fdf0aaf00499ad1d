#pragma once
#include <capstan/engine/model/changes.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace capstan::sync {

/// What a field held before those wrote it who did not know of each other.
struct ConflictBase {
    Seq seq;                     // it held that behind this event
    std::optional<Value> value;  // nothing: absent. A present element of a set is `true`
    friend bool operator==(ConflictBase const&, ConflictBase const&) = default;
};

/// A register, a counter, an element of a set or a key of a map.
struct ValuePlace {
    std::string_view object;
    std::string_view field;
    FieldKind kind = FieldKind::reg;
    Value key;  // set: the element; map: the key
};
ValuePlace place_of(Conflict const& conflict);

/// What a stream's newest events changed, and what their authors had seen: from it follows what
/// stood before a conflict. Bounded: the oldest goes first. No part of a model's state.
class RecentPast {
  public:
    struct Limits {
        std::size_t changes_max = 4'096;
        std::size_t bytes_max = 1'048'576;
        std::size_t events_max = 16'384;
    };

    RecentPast() = default;
    explicit RecentPast(Limits limits) : limits_(limits) {}

    /// Forgets all. What is noted from now on are the events behind `seq`.
    void begin(Seq seq);
    /// The next event: `a` is what its author had really seen.
    void note(Seq seq, Seq a, DeviceId const& device, Changes const& changes);

    /// What the author of that event had seen. Nothing: it is not remembered.
    std::optional<Seq> seen_by(Seq seq) const;
    /// What the place held as all authors of the sides had seen it. `present`: what it holds
    /// behind the last event that was noted. Nothing: that is not remembered.
    std::optional<ConflictBase> base_of(ValuePlace const& place,
                                        std::span<ConflictSide const> sides,
                                        std::optional<Value> const& present) const;

  private:
    struct Known {
        Seq seq;
        Seq a;
    };
    struct Changed {
        Seq seq;
        DeviceId device;
        std::string object;
        std::string field;
        FieldKind kind = FieldKind::reg;
        Value key;
        std::optional<Value> before;
        std::optional<Value> after;

        bool is_at(ValuePlace const& place) const;
        std::size_t bytes() const;
    };
    std::optional<Seq> seen_by(ConflictSide const& side, FieldKind kind) const;
    void forget_oldest();

    Limits limits_;
    std::deque<Known> events_;     // ascending
    std::deque<Changed> changes_;  // in order
    std::size_t bytes_ = 0;        // of `changes_`
    Seq complete_from_;            // all changes behind it are here
};

}  // namespace capstan::sync
