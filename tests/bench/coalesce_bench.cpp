// What it costs to say little: differences of texts and coalescing of keystrokes. Medians of
// rounds.
//
//   coalesce_bench [--rounds N]
#include <fmt/format.h>

#include <algorithm>
#include <capstan/engine/coalesce.hpp>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

namespace {

using namespace capstan;

constexpr std::size_t kTextBytes = 100'000;
constexpr std::size_t kKeystrokes = 10'000;

std::uint64_t next_random(std::uint64_t& state) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/// CPU time of the thread: what other work on the machine takes does not count.
double thread_ms() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

template <class Work>
double median_ms(std::size_t rounds, Work work) {
    std::vector<double> took;
    for (std::size_t n = 0; n < rounds; ++n) {
        auto const start = thread_ms();
        work();
        took.push_back(thread_ms() - start);
    }
    std::ranges::sort(took);
    return took[took.size() / 2];
}

/// Words of 1 to 9 letters, 12 to a line.
std::string prose(std::uint64_t seed) {
    std::string text;
    for (std::size_t word = 1; text.size() < kTextBytes; ++word) {
        for (auto rest = 1 + next_random(seed) % 9; rest > 0; --rest) {
            text += static_cast<char>('a' + next_random(seed) % 26);
        }
        text += word % 12 == 0 ? '\n' : ' ';
    }
    return text;
}

/// Some words are other ones.
std::string with_changes(std::string text, std::size_t changes) {
    std::uint64_t state = 99;
    for (; changes > 0; --changes) {
        auto const at = text.find(' ', next_random(state) % (text.size() - 100));
        text.replace(at + 1, next_random(state) % 6, "other");
    }
    return text;
}

std::string with_lines_reversed(std::string const& text) {
    std::string reversed;
    for (std::size_t end = text.size(); end > 0;) {
        auto const before = text.rfind('\n', end - 1);
        auto const first = before == std::string::npos ? 0 : before + 1;
        reversed += text.substr(first, end - first) + "\n";
        end = first == 0 ? 0 : first - 1;
    }
    return reversed;
}

void bench_diff(std::size_t rounds, char const* name, std::string const& a, std::string const& b) {
    std::vector<coalesce::Splice> splices;
    auto const took = median_ms(rounds, [&] { splices = coalesce::diff_text(a, b); });
    std::size_t touched = 0;
    for (auto const& splice : splices) {
        touched += splice.count + splice.content.size();
    }
    auto const front = static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
    auto const naive = median_ms(rounds, [&] { splices = coalesce::diff_text(a, b, 0); });
    std::size_t naively = 0;
    for (auto const& splice : splices) {
        naively += splice.count + splice.content.size();
    }
    fmt::print(
        "{:<34} {:>9.3f} ms {:>8} characters touched, naive {:>8.3f} ms {:>8}, same up to {}\n",
        name,
        took,
        touched,
        naive,
        naively,
        front);
}

Event keystroke(std::uint64_t at, std::uint64_t count, std::string content) {
    Op op{.kind = OpKind::splice, .object = "note", .field = "text", .value = std::move(content)};
    op.at = at;
    op.count = count;
    return {{std::move(op)}, {}};
}

/// One key after the other; every `erase`-th one takes the last letter back.
std::vector<Event> typing(std::size_t erase) {
    std::vector<Event> events;
    std::uint64_t at = 500;
    for (std::size_t n = 1; n <= kKeystrokes; ++n) {
        if (n % erase == 0) {
            events.push_back(keystroke(--at, 1, ""));
        } else {
            events.push_back(keystroke(at++, 0, "k"));
        }
    }
    return events;
}

void bench_coalescing(std::size_t rounds, char const* name, std::vector<Event> const& events) {
    std::vector<Event> result;
    auto const took = median_ms(rounds, [&] { result = coalesce::coalesce(events); });
    std::size_t before = 0;
    std::size_t after = 0;
    for (auto const& event : events) {
        before += encode_event(event).size();
    }
    for (auto const& event : result) {
        after += encode_event(event).size();
    }
    fmt::print("{:<34} {:>9.0f} ns an event, {} events of {} bytes become {} of {}\n",
               name,
               took * 1e6 / static_cast<double>(events.size()),
               events.size(),
               before,
               result.size(),
               after);
}

}  // namespace

int main(int argc, char** argv) {
    std::size_t rounds = 9;
    if (argc == 3 && std::strcmp(argv[1], "--rounds") == 0) {
        rounds = std::max<std::size_t>(1, std::strtoull(argv[2], nullptr, 10));
    }
    auto const text = prose(1);
    bench_diff(rounds, "100 kB, equal but for one word", text, with_changes(text, 1));
    bench_diff(rounds, "100 kB, 20 words changed", text, with_changes(text, 20));
    bench_diff(rounds, "100 kB, 1,000 words changed", text, with_changes(text, 1'000));
    bench_diff(rounds, "100 kB, lines reversed", text, with_lines_reversed(text));
    bench_diff(rounds, "100 kB, all rewritten", text, prose(2));
    bench_coalescing(rounds, "10,000 keystrokes", typing(kKeystrokes + 1));
    bench_coalescing(rounds, "10,000 keystrokes, some erased", typing(5));
    std::vector<Event> sets;
    for (std::size_t n = 0; n < kKeystrokes; ++n) {
        sets.push_back({{{.object = "o" + std::to_string(n % 100),
                          .field = "f" + std::to_string(n % 7),
                          .value = static_cast<std::int64_t>(n)}},
                        {}});
    }
    bench_coalescing(rounds, "10,000 sets of 700 fields", sets);
}
