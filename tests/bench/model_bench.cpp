// What the model costs: updates of fields applied to many objects, decoding included and without,
// and the memory that a live field takes beyond its value. Medians of rounds.
//
//   model_bench [--rounds N] [--objects N] [--fields N] [--updates N]
#include <malloc.h>

#include <algorithm>
#include <capstan/engine/model.hpp>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace capstan;

struct Options {
    std::size_t rounds = 5;
    std::size_t objects = 100'000;
    std::size_t fields = 10;
    std::size_t updates = 1'000'000;
};

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

/// CPU time of the thread: what other work on the machine takes does not count.
double thread_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

std::uint64_t next_random(std::uint64_t& state) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/// A stream on its way into a model: devices in turns, each 256 events behind at most.
class Feed {
  public:
    explicit Feed(Options const& options) : options_(options) {}

    EventStamp next_stamp() {
        ++seq_;
        EventStamp stamp{Seq{seq_}, Seq{seq_ - 1}, Seq{seq_}, Seq{seq_ > 256 ? seq_ - 256 : 0}, {}};
        store(stamp.device.bytes.data(), next_random(random_) % 16 + 1);
        return stamp;
    }
    Op update() {
        Op op{.object = object(next_random(random_) % options_.objects),
              .field = field(next_random(random_) % options_.fields)};
        op.value = static_cast<std::int64_t>(next_random(random_));
        return op;
    }
    void fill(Model& model) {
        for (std::size_t n = 0; n < options_.objects; ++n) {
            Event event{{{.kind = OpKind::insert, .object = object(n), .type = "Item"}}, {}};
            for (std::size_t i = 0; i < options_.fields; ++i) {
                event.ops.push_back(
                    {.object = object(n), .field = field(i), .value = std::int64_t{0}});
            }
            model.apply(event, next_stamp(), nullptr);
        }
    }

  private:
    static std::string object(std::size_t n) { return "item-" + std::to_string(n); }
    static std::string field(std::size_t n) { return "field" + std::to_string(n); }

    Options options_;
    std::uint64_t seq_ = 0;
    std::uint64_t random_ = 88'172'645'463'325'252;
};

struct Times {
    std::vector<double> apply, notices, decode;
};

/// Events of `per_event` updates each, applied to a full model.
void measure(Options const& options, std::size_t per_event) {
    Feed feed(options);
    Model model;
    feed.fill(model);
    Times times;
    for (std::size_t round = 0; round < options.rounds; ++round) {
        std::vector<Bytes> encoded;
        std::vector<Event> events;
        for (std::size_t n = 0; n < options.updates / per_event; ++n) {
            Event event;
            std::generate_n(
                std::back_inserter(event.ops), per_event, [&] { return feed.update(); });
            encoded.push_back(encode_event(event));
            events.push_back(std::move(event));
        }
        auto const timed = [&](auto work) {
            auto const start = thread_ns();
            for (std::size_t n = 0; n < events.size(); ++n) {
                work(n);
            }
            return (thread_ns() - start) / static_cast<double>(events.size() * per_event);
        };
        times.apply.push_back(
            timed([&](std::size_t n) { model.apply(events[n], feed.next_stamp(), nullptr); }));
        Changes changes;
        times.notices.push_back(timed([&](std::size_t n) {
            changes.clear();
            model.apply(events[n], feed.next_stamp(), &changes);
        }));
        times.decode.push_back(timed([&](std::size_t n) {
            model.apply(decode_event(encoded[n]).value(), feed.next_stamp(), nullptr);
        }));
    }
    auto const line = [&](char const* what, std::vector<double> const& ns) {
        std::printf("%2zu updates an event, %-24s %7.1f ns an update, %5.2f M/s\n",
                    per_event,
                    what,
                    median(ns),
                    1e3 / median(ns));
    };
    line("applied", times.apply);
    line("with change notices", times.notices);
    line("decoded and applied", times.decode);
}

std::size_t heap_bytes() {
    auto const info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
}

void measure_memory(Options const& options) {
    auto const before = heap_bytes();
    Model model;
    Feed(options).fill(model);
    model.collect();
    auto const fields = static_cast<double>(options.objects * options.fields);
    std::printf("%zu fields an object: %.1f bytes a field on the heap, %.1f by Model::bytes()\n",
                options.fields,
                static_cast<double>(heap_bytes() - before) / fields - 8,
                static_cast<double>(model.bytes()) / fields - 8);
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        std::string_view const name = argv[i];
        auto const value = static_cast<std::size_t>(std::strtoull(argv[i + 1], nullptr, 10));
        if (name == "--rounds") {
            options.rounds = value;
        } else if (name == "--objects") {
            options.objects = value;
        } else if (name == "--fields") {
            options.fields = value;
        } else if (name == "--updates") {
            options.updates = value;
        }
    }
    std::printf(
        "%zu objects of %zu fields (int64), medians of %zu rounds, CPU time of the thread\n",
        options.objects,
        options.fields,
        options.rounds);
    measure(options, 1);
    measure(options, 10);
    for (std::size_t const fields : {1, 3, 10, 30}) {
        options.fields = fields;
        measure_memory(options);
    }
}
