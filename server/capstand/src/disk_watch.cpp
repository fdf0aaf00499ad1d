#include "disk_watch.hpp"

#include <fmt/core.h>

namespace capstan {
namespace {

/// A flush takes milliseconds.
constexpr Duration kLong = std::chrono::seconds(2);

}  // namespace

std::string DiskWatch::look(PartitionMarks const& marks, Instant now) {
    if (marks.durable != durable_) {
        durable_ = marks.durable;
        moved_ = now;
        is_full_ = false;
    }
    if (marks.appended == marks.durable) {
        moved_ = now;  // nothing waits
    }
    if (is_full_) {
        return "the disk is full: publishes are turned away";
    }
    if (now - moved_ >= kLong) {
        return fmt::format("the disk has flushed nothing for {} s",
                           std::chrono::duration_cast<std::chrono::seconds>(now - moved_).count());
    }
    return {};
}

}  // namespace capstan
