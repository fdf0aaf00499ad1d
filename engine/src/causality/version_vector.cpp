#include <capstan/engine/causality/version_vector.hpp>

namespace capstan {

Counter VersionVector::at(DeviceId const& device) const {
    auto const found = counters_.find(device);
    return found == counters_.end() ? Counter{} : found->second;
}

void VersionVector::raise(Dot const& dot) {
    if (dot.counter > Counter{}) {
        auto& counter = counters_[dot.device];
        counter = std::max(counter, dot.counter);
    }
}

void VersionVector::merge(VersionVector const& other) {
    for (auto const& [device, counter] : other.counters_) {
        raise(Dot{device, counter});
    }
}

bool VersionVector::includes(VersionVector const& other) const {
    return std::ranges::all_of(other.counters_, [this](auto const& seen) {
        return contains(Dot{seen.first, seen.second});
    });
}

CausalRelation VersionVector::relation(VersionVector const& other) const {
    bool const has_all_of_other = includes(other);
    if (other.includes(*this)) {
        return has_all_of_other ? CausalRelation::equal : CausalRelation::before;
    }
    return has_all_of_other ? CausalRelation::after : CausalRelation::concurrent;
}

void CausalContext::add(Dot const& dot) {
    add(dot.device, dot.counter, dot.counter);
}

void CausalContext::add(DeviceId const& device, Counter first, Counter last) {
    if (last <= vector_.at(device)) {
        return;
    }
    auto const joined = strays_.try_emplace(device).first;
    CounterRanges& strays = joined->second;
    strays.add(first, last);
    auto const front = strays.ranges().front();
    if (front.first > vector_.at(device).next()) {
        return;
    }
    vector_.raise(Dot{device, front.last});
    strays.drop_through(front.last);
    if (strays.empty()) {
        strays_.erase(joined);
    }
}

void CausalContext::merge(CausalContext const& other) {
    for (auto const& [device, counter] : other.vector_.counters()) {
        add(device, Counter{1}, counter);
    }
    for (auto const& [device, strays] : other.strays_) {
        for (auto const& range : strays.ranges()) {
            add(device, range.first, range.last);
        }
    }
}

bool CausalContext::contains(Dot const& dot) const {
    if (vector_.contains(dot)) {
        return true;
    }
    auto const strays = strays_.find(dot.device);
    return strays != strays_.end() && strays->second.contains(dot.counter);
}

std::vector<CounterRanges::Range> CausalContext::missing(DeviceId const& device) const {
    auto const strays = strays_.find(device);
    if (strays == strays_.end()) {
        return {};
    }
    return strays->second.holes(vector_.at(device).next(), strays->second.ranges().back().last);
}

void CausalContext::check_invariants() const {
    for (auto const& [device, strays] : strays_) {
        strays.check_invariants();
        CAPSTAN_INVARIANT(!strays.empty());
        CAPSTAN_INVARIANT(strays.ranges().front().first > vector_.at(device).next());
    }
}

}  // namespace capstan
