#include "position_resolver.hpp"

#include <capstan/engine/os/system_clock.hpp>
#include <utility>

namespace capstan::cli {

Result<Reader::Item> next_item(Reader& reader, Remote const& remote) {
    CAPSTAN_TRY(auto item, reader.next(remote.timeout()));
    if (!item) {
        return remote.no_answer();
    }
    return std::move(*item);
}

Result<Seq> PositionResolver::operator()(StreamPosition const& position) const {
    using Kind = StreamPosition::Kind;
    if (auto const seq = position.resolve(Seq{1}, head_)) {
        return *seq;
    }
    if (position.kind == Kind::snapshot) {
        return Seq{1};  // without snapshots all of it follows
    }
    auto const now = SystemClock().wall();
    return find_time(position.kind == Kind::age ? WallTime{now.micros - position.micros}
                                                : WallTime{position.micros});
}

/// When the server took the event; of a hole, nothing.
Result<std::optional<WallTime>> PositionResolver::time_of(Seq seq) const {
    Reader reader(client_.stream(stream_), {.kind = ReadFrom::Kind::seq, .seq = seq});
    CAPSTAN_TRY(auto const item, next_item(reader, remote_));
    std::optional<WallTime> time;
    if (auto const* delivery = std::get_if<Delivery>(&item)) {
        delivery->each_event([&](DeliveredEvent const& event) {
            time = event.seq == seq ? event.gateway_time : time;
        });
    }
    return time;
}

Result<Seq> PositionResolver::find_time(WallTime wanted) const {
    std::uint64_t low = 1;
    std::uint64_t high = head_.value + 1;
    while (low < high) {
        auto const middle = low + (high - low) / 2;
        CAPSTAN_TRY(auto const time, time_of(Seq{middle}));
        if (time && *time < wanted) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return Seq{low};
}

}  // namespace capstan::cli
