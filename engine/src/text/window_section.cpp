// The window section: a collected list as bytes.
//
//   section  = version:u8 mark touched spans flags{spans} items{spans}
//              inserted{fresh} device{fresh} left{fresh} right{fresh}
//              deleted{dying} deleted_by{dying} deleters{shared}
//   flags    = u8: 1 fresh (inserted above the mark)  2 stepped  4 dead to all
//                  8 dying (deleted above the mark)   16 shared (by more than one device)
//   inserted, deleted = seq - mark
//   left     = 0 start | 1 outside the list | 2 + spans between it and the one it ends with
//   right    = 0 one that all know | 1 + spans between it and the one it starts with
//   deleters = count device{count}, ascending, without deleted_by
//
// Numbers are LEB128 in their shortest form. Spans are in list order. The list has been collected
// at `mark` into its only form, so these bytes follow from the events and the mark alone: they are
// the same whenever else it was collected before. What is dead to all has one item.
#include <capstan/schema/bytes.hpp>

#include "text/span_list.hpp"

namespace capstan {
namespace {

constexpr std::uint8_t kVersion = 2;
enum Flag : std::uint8_t { kFresh = 1, kStepped = 2, kDead = 4, kDying = 8, kShared = 16 };
constexpr std::uint8_t kFlagsAll = 31;

class SectionWriter {
  public:
    explicit SectionWriter(Bytes& out) : out_(out) {}
    void byte(std::uint8_t value) { out_.push_back(std::byte{value}); }
    void number(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7) {
            byte(static_cast<std::uint8_t>(value | 0x80));
        }
        byte(static_cast<std::uint8_t>(value));
    }

  private:
    Bytes& out_;
};

class SectionReader {
  public:
    explicit SectionReader(ByteView bytes) : bytes_(bytes) {}
    std::uint8_t byte() { return bytes_.get<std::uint8_t>(); }
    std::uint64_t number() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 63; shift += 7) {
            auto const part = byte();
            value |= std::uint64_t{part & 0x7FU} << shift;
            if (part < 0x80) {
                return value;
            }
        }
        ok_ = false;
        return 0;
    }
    /// A number within [least, most].
    std::uint64_t number(std::uint64_t least, std::uint64_t most) {
        auto const value = number();
        ok_ = ok_ && value >= least && value <= most;
        return ok_ ? value : least;
    }
    std::size_t rest() const { return bytes_.rest().size(); }
    bool ok() const { return ok_ && bytes_.ok(); }
    bool done() const { return ok_ && bytes_.done(); }

  private:
    ByteReader bytes_;
    bool ok_ = true;
};

std::uint8_t flags_of(Span const& span) {
    bool const dying = !span.is_alive() && span.deleted != 0;
    return static_cast<std::uint8_t>((span.inserted != 0 ? kFresh : 0) |
                                     (span.stepped ? kStepped : 0) |
                                     (span.deleted == 0 ? kDead : 0) | (dying ? kDying : 0) |
                                     (span.deleters != 0 ? kShared : 0));
}

/// Numbers for one column of the spans that have a flag.
template <class Spans, class Column>
void for_flag(Spans& spans,
              std::vector<std::uint8_t> const& flags,
              std::uint8_t flag,
              Column column) {
    for (std::size_t i = 0; i < spans.size(); ++i) {
        if ((flags[i] & flag) != 0) {
            column(spans[i], i);
        }
    }
}

/// Ids of a collected list count its spans: 1 and 2 are the first one's start and end.
std::size_t span_of_id(std::uint32_t id) {
    return (id - 1) / 2;
}
bool is_inside(std::uint32_t id) {
    return id != kStartId && id != kEndId && id != kOutsideId;
}

}  // namespace

Bytes SpanList::save(std::uint64_t mark, std::uint64_t touched) const {
    auto const spans = all_spans();
    std::vector<std::uint8_t> flags;
    Bytes bytes;
    SectionWriter out(bytes);
    out.byte(kVersion);
    for (auto const number : {mark, touched, std::uint64_t{spans.size()}}) {
        out.number(number);
    }
    for (auto const& span : spans) {
        out.byte(flags.emplace_back(flags_of(span)));
    }
    for (auto const& span : spans) {
        out.number(span.items);
    }
    for_flag(spans, flags, kFresh, [&](auto& it, auto) { out.number(it.inserted - mark); });
    for_flag(spans, flags, kFresh, [&](auto& it, auto) { out.number(it.device); });
    for_flag(spans, flags, kFresh, [&](auto& it, auto i) {
        auto const inside = is_inside(it.left);
        out.number(inside ? 2 + (i - 1 - span_of_id(it.left)) : it.left == kStartId ? 0 : 1);
    });
    for_flag(spans, flags, kFresh, [&](auto& it, auto i) {
        auto const inside = is_inside(it.right);
        out.number(inside ? 1 + (span_of_id(it.right) - i - 1) : 0);
    });
    for_flag(spans, flags, kDying, [&](auto& it, auto) { out.number(it.deleted - mark); });
    for_flag(spans, flags, kDying, [&](auto& it, auto) { out.number(it.deleted_by); });
    for_flag(spans, flags, kShared, [&](auto& it, auto) {
        auto const& others = deleters_[it.deleters - 1];
        out.number(others.size());
        for (auto const device : others) {
            out.number(device);
        }
    });
    return bytes;
}

/// Reads what `save` wrote. Bytes that say something impossible are refused here; those that say
/// something in another way than `save` would are found by saving again.
Result<SpanList::Loaded> SpanList::load(ByteView bytes, EditTuning const& tuning) {
    SectionReader in(bytes);
    auto const version = in.byte();
    auto const mark = in.number(0, kSeqMax.value);
    auto const touched = in.number(mark + 1, kSeqMax.value);
    auto const count = in.number(1, in.rest() / 2);
    if (version != kVersion || !in.ok()) {
        return Error{Errc::malformed, "window section: header"};
    }
    auto const above = touched - mark;
    std::vector<Span> spans(count);
    std::vector<std::uint8_t> flags(count);
    std::vector<std::vector<std::uint32_t>> deleters;
    std::uint32_t id = 1;
    for (std::size_t i = 0; i < count; ++i) {
        flags[i] = static_cast<std::uint8_t>(in.byte() & kFlagsAll);
        spans[i].start_id = id++;
        spans[i].end_id = id++;
        spans[i].deleted = (flags[i] & kDead) != 0 ? 0 : kAlive;
        spans[i].stepped = (flags[i] & kStepped) != 0 ? 1 : 0;
    }
    auto const device = [&] { return static_cast<std::uint32_t>(in.number(0, kDeviceIndexMax)); };
    for (auto& span : spans) {
        span.items = static_cast<std::uint32_t>(in.number(1, kSpanItemsMax));
    }
    for_flag(
        spans, flags, kFresh, [&](Span& it, auto) { it.inserted = mark + in.number(1, above); });
    for_flag(spans, flags, kFresh, [&](Span& it, auto) { it.device = device() & kDeviceMask; });
    for_flag(spans, flags, kFresh, [&](Span& it, auto i) {
        auto const code = in.number(0, 1 + i);
        it.left = code == 0 ? kStartId : code == 1 ? kOutsideId : spans[i + 1 - code].end_id;
    });
    for_flag(spans, flags, kFresh, [&](Span& it, auto i) {
        auto const code = in.number(0, count - i - 1);
        it.right = code == 0 ? kOutsideId : spans[i + code].start_id;
    });
    for_flag(
        spans, flags, kDying, [&](Span& it, auto) { it.deleted = mark + in.number(1, above); });
    for_flag(spans, flags, kDying, [&](Span& it, auto) { it.deleted_by = device(); });
    bool ascending = true;
    for_flag(spans, flags, kShared, [&](Span& it, auto) {
        auto& others = deleters.emplace_back(in.number(1, std::max<std::size_t>(in.rest(), 1)));
        std::ranges::generate(others, device);
        ascending = ascending && std::ranges::adjacent_find(others, std::ranges::greater_equal{}) ==
                                     others.end();
        it.deleters = static_cast<std::uint32_t>(deleters.size());
    });
    bool const possible = std::ranges::all_of(spans, [&](Span const& it) {
        bool const in_time = it.inserted_last() <= touched && it.inserted <= it.deleted;
        bool const stepped = !it.stepped || (it.inserted != 0 && it.items > 1);
        bool const shared = it.deleters == 0 || (!it.is_alive() && it.deleted != 0);
        return (in_time || it.deleted == 0) && stepped && shared;
    });
    if (!in.done() || !possible || !ascending) {
        return Error{Errc::malformed, "window section: spans"};
    }
    SpanList list(0, tuning);
    list.id_next_ = id;
    list.deleters_ = std::move(deleters);
    list.fill(spans);
    return Loaded{std::move(list), mark, touched};
}

}  // namespace capstan
