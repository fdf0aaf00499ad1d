// A text under test, driven by the events of the naive one.
#pragma once
#include <capstan/engine/text.hpp>
#include <string>
#include <vector>

#include "naive_text.hpp"

namespace capstan::test {

/// Sizes that make a short history reach every kind of split.
inline constexpr EditTuning kTinyTuning{
    .leaf_bytes = 8, .chunk_spans = 2, .far_seqs = 3, .collect_spans = 1};

inline std::vector<TextSplice> splices_of(NaiveEvent const& event) {
    std::vector<TextSplice> splices;
    for (auto const& edit : event.edits) {
        splices.push_back({edit.at, edit.removed, edit.inserted});
    }
    return splices;
}

/// A text, and what someone reads who only ever gets its effects.
struct TextRig {
    explicit TextRig(EditTuning const& tuning = kEditTuning) : text(tuning) {}

    EditVerdict apply(NaiveEvent const& event, std::uint64_t mark) {
        std::vector<TextSplice> effects;
        EditStamp const stamp{Stamp{event.seq}, Seq{event.p}, DeviceIndex{event.device}, Seq{mark}};
        auto const splices = splices_of(event);
        auto const verdict = text.apply(stamp, splices, effects);
        read(effects);
        return verdict;
    }

    void read(std::vector<TextSplice> const& effects) {
        for (auto const& effect : effects) {
            reader.replace(effect.at, effect.removed, effect.inserted);
        }
    }

    std::string str() const { return text.content().str(); }

    Text text;
    std::string reader;
};

}  // namespace capstan::test
