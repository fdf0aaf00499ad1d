#include <algorithm>
#include <capstan/sequencer/fold_rows.hpp>

namespace capstan {
namespace {

constexpr std::size_t kPruneSizeMin = 64;

constexpr std::uint64_t minus(std::uint64_t a, std::uint64_t b) {
    return a > b ? a - b : 0;
}

}  // namespace

bool is_member(MarkContext const& at, Member const& device) {
    auto const p_min = std::max(minus(at.head.value, at.policy.horizon), at.mark.value);
    return device.preceding_seq.value >= p_min &&
           at.head.value - device.joined.value < at.policy.window;
}

void Members::put(Member const& member, std::optional<Seq> before, MarkContext const& at) {
    auto node =
        before ? by_p_.extract(Place{*before, member.device}) : decltype(by_p_)::node_type{};
    if (!is_member(at, member)) {
        return;
    }
    Place const place{member.preceding_seq, member.device};
    if (node) {
        node.key() = place;
        node.mapped() = member.joined;
        by_p_.insert(by_p_.end(), std::move(node));
    } else {
        by_p_.emplace_hint(by_p_.end(), place, member.joined);
    }
    if (by_p_.size() >= prune_at_) {
        prune(at);
    }
}

void Members::prune(MarkContext const& at) {
    std::erase_if(by_p_, [&](auto const& entry) {
        return !is_member(at, {entry.first.device, entry.first.preceding_seq, entry.second});
    });
    prune_at_ = std::max(kPruneSizeMin, 2 * by_p_.size());
}

std::optional<Seq> Members::smallest(MarkContext const& at) {
    while (!by_p_.empty()) {
        auto const& [place, joined] = *by_p_.begin();
        if (is_member(at, {place.device, place.preceding_seq, joined})) {
            return place.preceding_seq;
        }
        by_p_.erase(by_p_.begin());
    }
    return std::nullopt;
}

std::vector<Member> Members::current(MarkContext const& at) const {
    std::vector<Member> members;
    for (auto const& [place, joined] : by_p_) {
        Member const member{place.device, place.preceding_seq, joined};
        if (is_member(at, member)) {
            members.push_back(member);
        }
    }
    return members;
}

}  // namespace capstan
