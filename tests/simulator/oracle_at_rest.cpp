// What must be true when nothing is left to be done (I1, I2, I3, I8, I12, I13).
#include <fmt/format.h>

#include <utility>

#include "oracle.hpp"

namespace capstan::simulator {

void Oracle::check_at_rest() const {
    for (auto const& [name, stream] : streams_) {
        check_stream(name, stream);
    }
    check_writes();
    check_readings();
}

void Oracle::check_stream(std::string const& name, StreamModel const& stream) const {
    std::map<std::uint64_t, WriteNumber> last;  // by device
    for (std::size_t at = 0; at < stream.entries.size(); ++at) {
        auto const& entry = stream.entries[at];
        require(entry.has_value(), "I3", [&] { return where(name, at + 1) + " is missing"; });
        bool const goes_on = at > 0 && stream.entries[at - 1]->write == entry->write &&
                             stream.entries[at - 1]->index + 1 == entry->index;
        require(entry->index == 0 || goes_on, "I2", [&] {
            return fmt::format("write {} is torn at {}", entry->write, where(name, at + 1));
        });
        auto const device = writes_.at(entry->write).device;
        auto const before = std::exchange(last[device], entry->write);
        require(before <= entry->write || rewound_.contains(device), "I8", [&] {
            return fmt::format("device {}: write {} stands at {}, behind write {}",
                               device,
                               entry->write,
                               where(name, at + 1),
                               before);
        });
    }
}

void Oracle::check_writes() const {
    for (auto const& [number, entry] : writes_) {
        auto const stream = streams_.find(entry.stream);
        bool const is_there = stream != streams_.end() && stream->second.places.contains(number);
        auto const name = [&, n = number] {
            return fmt::format("write {} of device {} to {}", n, entry.device, entry.stream);
        };
        require(is_there || !entry.confirmed || entry.may_vanish, "I1", [&] {
            return name() + " was confirmed, and is missing";
        });
        require(is_there || entry.refused || entry.may_vanish, "I12", [&] {
            return name() + " is lost";
        });
    }
}

void Oracle::check_readings() const {
    for (auto const& [key, reading] : readings_) {
        auto const stream = streams_.find(key.second);
        for (std::size_t at = 0; at < reading.hashes.size(); ++at) {
            auto const seq = reading.first + at;
            bool const agrees = stream != streams_.end() && seq <= stream->second.entries.size() &&
                                stream->second.entries[seq - 1]->hash == reading.hashes[at];
            require(agrees, "I13", [&, device = key.first, name = key.second] {
                return fmt::format(
                    "device {} holds another {}, or one that is no more", device, where(name, seq));
            });
        }
    }
}

}  // namespace capstan::simulator
