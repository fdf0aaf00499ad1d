#pragma once
#include <capstan/engine/causality/ranges.hpp>
#include <capstan/schema/ids.hpp>
#include <cstdint>
#include <map>

namespace capstan {

/// How two sets of events stand to each other.
enum class CausalRelation : std::uint8_t { equal, before, after, concurrent };

/// Per device, the dots 1..n that were seen. Two integers (`CausalStamp`) say the same about one
/// sequenced event; this says it about any set of events that is closed per device.
class VersionVector {
  public:
    /// 0 for a device of which nothing was seen.
    Counter at(DeviceId const& device) const;
    bool contains(Dot const& dot) const { return dot.counter <= at(dot.device); }
    /// Sees all dots of the device up to this one.
    void raise(Dot const& dot);
    void merge(VersionVector const& other);
    bool includes(VersionVector const& other) const;
    /// `before`: `other` has seen all of this, and more.
    CausalRelation relation(VersionVector const& other) const;

    bool empty() const { return counters_.empty(); }
    std::map<DeviceId, Counter> const& counters() const { return counters_; }
    friend bool operator==(VersionVector const&, VersionVector const&) = default;

  private:
    std::map<DeviceId, Counter> counters_;  // no zeros
};

/// A version vector and the stray dots ahead of it: any set of dots.
///
/// Invariant: no stray dot is one that the vector contains or that follows it directly.
class CausalContext {
  public:
    void add(Dot const& dot);
    void merge(CausalContext const& other);
    bool contains(Dot const& dot) const;
    /// The dots of the device that are missing below its highest one seen.
    std::vector<CounterRanges::Range> missing(DeviceId const& device) const;

    VersionVector const& vector() const { return vector_; }
    std::map<DeviceId, CounterRanges> const& strays() const { return strays_; }

    void check_invariants() const;
    friend bool operator==(CausalContext const&, CausalContext const&) = default;

  private:
    /// Takes the dots first..last of the device in, joining strays to the vector where they meet.
    void add(DeviceId const& device, Counter first, Counter last);

    VersionVector vector_;
    std::map<DeviceId, CounterRanges> strays_;  // no empty sets
};

}  // namespace capstan
