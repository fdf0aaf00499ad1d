#include "storm_history.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace capstan::test {

std::size_t StormHistory::invoke(std::string const& stream,
                                 std::size_t writer,
                                 std::vector<std::string> events) {
    std::scoped_lock const lock(mutex_);
    writes_.push_back({stream, writer, std::move(events), confirmed_heads_[stream]});
    return writes_.size() - 1;
}

void StormHistory::confirm(std::size_t write, Seq first, Seq last) {
    std::scoped_lock const lock(mutex_);
    writes_[write].fate = Fate::confirmed;
    writes_[write].first = first;
    slowest_ = std::max(slowest_, std::chrono::steady_clock::now() - writes_[write].invoked);
    auto& head = confirmed_heads_[writes_[write].stream];
    head = std::max(head, last);
}

void StormHistory::refuse(std::size_t write) {
    std::scoped_lock const lock(mutex_);
    writes_[write].fate = Fate::refused;
}

void StormHistory::observe(std::string const& stream, Seq seq, std::string event) {
    std::scoped_lock const lock(mutex_);
    auto& seen = observed_[stream];
    if (seq.value != seen.size() + 1) {
        order_problems_.push_back(
            fmt::format("I5 {}: seq {} came after {}", stream, seq.value, seen.size()));
        return;
    }
    seen.push_back(std::move(event));
}

std::size_t StormHistory::writes() const {
    std::scoped_lock const lock(mutex_);
    return writes_.size();
}

std::size_t StormHistory::undecided() const {
    std::scoped_lock const lock(mutex_);
    return static_cast<std::size_t>(std::ranges::count(writes_, Fate::unknown, &Write::fate));
}

std::size_t StormHistory::confirmed_events() const {
    std::scoped_lock const lock(mutex_);
    std::size_t events = 0;
    for (auto const& write : writes_) {
        events += write.fate == Fate::confirmed ? write.events.size() : 0;
    }
    return events;
}

std::chrono::milliseconds StormHistory::slowest() const {
    std::scoped_lock const lock(mutex_);
    return std::chrono::duration_cast<std::chrono::milliseconds>(slowest_);
}

std::vector<std::string> StormHistory::check(
    std::map<std::string, std::vector<std::string>> const& tapes) const {
    std::scoped_lock const lock(mutex_);
    auto problems = order_problems_;
    std::map<std::string, Seq> places;
    for (auto const& [stream, tape] : tapes) {
        for (std::size_t i = 0; i < tape.size(); ++i) {
            if (!places.emplace(tape[i], Seq{i + 1}).second) {
                problems.push_back(fmt::format("I2 {} stands twice in {}", tape[i], stream));
            }
        }
        auto const seen = observed_.find(stream);
        if (seen != observed_.end() &&
            (seen->second.size() > tape.size() ||
             !std::equal(seen->second.begin(), seen->second.end(), tape.begin()))) {
            problems.push_back(fmt::format("I4 an observer of {} saw another history", stream));
        }
    }
    std::size_t ours = 0;
    for (auto const& write : writes_) {
        auto const tape = tapes.find(write.stream);
        static std::vector<std::string> const kEmpty;
        check_write(write, tape == tapes.end() ? kEmpty : tape->second, places, problems);
        ours += static_cast<std::size_t>(std::ranges::count_if(
            write.events, [&](auto const& event) { return places.contains(event); }));
    }
    if (ours != places.size()) {
        problems.push_back(fmt::format("I9 {} events that nobody wrote", places.size() - ours));
    }
    std::map<std::pair<std::string, std::size_t>, Seq> newest;
    for (auto const& write : writes_) {
        for (auto const& event : write.events) {
            auto const place = places.find(event);
            if (place == places.end()) {
                continue;
            }
            auto& last = newest[{write.stream, write.writer}];
            if (place->second <= last) {
                problems.push_back(fmt::format("I8 {} stands before an older event", event));
            }
            last = place->second;
        }
    }
    return problems;
}

void StormHistory::check_write(Write const& write,
                               std::vector<std::string> const& tape,
                               std::map<std::string, Seq> const& places,
                               std::vector<std::string>& problems) const {
    auto const& name = write.events.front();
    bool const there = places.contains(name);
    if (write.fate == Fate::unknown) {
        problems.push_back(fmt::format("I11 {} was never decided", name));
        return;
    }
    if (write.fate == Fate::refused) {
        if (there) {
            problems.push_back(fmt::format("I10 {} was refused and is there", name));
        }
        return;
    }
    for (std::size_t i = 0; i < write.events.size(); ++i) {
        auto const place = places.find(write.events[i]);
        if (place == places.end()) {
            problems.push_back(fmt::format("I1 {} was confirmed and is gone", write.events[i]));
            return;
        }
        bool const told = write.first.value != 0;
        if (told && (place->second != write.first.plus(i) || place->second.value > tape.size())) {
            problems.push_back(fmt::format("I1 {} was confirmed at {} and stands at {}",
                                           write.events[i],
                                           write.first.value + i,
                                           place->second.value));
        }
    }
    if (places.at(name) <= write.head_at_invoke) {
        problems.push_back(fmt::format("I6 {} stands before what was confirmed before it", name));
    }
}

}  // namespace capstan::test
