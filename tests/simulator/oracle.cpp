#include "oracle.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <capstan/schema/hash.hpp>
#include <charconv>
#include <utility>

namespace capstan::simulator {
namespace {

/// `w<number>.<index>.` and then stuffing.
struct EventName {
    WriteNumber write = 0;
    std::uint32_t index = 0;
};

Bytes event_of(EventName name, std::uint64_t bytes) {
    auto text = fmt::format("w{}.{}.", name.write, name.index);
    text.resize(std::max<std::size_t>(text.size(), bytes), '-');
    auto const view = as_bytes(std::string_view(text));
    return {view.begin(), view.end()};
}

std::optional<EventName> name_of(ByteView event) {
    auto const text = as_text(event);
    auto const* const end = text.data() + text.size();
    EventName name;
    if (!text.starts_with('w')) {
        return std::nullopt;
    }
    auto const number = std::from_chars(text.data() + 1, end, name.write);
    if (number.ec != std::errc{} || number.ptr == end || *number.ptr != '.') {
        return std::nullopt;
    }
    auto const index = std::from_chars(number.ptr + 1, end, name.index);
    bool const is_whole = index.ec == std::errc{} && index.ptr != end && *index.ptr == '.';
    return is_whole ? std::optional(name) : std::nullopt;
}

/// The writes that a store still holds: frozen, pending or refused.
std::set<WriteNumber> writes_in(sync::StoreImage const& image) {
    std::set<WriteNumber> found;
    auto const add = [&found](ByteView event) {
        if (auto const name = name_of(event)) {
            found.insert(name->write);
        }
    };
    for (auto const& [stream, stored] : image.streams) {
        for (auto const& record : stored.runs) {
            auto const run = RunView::decode(record.run).value();
            for (std::uint32_t i = 0; i < run.count(); ++i) {
                add(run.event(i));
            }
        }
        for (auto const& mutation : stored.mutations) {
            add(mutation.events.front());
        }
        for (auto const& refused : stored.refused) {
            add(refused.mutation.events.front());
        }
    }
    return found;
}

}  // namespace

std::string where(std::string const& stream, std::uint64_t seq) {
    return fmt::format("{} seq {}", stream, seq);
}

Write& Oracle::write(WriteNumber number) {
    auto const found = writes_.find(number);
    require(found != writes_.end(), "I9", [&] {
        return fmt::format("write {} was never made", number);
    });
    return found->second;
}

WriteNumber Oracle::invoke(std::uint64_t device,
                           std::string const& stream,
                           std::uint64_t events,
                           std::uint64_t event_bytes,
                           std::vector<Bytes>& out) {
    WriteNumber const number = writes_.size() + 1;
    auto& entry = writes_[number];
    entry.device = device;
    entry.stream = stream;
    entry.floor = streams_[stream].acked;
    entry.era = era_;
    for (std::uint32_t i = 0; i < events; ++i) {
        out.push_back(event_of({number, i}, event_bytes));
        entry.hashes.push_back(hash64(out.back()));
    }
    trace_.add("publish", device, number, events);
    return number;
}

void Oracle::on_update(WriteNumber number, WriteUpdate const& update) {
    auto& entry = write(number);
    trace_.add("write moved", entry.device, number, static_cast<std::uint64_t>(update.state));
    if (update.error) {
        on_error(*update.error);
    }
    if (update.state == WriteState::stored) {
        entry.stored = true;
    } else if (update.state == WriteState::confirmed) {
        require(!entry.refused || entry.may_double, "I10", [&] {
            return fmt::format("write {} was refused for good, and is confirmed", number);
        });
        entry.confirmed = true;
        if (update.first > Seq{}) {
            require(update.last == update.first.plus(entry.hashes.size() - 1), "I2", [&] {
                return fmt::format("write {} has {} events and is confirmed as {}..{}",
                                   number,
                                   entry.hashes.size(),
                                   update.first.value,
                                   update.last.value);
            });
            auto& stream = streams_[entry.stream];
            auto const place = stream.places.find(number);
            // The answer may be older than a restore which the store heard of only later.
            bool const is_there =
                place == stream.places.end()
                    ? is_lost(number, entry)
                    : place->second == update.first.value || entry.may_double || entry.may_vanish;
            require(is_there, "I1", [&] {
                return fmt::format("write {} is confirmed at {}, but stands at {}",
                                   number,
                                   where(entry.stream, update.first.value),
                                   place == stream.places.end() ? 0 : place->second);
            });
            stream.acked = std::max(stream.acked, std::min(update.last.value, head(entry.stream)));
        }
    } else if (update.state == WriteState::refused && !update.provisional) {
        entry.refused = true;
        entry.refusal = ++refusals_;
        trace_.mark("a write was refused for good");
        require(entry.may_double || !streams_[entry.stream].places.contains(number), "I10", [&] {
            return fmt::format("write {} is refused for good, and is sequenced", number);
        });
    }
    if (update.provisional) {
        trace_.mark("a write was refused provisionally");
    }
}

void Oracle::on_stored_update(std::string const& stream, WriteUpdate const& update) {
    std::optional<EventName> name;
    if (!update.events.empty()) {
        name = name_of(update.events.front());
    } else if (update.first > Seq{}) {
        auto const& entries = streams_[stream].entries;
        auto const index = update.first.value - 1;
        require(index < entries.size() && entries[index].has_value(), "I1", [&] {
            return fmt::format("a write is confirmed at {}, where nothing stands",
                               where(stream, update.first.value));
        });
        name = EventName{entries[index]->write, 0};
    }
    if (name) {
        on_update(name->write, update);
    }
    trace_.mark("a write of an earlier life moved");
}

void Oracle::on_new_device(std::uint64_t device, DeviceId const& id) {
    require(rewound_.contains(device), "I8", [&] {
        return fmt::format("device {} goes on under a new id without reason", device);
    });
    on_device_id(device, id);
}

void Oracle::on_error(Error const& error) const {
    require(error.code != Errc::internal, "I38", [&] { return to_string(error); });
}

// Devices come to an end.

void Oracle::on_device_crash(std::uint64_t device, sync::StoreImage const& image) {
    auto const held = writes_in(image);
    for (auto& [number, entry] : writes_) {
        if (entry.device != device || entry.resolved()) {
            continue;
        }
        entry.may_vanish = entry.may_vanish || !entry.stored;
        bool const at_server = streams_[entry.stream].places.contains(number);
        require(held.contains(number) || at_server || entry.may_vanish, "I12", [&, n = number] {
            return fmt::format(
                "write {} of device {} was stored, and is neither in its store nor at the server",
                n,
                device);
        });
    }
}

ImageFacts Oracle::image_facts(std::uint64_t device) const {
    ImageFacts facts;
    for (auto const& [number, entry] : writes_) {
        if (entry.device == device && entry.stored) {
            facts.stored.insert(number);
        }
        // What was confirmed and then lost is open once more.
        if (entry.device == device && (!entry.resolved() || is_lost(number, entry))) {
            facts.open.insert(number);
        }
    }
    return facts;
}

void Oracle::on_image_restored(std::uint64_t device, ImageFacts const& facts) {
    rewound_.insert(device);
    for (auto& [number, entry] : writes_) {
        if (entry.device == device) {
            entry.may_vanish = entry.may_vanish || !facts.stored.contains(number);
            entry.may_double = entry.may_double || facts.open.contains(number);
        }
    }
}

bool Oracle::is_lost(WriteNumber number, Write const& entry) const {
    auto const stream = streams_.find(entry.stream);
    bool const is_there = stream != streams_.end() && stream->second.places.contains(number);
    return entry.may_vanish && !is_there;
}

// The server.

void Oracle::observe_runs(std::string const& stream, std::uint64_t first, ByteView runs) {
    for (ByteReader in(runs); !in.rest().empty();) {
        auto const delivered = DeliveredRunView::take(in);
        require(delivered.has_value(), "I19", [&] { return where(stream, first) + " is no run"; });
        auto const& run = delivered.value().run();
        for (std::uint32_t i = 0; i < run.count(); ++i) {
            observe(stream,
                    first++,
                    {delivered.value().device(), run.first_counter().plus(i)},
                    run.event(i));
        }
    }
}

void Oracle::on_moved(StreamMoved const& moved) {
    std::string const stream(moved.name);
    trace_.add("moved", moved.stream.value, moved.first.value, moved.last.value);
    auto seq = moved.first.value;
    require(seq == head(stream) + 1, "I3", [&] {
        return where(stream, seq) + fmt::format(" comes behind {}", head(stream));
    });
    for (std::size_t n = 0; n < moved.runs.size(); ++n) {
        observe_runs(stream, seq, moved.runs[n]);
        ByteReader in(moved.runs[n]);
        seq += DeliveredRunView::take(in).value().run().count();
        auto const grace = FoldPolicy{}.grace;
        require(moved.marks[n] == 0 || moved.marks[n] + grace < seq, "I14", [&] {
            return fmt::format(
                "the merge mark {} is too near to {}", moved.marks[n], where(stream, seq - 1));
        });
    }
    require(seq == moved.last.value + 1, "I3", [&] {
        return where(stream, moved.last.value) + " is promised and missing";
    });
}

void Oracle::on_page(std::string const& stream, Page const& page) {
    observe_runs(stream, page.first.value, page.runs);
}

void Oracle::on_read_back(std::string const& stream, std::uint64_t head_there) {
    require(head_there >= head(stream), "I1", [&] {
        return fmt::format("{} ends at {}, but {} was shown", stream, head_there, head(stream));
    });
}

/// Refusals that are younger than the copy are forgotten with the rest.
void Oracle::begin_era(std::uint64_t refusals_then) {
    ++era_;
    for (auto& [number, entry] : writes_) {
        entry.may_double = entry.may_double || entry.refusal > refusals_then;
    }
}

/// What lies behind is gone. Its authors may still hold it, and send it again. The copy may also
/// hold more than was ever shown: what was written and could not be flushed.
void Oracle::on_restored(std::string const& name, std::uint64_t head_there) {
    auto& stream = streams_[name];
    head_there = std::min<std::uint64_t>(head_there, stream.entries.size());
    for (auto at = head_there; at < stream.entries.size(); ++at) {
        if (stream.entries[at]) {
            stream.lost.emplace(at + 1, *stream.entries[at]);
        }
    }
    stream.entries.resize(head_there);
    stream.acked = std::min(stream.acked, head_there);
    std::erase_if(stream.places, [&](auto const& place) {
        auto& entry = writes_.at(place.first);
        bool const is_gone = place.second > head_there;
        entry.may_vanish = entry.may_vanish || is_gone;
        // Lost twice: the second restore may have undone the fence that killed its first run.
        entry.may_double = entry.may_double || (is_gone && entry.was_lost);
        entry.was_lost = entry.was_lost || is_gone;
        return is_gone;
    });
    for (auto& [key, reading] : readings_) {
        reading.head = key.second == name ? 0 : reading.head;
    }
}

std::uint64_t Oracle::head(std::string const& stream) const {
    auto const found = streams_.find(stream);
    return found == streams_.end() ? 0 : found->second.entries.size();
}

std::uint64_t Oracle::events() const {
    std::uint64_t count = 0;
    for (auto const& [name, stream] : streams_) {
        count += stream.entries.size();
    }
    return count;
}

// The model.

void Oracle::observe(std::string const& stream, std::uint64_t seq, Dot const& dot, ByteView event) {
    auto const name = name_of(event);
    require(name.has_value(), "I19", [&] {
        return where(stream, seq) + " is nothing that anybody wrote";
    });
    Entry const entry{dot, name->write, name->index, hash64(event)};
    auto& entries = streams_[stream].entries;
    if (entries.size() < seq) {
        entries.resize(seq);
    }
    auto& slot = entries[seq - 1];
    require(!slot || *slot == entry, "I4", [&] {
        return fmt::format("{} is event {} of write {}, and was event {} of write {}",
                           where(stream, seq),
                           entry.index,
                           entry.write,
                           slot->index,
                           slot->write);
    });
    if (!slot) {
        slot = entry;
        place(stream, seq, entry);
    }
}

bool Oracle::stood_there(std::string const& stream, std::uint64_t seq, ByteView event) const {
    auto const found = streams_.find(stream);
    if (found == streams_.end()) {
        return false;
    }
    auto const [first, end] = found->second.lost.equal_range(seq);
    return std::any_of(
        first, end, [hash = hash64(event)](auto const& lost) { return lost.second.hash == hash; });
}

void Oracle::place(std::string const& stream, std::uint64_t seq, Entry const& entry) {
    auto const& made = write(entry.write);
    auto const name = [&] {
        return fmt::format("write {} at {}", entry.write, where(stream, seq));
    };
    require(made.stream == stream && entry.index < made.hashes.size() &&
                made.hashes[entry.index] == entry.hash,
            "I9",
            [&] { return name() + " is not what was written"; });
    auto const owner = owners_.find(entry.dot.device);
    require(owner != owners_.end() && owner->second == made.device, "I9", [&] {
        return name() + " is of another device";
    });
    require(
        !made.refused || made.may_double, "I10", [&] { return name() + " was refused for good"; });
    require(made.era != era_ || seq > made.floor, "I6", [&] {
        return name() + fmt::format(" was made when {} was acknowledged", made.floor);
    });
    if (entry.index > 0) {
        return;
    }
    auto const [at, is_first] = streams_[stream].places.emplace(entry.write, seq);
    require(is_first || made.may_double, "I2", [&] {
        return name() + fmt::format(" stands at {} too", at->second);
    });
}

}  // namespace capstan::simulator
