#include "progress.hpp"

#include <cmath>
#include <utility>

namespace capstan::cli {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(200);
constexpr auto kLineEvery = std::chrono::seconds(10);

std::string whole(double value) {
    return std::to_string(static_cast<std::uint64_t>(std::llround(value)));
}

}  // namespace

Progress::Progress(Context& context, std::string what, std::uint64_t total)
    : context_(context),
      what_(std::move(what)),
      total_(total),
      on_(context.globals.progress && !context.globals.quiet) {}

Progress::~Progress() {
    if (drawn_) {
        context_.surroundings.err.write("\r\x1b[K");
        context_.surroundings.err.flush();
    }
}

double Progress::seconds() const {
    return std::chrono::duration<double>(Clock::now() - started_).count();
}

void Progress::at(std::uint64_t done) {
    bool const terminal = context_.surroundings.err_is_terminal;
    auto const now = Clock::now();
    if (!on_ ||
        now - shown_ < (terminal ? Clock::duration(kRedraw) : Clock::duration(kLineEvery))) {
        return;
    }
    shown_ = now;
    drawn_ = terminal;
    context_.surroundings.err.write((terminal ? "\r\x1b[K" : "") + text(done) +
                                    (terminal ? "" : "\n"));
    context_.surroundings.err.flush();
}

std::string Progress::text(std::uint64_t done) const {
    auto const rate = static_cast<double>(done) / seconds();
    auto line = what_ + " " + std::to_string(done);
    if (total_ != 0) {
        line += " of " + std::to_string(total_);
    }
    line += ", " + whole(rate) + "/s";
    if (total_ > done && rate > 0) {
        line += ", " + whole(static_cast<double>(total_ - done) / rate) + " s left";
    }
    return line;
}

}  // namespace capstan::cli
