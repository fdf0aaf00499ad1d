// Differences and coalescing on random bytes; the first byte chooses what they are.
#include <algorithm>
#include <capstan/engine/coalesce.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "author.hpp"
#include "plain_model.hpp"
#include "points.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

using Input = std::span<std::uint8_t const>;

/// Elements of a small alphabet, so that there is something in common.
std::vector<std::uint32_t> elements(Input bytes) {
    std::vector<std::uint32_t> list;
    for (auto const byte : bytes) {
        list.push_back(byte % 7);
    }
    return list;
}

std::string text(Input bytes) {
    constexpr std::u32string_view kLetters = U"ab \n\r\u00FC\u0301\u200D\U0001F469";
    std::u32string points;
    for (auto const byte : bytes) {
        points += kLetters[byte % kLetters.size()];
    }
    return utf8_of(points);
}

/// The first byte of the rest says how many steps may be taken.
void diff_elements(Input bytes) {
    auto const steps = std::size_t{bytes.empty() ? std::uint8_t{0} : bytes.front()} * 8;
    auto const before = elements(bytes.first(bytes.size() / 2));
    auto const after = elements(bytes.subspan(bytes.size() / 2));
    std::vector<std::uint32_t> patched;
    std::size_t at = 0;
    for (auto const& edit : coalesce::diff(before, after, steps)) {
        CAPSTAN_INVARIANT(edit.removed + edit.inserted > 0 && edit.old_at >= at);
        patched.insert(patched.end(),
                       before.begin() + static_cast<std::ptrdiff_t>(at),
                       before.begin() + static_cast<std::ptrdiff_t>(edit.old_at));
        auto const first = after.begin() + static_cast<std::ptrdiff_t>(edit.new_at);
        patched.insert(patched.end(), first, first + static_cast<std::ptrdiff_t>(edit.inserted));
        at = edit.old_at + edit.removed;
    }
    patched.insert(patched.end(), before.begin() + static_cast<std::ptrdiff_t>(at), before.end());
    CAPSTAN_INVARIANT(patched == after);
}

void diff_texts(Input bytes) {
    auto const before = text(bytes.first(bytes.size() / 2));
    auto const after = text(bytes.subspan(bytes.size() / 2));
    auto patched = points_of(before);
    std::size_t edited = 0;
    for (auto const& splice : coalesce::diff_text(before, after)) {
        auto const content = points_of(splice.content);
        CAPSTAN_INVARIANT(splice.at + splice.count <= patched.size());
        patched.replace(splice.at, splice.count, content);
        edited += splice.count + content.size();
    }
    CAPSTAN_INVARIANT(utf8_of(patched) == after);
    CAPSTAN_INVARIANT(edited <= points_of(before).size() + points_of(after).size());
}

/// state(coalesced) = state(all), after each event.
void coalesce_an_author(Input bytes) {
    Author author(bytes);
    PlainModel all;
    std::vector<Event> events;
    while (author.has_choices() && events.size() < 64) {
        events.push_back(author.next(all));
        PlainModel coalesced;
        coalesced.apply(coalesce::coalesce(events));
        CAPSTAN_INVARIANT(coalesced == all);
    }
}

/// Whatever is an event is coalesced, even if its places mean nothing: cut into equal pieces.
void coalesce_decoded(Input bytes) {
    if (bytes.empty()) {
        return;
    }
    std::size_t const size = 8 + bytes.front() * 4;
    std::vector<Event> events;
    for (bytes = bytes.subspan(1); bytes.size() >= size; bytes = bytes.subspan(size)) {
        auto const* first = reinterpret_cast<std::byte const*>(bytes.data());
        if (auto event = decode_event({first, size})) {
            events.push_back(event.value());
            events.push_back(std::move(event).value());
        }
    }
    auto const result = coalesce::coalesce(events);
    CAPSTAN_INVARIANT(result.size() <= events.size());
    for (auto const& event : result) {
        CAPSTAN_INVARIANT(encode_event(event).size() <= coalesce::bytes_max_of({event}));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    Input const rest(data + 1, size - 1);
    switch (data[0] % 4) {
        case 0:
            diff_elements(rest);
            break;
        case 1:
            diff_texts(rest);
            break;
        case 2:
            coalesce_an_author(rest);
            break;
        default:
            coalesce_decoded(rest);
    }
    return 0;
}
