#include <algorithm>
#include <bit>
#include <capstan/sequencer/stream_links.hpp>

#include "varint.hpp"

namespace capstan {
namespace {

Error damaged() {
    return Error{Errc::index_damaged, "links of a stream"};
}

}  // namespace

void StreamLinks::push(SegmentLink node) {
    CAPSTAN_INVARIANT(nodes_.empty() ||
                      (node.segment > nodes_.back().segment && node.first > nodes_.back().first));
    auto const carried = static_cast<std::size_t>(std::countr_one(segments_));
    nodes_.resize(nodes_.size() - carried);
    nodes_.push_back(node);
    ++segments_;
}

std::optional<SegmentLink> StreamLinks::newest() const {
    return nodes_.empty() ? std::nullopt : std::optional(nodes_.back());
}

std::span<SegmentLink const> StreamLinks::next_links() const {
    auto const level = static_cast<std::size_t>(std::countr_zero(segments_ + 1));
    return nodes().last(std::min(level + 1, nodes_.size()));
}

Bytes StreamLinks::encode() const {
    Bytes out;
    put_varint(out, segments_);
    SegmentLink before;
    for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
        bool const newest = node == nodes_.rbegin();
        put_varint(out, newest ? node->segment.value : before.segment.value - node->segment.value);
        put_varint(out, newest ? node->first.value : before.first.value - node->first.value);
        before = *node;
    }
    return out;
}

Result<StreamLinks> StreamLinks::decode(ByteView bytes) {
    VarintReader in(bytes);
    auto const segments = in.varint();
    if (segments > ~std::uint32_t{0}) {
        return damaged();
    }
    StreamLinks links;
    links.segments_ = static_cast<std::uint32_t>(segments);
    auto const count = static_cast<std::size_t>(std::popcount(segments));
    SegmentLink before;
    for (std::size_t i = 0; i < count; ++i) {
        SegmentLink node{SegmentNumber{in.varint()}, Seq{in.varint()}};
        if (i > 0) {
            if (node.segment.value == 0 || node.first.value == 0 ||
                node.segment >= before.segment || node.first >= before.first) {
                return damaged();
            }
            node = {SegmentNumber{before.segment.value - node.segment.value},
                    Seq{before.first.value - node.first.value}};
        }
        if (node.segment.value == 0 || node.first.value == 0 || node.first > kSeqMax) {
            return damaged();
        }
        links.nodes_.push_back(node);
        before = node;
    }
    if (!in.done()) {
        return damaged();
    }
    std::ranges::reverse(links.nodes_);
    return links;
}

}  // namespace capstan
