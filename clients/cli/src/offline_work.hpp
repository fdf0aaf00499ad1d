#pragma once
#include <atomic>
#include <capstan/sequencer/data_check.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "progress.hpp"

namespace capstan::cli {

/// Long work on files: shows how far it is, keeps to a rate, and ends when the user asks to.
class OfflineWork {
  public:
    /// `bytes_per_second`: 0 is no limit.
    OfflineWork(Context& context, std::string what, std::uint64_t bytes_per_second = 0);
    ~OfflineWork();
    OfflineWork(OfflineWork const&) = delete;
    OfflineWork& operator=(OfflineWork const&) = delete;

    /// What to hand to the work. Its error is `cancelled`. Lifetime: this.
    OnBytes on_bytes();
    double seconds() const;

  private:
    Result<> take(std::uint64_t done, std::uint64_t total);

    Context& context_;
    std::string what_;
    std::uint64_t bytes_per_second_;
    std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
    std::atomic<bool> interrupted_ = false;
    std::unique_ptr<Progress> progress_;  // once the total is known
    std::uint64_t calls_ = 0;
};

}  // namespace capstan::cli
