// `capstan bench reconcile`: what models and texts cost on this machine, without a server. Recorded
// sessions where CAPSTAN_DATA names their folder, else one that is made up.
#include <malloc.h>

#include <algorithm>
#include <capstan/engine/model.hpp>
#include <capstan/engine/snapshot/packing.hpp>
#include <cmath>
#include <ctime>
#include <functional>
#include <utility>

#include "bench_sessions.hpp"
#include "commands.hpp"

namespace capstan::cli {
namespace {

/// CPU time of the thread: what other work on the machine takes does not count.
double thread_ms() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

double timed(std::function<void()> const& work) {
    auto const start = thread_ms();
    work();
    return thread_ms() - start;
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

/// Measured values beside what they should be at most or, of rates, at least.
class Figures {
  public:
    Figures(Context& context, std::uint32_t rounds)
        : rounds_(rounds),
          rows_(context.output,
                {{.key = "figure", .shrinks = true},
                 {.key = "median", .right = true},
                 {.key = "least", .right = true},
                 {.key = "most", .right = true},
                 {.key = "unit"},
                 {.key = "bar", .right = true},
                 {.key = "met"}}) {}

    std::uint32_t rounds() const { return rounds_; }
    void add(std::string figure, std::vector<double> values, std::string unit, double bar) {
        auto const [least, most] = std::ranges::minmax(values);
        auto const middle = median(std::move(values));
        bool const is_rate = unit.ends_with("/s");
        rows_.add({std::move(figure),
                   rounded(middle),
                   rounded(least),
                   rounded(most),
                   std::move(unit),
                   bar,
                   is_rate ? middle >= bar : middle <= bar});
    }
    /// Calls `round` for each round; it gives back the value of that.
    void measure(std::string figure, std::string unit, double bar, std::function<double()> round) {
        std::vector<double> values;
        for (std::uint32_t i = 0; i < rounds_; ++i) {
            values.push_back(round());
        }
        add(std::move(figure), std::move(values), std::move(unit), bar);
    }
    void end() { rows_.end(); }

  private:
    static double rounded(double value) {
        auto const scale = std::pow(10, std::max(0.0, 4 - std::ceil(std::log10(value + 1e-9))));
        return std::round(value * scale) / scale;
    }

    std::uint32_t rounds_;
    Rows rows_;
};

/// With bars. Those of the second one's bytes are to diamond-types (35,903) what the first one's
/// are to it (109,000).
struct RecordedSession {
    char const* path;
    double runs_ms;
    double events_bytes;
    double tape_bytes;
};
constexpr RecordedSession kSessions[] = {{"sequential/automerge-paper", 0.5, 80'000, 130'000},
                                         {"concurrent/friendsforever", 1.5, 26'000, 43'000}};

Error ends_wrongly(BenchSession const& session) {
    return Error{Errc::internal, session.name + " does not end in the recorded text"};
}

Result<> add_session(Figures& figures, BenchSession const& session, double runs_ms) {
    std::uint64_t notices = 0;
    if (session.replay(notices).content().str() != session.trace.end_content) {
        return ends_wrongly(session);
    }
    figures.measure(session.name + ", " + std::to_string(session.events.size()) + " events",
                    "ms",
                    runs_ms,
                    [&] { return timed([&] { session.replay(notices); }); });
    return success();
}

/// What its whole history takes: as it is kept, and as it would be in a frame of its own.
void add_sizes(Figures& figures, BenchSession const& session, RecordedSession const& bars) {
    double events = 0;
    for (Bytes const& event : session.events) {
        events += static_cast<double>(event.size());
    }
    auto const tape = session.tape();
    auto const add = [&](char const* of, double bytes, double bar) {
        figures.add(session.name + ", bytes of " + of, {bytes}, "bytes", bar);
    };
    add("its events", events, bars.events_bytes);
    add("its tape", static_cast<double>(tape.size()), bars.tape_bytes);
    add("its tape in one zstd frame",
        static_cast<double>(pack_chunk(tape).size()),
        bars.tape_bytes);
}

Result<> add_keystrokes(Figures& figures, BenchSession const& session) {
    std::uint64_t notices = 0;
    if (session.replay(notices).content().str() != session.trace.end_content) {
        return ends_wrongly(session);
    }
    figures.measure(session.name + ", an event with notices", "us", 0.5, [&] {
        return timed([&] { session.replay(notices); }) * 1e3 /
               static_cast<double>(session.events.size());
    });
    auto const& end = session.trace.end_content;
    figures.measure(session.name + ", loading its final text", "ms", 0.1, [&] {
        return timed([&] { notices += Text(end).content().items(); });
    });
    figures.measure(session.name + ", memory at rest beside its bytes", "x", 1.5, [&] {
        auto text = session.replay(notices);
        text.collect(Seq{session.events.size()});
        return static_cast<double>(text.memory_bytes()) / static_cast<double>(end.size());
    });
    return success();
}

Result<> add_texts(Context& context, Figures& figures) {
    auto const data = context.surroundings.environment("CAPSTAN_DATA").value_or("");
    if (data.empty()) {
        auto const made_up = made_up_session(10'000, 64);
        CAPSTAN_TRY(add_session(
            figures, BenchSession::of("made up, in runs", importers::as_runs(made_up)), 5));
        return add_keystrokes(figures, BenchSession::of("made up", made_up));
    }
    for (RecordedSession const& recorded : kSessions) {
        std::string const path = recorded.path;
        CAPSTAN_TRY(auto const trace,
                    importers::load_editing_trace(data + "/editing-traces/" + path + ".json.gz"));
        auto const name = path.substr(path.find('/') + 1);
        auto const runs = BenchSession::of(name + " in runs", importers::as_runs(trace));
        CAPSTAN_TRY(add_session(figures, runs, recorded.runs_ms));
        add_sizes(figures, runs, recorded);
        CAPSTAN_TRY(add_keystrokes(figures, BenchSession::of(name, trace)));
    }
    return success();
}

/// One device types, in a row or to and fro; another one that has seen none of it inserts once.
void add_late_insert(Figures& figures, bool in_a_row) {
    constexpr std::size_t kKeystrokes = 100'000;
    auto const figure = std::string("a late insert beside 100,000 keystrokes ") +
                        (in_a_row ? "in a row" : "to and fro");
    figures.measure(figure, "ms", 1, [&] {
        Text text("start, and end");
        std::vector<TextSplice> effects;
        for (std::size_t i = 0; i < kKeystrokes; ++i) {
            TextSplice const splice{in_a_row ? 6 + i : 6 + i / 2 + (i % 2) * 2 % (i + 1), 0, "x"};
            text.apply({Stamp{i + 2}, Seq{1}, DeviceIndex{1}, Seq{1}}, {&splice, 1}, effects);
        }
        TextSplice const late{6, 0, "late"};
        EditStamp const stamp{Stamp{kKeystrokes + 2}, Seq{1}, DeviceIndex{2}, Seq{1}};
        return timed([&] { text.apply(stamp, {&late, 1}, effects); });
    });
}

std::string item(std::uint64_t number) {
    return "item-" + std::to_string(number);
}

/// A stream of single updates of many objects, its devices a little behind one another.
class Feed {
  public:
    static constexpr std::uint64_t kObjects = 100'000;
    static constexpr std::uint64_t kFields = 10;

    EventStamp next_stamp() {
        ++seq_;
        EventStamp stamp{Seq{seq_}, Seq{seq_ - 1}, Seq{seq_}, Seq{seq_ > 256 ? seq_ - 256 : 0}, {}};
        stamp.device.bytes[0] = static_cast<std::byte>(1 + random() % 16);
        return stamp;
    }
    Event update(std::size_t ops) {
        Event event;
        for (std::size_t i = 0; i < ops; ++i) {
            event.ops.push_back({.kind = OpKind::set,
                                 .object = item(random() % kObjects),
                                 .field = "field" + std::to_string(random() % kFields),
                                 .value = static_cast<std::int64_t>(random())});
        }
        return event;
    }
    void fill(Model& model) {
        for (std::uint64_t n = 0; n < kObjects; ++n) {
            Event event{{{.kind = OpKind::insert, .object = item(n), .type = "Item"}}, Seq{}};
            for (std::uint64_t i = 0; i < kFields; ++i) {
                event.ops.push_back({.kind = OpKind::set,
                                     .object = item(n),
                                     .field = "field" + std::to_string(i),
                                     .value = std::int64_t{0}});
            }
            model.apply(event, next_stamp(), nullptr);
        }
    }

  private:
    std::uint64_t random() {
        random_ ^= random_ << 13;
        random_ ^= random_ >> 7;
        return random_ ^= random_ << 17;
    }
    std::uint64_t seq_ = 0;
    std::uint64_t random_ = 88'172'645'463'325'252;
};

std::size_t heap_bytes() {
    auto const info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
}

void add_model(Figures& figures) {
    constexpr std::size_t kUpdates = 200'000;
    constexpr auto kInt64Bytes = 8.0;
    auto const before = heap_bytes();
    Feed feed;
    Model model;
    feed.fill(model);
    model.collect();
    auto const fields = static_cast<double>(Feed::kObjects * Feed::kFields);
    auto const beyond = static_cast<double>(heap_bytes() - before) / fields - kInt64Bytes;
    for (std::size_t const ops : {std::size_t{1}, std::size_t{10}}) {
        figures.measure("field updates into 100,000 objects, " + std::to_string(ops) + " an event",
                        "1/s",
                        2e6,
                        [&] {
                            std::vector<Event> events;
                            for (std::size_t i = 0; i < kUpdates / ops; ++i) {
                                events.push_back(feed.update(ops));
                            }
                            auto const ms = timed([&] {
                                for (Event const& event : events) {
                                    model.apply(event, feed.next_stamp(), nullptr);
                                }
                            });
                            return static_cast<double>(kUpdates) / ms * 1e3;
                        });
    }
    figures.add("a live field at rest, beyond its value", {beyond}, "bytes", 150);
}

/// A device that was away for 10,000 events and comes back with 1,000 edits of its own: what came
/// in is decoded and applied, its edits are placed, said anew at the head, and looked at.
void add_return(Figures& figures) {
    constexpr std::uint64_t kMissed = 10'000;
    constexpr std::uint64_t kEdits = 1'000;
    DeviceId own;
    own.bytes[0] = std::byte{255};
    auto const splice = [](std::uint64_t at, std::string content) {
        return Op{.kind = OpKind::splice,
                  .object = "note",
                  .field = "body",
                  .value = std::move(content),
                  .at = at};
    };
    figures.measure("back after 10,000 events with 1,000 edits", "ms", 50, [&] {
        Feed feed;
        Model model;
        model.apply({{{.kind = OpKind::insert, .object = "note", .type = "Note"},
                      splice(0, std::string(10'000, 'x'))},
                     Seq{}},
                    feed.next_stamp(),
                    nullptr);
        for (std::uint64_t n = 0; n < 1'000; ++n) {
            model.apply({{{.kind = OpKind::insert, .object = item(n), .type = "Item"}}, Seq{}},
                        feed.next_stamp(),
                        nullptr);
        }
        auto const p = model.head();
        Overlay overlay(model, own);
        for (std::uint64_t n = 0; n < kEdits; ++n) {
            overlay.add(
                n % 2 == 0
                    ? Event{{splice(n, "own")}, Seq{}}
                    : Event{{{.object = item(n), .field = "f", .value = std::int64_t{1}}}, Seq{}},
                p);
        }
        std::vector<Bytes> missed;
        for (std::uint64_t n = 0; n < kMissed; ++n) {
            missed.push_back(encode_event(
                n % 2 == 0
                    ? Event{{splice(n, "theirs")}, Seq{}}
                    : Event{{{.object = item(n % 1'000), .field = "f", .value = std::int64_t{2}}},
                            Seq{}}));
        }
        return timed([&] {
            Changes changes;
            for (Bytes const& bytes : missed) {
                auto const event = decode_event(bytes).value();
                auto stamp = feed.next_stamp();
                stamp.device.bytes[0] = std::byte{1};
                changes.clear();
                model.apply(event, stamp, &changes);
                overlay.touched(event);
            }
            for (auto const& rebased : overlay.rebase({})) {
                encode_event(rebased.event);
            }
            overlay.text("note", "body");
        });
    });
}

/// What one more mutation costs its author when so many are pending on its object (F51).
void add_pending(Figures& figures, std::uint64_t pending, bool types) {
    DeviceId own;
    own.bytes[0] = std::byte{255};
    auto const figure =
        std::string(types ? "a keystroke in a text with " : "a mutation on an object with ") +
        std::to_string(pending) + " pending";
    figures.measure(figure, "us", 20, [&] {
        Model model;
        Overlay overlay(model, own);
        Changes changes;
        overlay.add({{{.kind = OpKind::insert, .object = "log", .type = "Log"}}, Seq{}}, Seq{});
        auto const write = [&](std::uint64_t n) {
            changes.clear();
            Op op{.kind = OpKind::set_add, .object = "log", .field = "lines", .value = item(n)};
            if (types) {
                op.kind = OpKind::splice;
                op.value = std::string("x");
                op.at = n;
            }
            overlay.add({{std::move(op)}, Seq{}}, Seq{}, &changes);
        };
        for (std::uint64_t n = 0; n < pending; ++n) {
            write(n);
        }
        constexpr std::uint64_t kMore = 100;
        return timed([&] {
                   for (auto n = pending; n < pending + kMore; ++n) {
                       write(n);
                   }
               }) *
               1e3 / kMore;
    });
}

}  // namespace

Result<> execute(Context& context, BenchReconcile const& command) {
    Figures figures(context, command.rounds);
    CAPSTAN_TRY(add_texts(context, figures));
    if (!command.sessions) {
        add_late_insert(figures, true);
        add_late_insert(figures, false);
        add_model(figures);
        add_return(figures);
        add_pending(figures, 100'000, false);
        add_pending(figures, 1'000, true);
    }
    figures.end();
    context.output.note("Medians of " + std::to_string(command.rounds) +
                        " rounds, CPU time of one thread, capstan " CAPSTAN_VERSION ".");
    return success();
}

}  // namespace capstan::cli
