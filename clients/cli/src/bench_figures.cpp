#include "bench_figures.hpp"

#include <algorithm>
#include <bit>
#include <capstan/engine/os/posix_storage.hpp>
#include <chrono>
#include <cmath>
#include <memory>

namespace capstan::cli {
namespace {

using WallClock = std::chrono::steady_clock;

constexpr std::size_t kPieceBytes = 1 << 20;
constexpr std::uint64_t kFileBytesMax = 64 << 20;  // then the loop begins again at the front
constexpr double kSecondsMin = 0.1;

double since(WallClock::time_point start) {
    return std::chrono::duration<double>(WallClock::now() - start).count();
}

/// A file that is written already, gone with this.
class Scratch {
  public:
    static Result<std::unique_ptr<Scratch>> make(std::string const& directory, std::uint64_t size) {
        CAPSTAN_TRY(auto storage, PosixStorage::open(directory));
        (void)storage->remove(kName);  // of a loop that was cut off
        CAPSTAN_TRY(auto file, storage->open(kName, OpenMode::create));
        auto scratch = std::make_unique<Scratch>(std::move(storage), std::move(file));
        Bytes const piece(kPieceBytes, std::byte{'x'});
        for (std::uint64_t at = 0; at < size; at += piece.size()) {
            CAPSTAN_TRY(scratch->file_->pwrite(piece, at));
        }
        CAPSTAN_TRY(scratch->file_->datasync());
        return scratch;
    }
    Scratch(std::unique_ptr<Storage> storage, std::unique_ptr<File> file)
        : storage_(std::move(storage)), file_(std::move(file)) {}
    ~Scratch() {
        file_.reset();
        (void)storage_->remove(kName);
    }
    File& file() { return *file_; }

  private:
    static constexpr std::string_view kName = "capstan-bench.tmp";
    std::unique_ptr<Storage> storage_;
    std::unique_ptr<File> file_;
};

/// Calls `step(offset)` through the file, again and again, until enough events went by.
template <class Step>
Result<double> rate_of(BareLoop const& loop,
                       std::uint64_t events_a_step,
                       std::uint64_t step_bytes,
                       std::uint64_t file_bytes,
                       Step step) {
    std::uint64_t at = 0;
    std::uint64_t events = 0;
    auto const start = WallClock::now();
    while (events < loop.events || since(start) < kSecondsMin) {
        CAPSTAN_TRY(step(at));
        events += events_a_step;
        at = at + 2 * step_bytes > file_bytes ? 0 : at + step_bytes;
    }
    return static_cast<double>(events) / since(start);
}

}  // namespace

void Latencies::add(Duration latency) {
    auto const nanos = static_cast<std::uint64_t>(std::max<Duration::rep>(latency.count(), 0));
    counts_[step_of(nanos)] += 1;
    count_ += 1;
}

std::size_t Latencies::step_of(std::uint64_t nanos) {
    constexpr std::uint64_t kSteps = 1 << kStepBits;
    if (nanos < kSteps) {
        return nanos;
    }
    auto const shift = std::bit_width(nanos) - 1 - kStepBits;
    return (static_cast<std::size_t>(shift + 1) << kStepBits) + ((nanos >> shift) & (kSteps - 1));
}

/// The largest value that falls in the step.
std::uint64_t Latencies::last_of(std::size_t step) {
    auto const doubling = step >> kStepBits;
    auto const within = step & ((1 << kStepBits) - 1);
    if (doubling == 0) {
        return within;
    }
    auto const shift = doubling - 1;
    return ((std::uint64_t{1} << kStepBits) + within + 1) * (std::uint64_t{1} << shift) - 1;
}

Duration Latencies::percentile(double share) const {
    auto const wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
    std::uint64_t seen = 0;
    for (std::size_t step = 0; step < counts_.size(); ++step) {
        seen += counts_[step];
        if (seen > 0 && seen >= wanted) {
            return Duration(static_cast<Duration::rep>(last_of(step)));
        }
    }
    return Duration::zero();
}

Result<double> BareLoop::write_rate() const {
    auto const step_bytes = batch * event_bytes;
    auto const file_bytes = std::max(kFileBytesMax, step_bytes);
    CAPSTAN_TRY(auto const scratch, Scratch::make(directory, file_bytes));
    Bytes const bytes(step_bytes, std::byte{'y'});
    return rate_of(*this, batch, step_bytes, file_bytes, [&](std::uint64_t at) -> Result<> {
        CAPSTAN_TRY(scratch->file().pwrite(bytes, at));
        return scratch->file().datasync();
    });
}

Result<double> BareLoop::read_rate() const {
    CAPSTAN_TRY(auto const scratch, Scratch::make(directory, kFileBytesMax));
    Bytes into(kPieceBytes);
    auto const events_a_step = std::max<std::uint64_t>(1, kPieceBytes / event_bytes);
    return rate_of(
        *this, events_a_step, kPieceBytes, kFileBytesMax, [&](std::uint64_t at) -> Result<> {
            CAPSTAN_TRY(scratch->file().pread(into, at));
            return success();
        });
}

}  // namespace capstan::cli
