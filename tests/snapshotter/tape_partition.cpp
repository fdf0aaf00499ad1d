#include "tape_partition.hpp"

#include <algorithm>

namespace capstan::test {

void TapePartition::show(std::string const& stream, Tape const& tape, Seq head) {
    auto const number = static_cast<std::uint32_t>(streams_.size() + 1);
    auto& shown =
        streams_.try_emplace(stream, Shown{StreamNumber{number}, &tape, head}).first->second;
    shown.tape = &tape;
    shown.head = head;
}

StreamMoved TapePartition::moved(std::string const& stream, Seq first) const {
    auto const& shown = streams_.find(stream)->second;
    StreamMoved moved;
    moved.stream = shown.number;
    moved.name = streams_.find(stream)->first;
    moved.generation = shown.tape->generation;
    moved.first = first;
    moved.last = shown.head;
    return moved;
}

std::optional<StreamStat> TapePartition::stat_of(std::string const& name,
                                                 Shown const& shown) const {
    StreamStat stat;
    stat.number = shown.number;
    stat.name = name;
    stat.generation = shown.tape->generation;
    stat.head = shown.head;
    stat.tape_first = Seq{1};
    return stat;
}

Result<std::optional<StreamStat>> TapePartition::stat(std::string_view name) {
    auto const at = streams_.find(name);
    return at == streams_.end() ? std::optional<StreamStat>() : stat_of(at->first, at->second);
}

Result<std::optional<StreamStat>> TapePartition::stat(StreamNumber number) {
    for (auto const& [name, shown] : streams_) {
        if (shown.number == number) {
            return stat_of(name, shown);
        }
    }
    return std::optional<StreamStat>();
}

Result<FoundPage> TapePartition::find_page(StreamNumber stream, Seq from, std::size_t bytes_max) {
    ++reads;
    auto const shown = std::ranges::find_if(
        streams_, [&](auto const& one) { return one.second.number == stream; });
    auto const& [name, it] = *shown;
    auto page = it.tape->page(from, from);
    for (auto last = from.next(); last <= it.head && page.runs.size() < bytes_max;
         last = last.next()) {
        page = it.tape->page(from, last);
    }
    return FoundPage{.page = std::move(page), .runs = {}};
}

}  // namespace capstan::test
