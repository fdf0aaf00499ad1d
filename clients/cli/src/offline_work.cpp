#include "offline_work.hpp"

#include <thread>
#include <utility>

namespace capstan::cli {
namespace {

constexpr std::uint64_t kLookEvery = 64;  // calls: most are for some thousand bytes

}  // namespace

OfflineWork::OfflineWork(Context& context, std::string what, std::uint64_t bytes_per_second)
    : context_(context), what_(std::move(what)), bytes_per_second_(bytes_per_second) {
    context_.surroundings.on_interrupt([this] { interrupted_ = true; });
}

OfflineWork::~OfflineWork() {
    context_.surroundings.on_interrupt({});
}

OnBytes OfflineWork::on_bytes() {
    return [this](std::uint64_t done, std::uint64_t total) { return take(done, total); };
}

double OfflineWork::seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
}

Result<> OfflineWork::take(std::uint64_t done, std::uint64_t total) {
    if (calls_++ % kLookEvery != 0) {
        return success();
    }
    if (interrupted_) {
        return Error{Errc::cancelled, "interrupted"};
    }
    if (progress_ == nullptr) {
        progress_ = std::make_unique<Progress>(context_, what_ + ": bytes", total);
    }
    progress_->at(done);
    if (bytes_per_second_ != 0) {
        auto const due = static_cast<double>(done) / static_cast<double>(bytes_per_second_);
        std::this_thread::sleep_until(
            started_ + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                           std::chrono::duration<double>(due)));
    }
    return success();
}

}  // namespace capstan::cli
