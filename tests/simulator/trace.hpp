// What happened in a run: a hash of all of it, and the last of it for people.
#pragma once
#include <capstan/engine/sim/sim_clock.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace capstan::simulator {

/// An invariant of docs/simulator.md does not hold. Ends the run, out of whatever was going on.
struct Violation {
    std::string invariant;  // `I12`, or `assertion`
    std::string what;
};

/// Ends the run with a violation unless `holds`. `what` is made only then.
template <class What>
void require(bool holds, std::string_view invariant, What const& what) {
    if (!holds) {
        throw Violation{std::string(invariant), what()};
    }
}

/// One line of a trace. `what` is a literal, so that writing a line costs no memory.
struct TraceLine {
    Instant at;
    char const* what = "";
    std::uint64_t who = 0;
    std::uint64_t first = 0;
    std::uint64_t second = 0;
};
std::string to_string(TraceLine const& line);

/// Every line goes into the hash; the last ones are kept. Two runs of one plan have equal hashes.
/// Threading: one thread.
class Trace {
  public:
    static constexpr std::size_t kLinesKept = 256;

    explicit Trace(SimClock const& clock) : clock_(clock) {}

    void add(char const* what,
             std::uint64_t who = 0,
             std::uint64_t first = 0,
             std::uint64_t second = 0);
    /// Something that a good batch of runs reaches now and then (I37). `name` is a literal.
    void mark(std::string_view name) { ++marks_[name]; }

    std::uint64_t hash() const { return hash_; }
    std::uint64_t lines() const { return count_; }
    /// Oldest first.
    std::vector<TraceLine> last_lines() const;
    std::map<std::string_view, std::uint64_t> const& marks() const { return marks_; }

  private:
    SimClock const& clock_;
    std::uint64_t hash_ = 0;
    std::uint64_t count_ = 0;
    std::vector<TraceLine> kept_ = std::vector<TraceLine>(kLinesKept);  // a ring
    std::map<std::string_view, std::uint64_t> marks_;
};

}  // namespace capstan::simulator
