// What a storm's writers and observers saw, and whether a tape agrees with it.
#pragma once

#include <capstan/schema/ids.hpp>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace capstan::test {

enum class Fate { unknown, confirmed, refused };

/// One publish of a writer: invoked, later confirmed or refused, or neither.
struct Write {
    std::string stream;
    std::size_t writer = 0;
    std::vector<std::string> events;
    Seq head_at_invoke;  // the highest seq of the stream that was confirmed to anyone by then
    Fate fate = Fate::unknown;
    Seq first;  // confirmed, where the server told it
    std::chrono::steady_clock::time_point invoked = std::chrono::steady_clock::now();
};

/// Threading: any thread.
class StormHistory {
  public:
    std::size_t invoke(std::string const& stream,
                       std::size_t writer,
                       std::vector<std::string> events);
    void confirm(std::size_t write, Seq first, Seq last);
    void refuse(std::size_t write);
    /// An observer that follows a stream from its start got the event at `seq`.
    void observe(std::string const& stream, Seq seq, std::string event);

    std::size_t writes() const;
    std::size_t undecided() const;
    std::size_t confirmed_events() const;
    /// The longest time from invoking to confirming a write.
    std::chrono::milliseconds slowest() const;

    /// Invariants I1 to I6 and I8 to I12 against what is on the tapes at the end: each violation as
    /// a line, named by its invariant.
    std::vector<std::string> check(
        std::map<std::string, std::vector<std::string>> const& tapes) const;

  private:
    void check_write(Write const& write,
                     std::vector<std::string> const& tape,
                     std::map<std::string, Seq> const& places,
                     std::vector<std::string>& problems) const;

    mutable std::mutex mutex_;
    std::vector<Write> writes_;
    std::map<std::string, Seq> confirmed_heads_;
    std::chrono::steady_clock::duration slowest_{};
    std::map<std::string, std::vector<std::string>> observed_;
    std::vector<std::string> order_problems_;
};

}  // namespace capstan::test
