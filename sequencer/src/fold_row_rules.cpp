#include "fold_row_rules.hpp"

#include <algorithm>

namespace capstan {
namespace {

bool nothing_happened(StreamRow const& row) {
    return row.edition == Edition{} && row.generation == Generation{} && row.lineage_ordinal == 0 &&
           row.ended.empty() && row.head == Seq{} && row.chain == Hash128{} && row.mark == Seq{} &&
           row.policy == FoldPolicy{};
}

bool ends_ascend(StreamRow const& row) {
    Seq last;
    for (auto const& ended : row.ended) {
        if (ended.generation == Generation{} || ended.last < last) {
            return false;
        }
        last = ended.last;
    }
    return last <= row.head && row.ended.size() <= row.lineage_ordinal;
}

bool can_halt(Errc reason) {
    switch (reason) {
        case Errc::generation_changed:
        case Errc::preceding_seq_invalid:
        case Errc::stream_sealed:
        case Errc::stream_full:
        case Errc::rebase_needed:
        case Errc::position_conflict:
            return true;
        default:
            return false;
    }
}

template <class Row>
void require_valid(Row const& row) {
    auto const rule = broken_rule(row);
    CAPSTAN_INVARIANT(rule.empty(), rule);
}

}  // namespace

std::string_view broken_rule(PartitionRow const& row) {
    auto lineages = row.lineages;
    std::sort(lineages.begin(), lineages.end());
    auto const distinct = std::adjacent_find(lineages.begin(), lineages.end()) == lineages.end();
    if (!distinct || (!lineages.empty() && lineages.front() == Lineage{})) {
        return "lineages are distinct and non-zero";
    }
    auto const not_after = [](Beacon const& a, Beacon const& b) {
        return a.position >= b.position;
    };
    if (std::adjacent_find(row.marks.begin(), row.marks.end(), not_after) != row.marks.end() ||
        row.marks.size() > kStateMarksMax ||
        (!row.marks.empty() && row.marks.back().position > row.position)) {
        return "marks ascend, are few and not ahead";
    }
    return {};
}

std::string_view broken_rule(StreamRow const& row) {
    if (row.known() != is_stream_name(row.name)) {
        return "a known stream has a name";
    }
    if (!row.exists()) {
        return nothing_happened(row) ? std::string_view() : "an absent stream has no history";
    }
    if (row.edition == Edition{} || row.generation == Generation{}) {
        return "a stream has an edition and a generation";
    }
    if (row.mark > row.head || row.head > kSeqMax) {
        return "mark <= head <= kSeqMax";
    }
    if (!ends_ascend(row)) {
        return "ended generations ascend up to the head";
    }
    if ((row.head == Seq{}) != (row.chain == chain_start(row.name))) {
        return "the chain starts at the name";
    }
    return {};
}

std::string_view broken_rule(DeviceRow const& row) {
    if (!row.known()) {
        return row == DeviceRow{} ? std::string_view() : "a device never seen has no state";
    }
    if ((row.last.counter == Counter{}) != (row.last.attempt == Attempt{}) ||
        row.last.attempt > row.attempt || row.last.counter.value > kSeqMax.value) {
        return "last is none or of an attempt so far";
    }
    if (row.halted && !can_halt(*row.halted)) {
        return "halted by a refusal";
    }
    if (row.preceding_seq > kSeqMax || (row.joined && *row.joined > kSeqMax)) {
        return "p is a seq";
    }
    return {};
}

void check_invariants(PartitionRow const& row) {
    require_valid(row);
}

void check_invariants(StreamRow const& row) {
    require_valid(row);
}

void check_invariants(DeviceRow const& row) {
    require_valid(row);
}

void check_invariants(StreamRow const& stream, DeviceRow const& device) {
    CAPSTAN_INVARIANT(device.preceding_seq <= stream.head);
    CAPSTAN_INVARIANT(!device.joined || *device.joined <= stream.head);
}

}  // namespace capstan
