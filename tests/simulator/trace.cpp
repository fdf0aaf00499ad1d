#include "trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <capstan/schema/hash.hpp>
#include <span>

namespace capstan::simulator {

std::string to_string(TraceLine const& line) {
    auto const seconds = std::chrono::duration<double>(line.at.since_start).count();
    return fmt::format(
        "{:>14.6f}  {:<24} {:>4} {:>8} {}", seconds, line.what, line.who, line.first, line.second);
}

void Trace::add(char const* what, std::uint64_t who, std::uint64_t first, std::uint64_t second) {
    TraceLine const line{clock_.now(), what, who, first, second};
    std::array<std::uint64_t, 6> const words{
        hash_,
        static_cast<std::uint64_t>(line.at.since_start.count()),
        hash64(as_bytes(std::string_view(what))),
        who,
        first,
        second};
    hash_ = hash64(std::as_bytes(std::span(words)));
    kept_[count_++ % kLinesKept] = line;
}

std::vector<TraceLine> Trace::last_lines() const {
    std::vector<TraceLine> lines;
    auto const kept = std::min<std::uint64_t>(count_, kLinesKept);
    for (auto n = count_ - kept; n < count_; ++n) {
        lines.push_back(kept_[n % kLinesKept]);
    }
    return lines;
}

}  // namespace capstan::simulator
