#pragma once
#include <chrono>
#include <cstdint>
#include <string>

#include "commands.hpp"

namespace capstan::cli {

/// How far long work has come, on stderr: a line that is drawn over on a terminal, one line each
/// ten seconds elsewhere, nothing with -q or --no-progress.
class Progress {
  public:
    Progress(Context& context, std::string what, std::uint64_t total);
    ~Progress();
    Progress(Progress const&) = delete;
    Progress& operator=(Progress const&) = delete;

    void at(std::uint64_t done);
    double seconds() const;

  private:
    using Clock = std::chrono::steady_clock;
    std::string text(std::uint64_t done) const;

    Context& context_;
    std::string what_;
    std::uint64_t total_;  // 0: not known
    bool on_ = false;
    bool drawn_ = false;
    Clock::time_point started_ = Clock::now();
    Clock::time_point shown_ = started_;
};

}  // namespace capstan::cli
