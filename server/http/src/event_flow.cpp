#include "event_flow.hpp"

#include <charconv>
#include <utility>

#include "api.hpp"
#include "event_json.hpp"

namespace capstan {
namespace {

/// Read from the tape at once; a run that is larger comes whole.
constexpr std::size_t kPieceBytes = 65'536;
/// What a reader waits before it comes back, unless its connection broke.
constexpr std::string_view kRetry = "retry: 1000\n\n";

template <class Number>
bool parse_whole(std::string_view text, Number& out, int base) {
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
    return error == std::errc{} && end == text.data() + text.size();
}

/// `data:` lines. What breaks a line in the text, which JSON allows between its parts, begins a new
/// one.
std::string data_lines(std::string_view text) {
    std::string out = "data: ";
    for (std::size_t i = 0; i < text.size(); ++i) {
        bool const pair = text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
        if (!pair && (text[i] == '\n' || text[i] == '\r')) {
            out += "\ndata: ";
        } else if (!pair) {
            out += text[i];
        }
    }
    return out + '\n';
}

}  // namespace

std::optional<EventId> EventId::parse(std::string_view text) {
    EventId id;
    if (auto const dot = text.find('.'); dot != std::string_view::npos) {
        id.generation.emplace();
        if (dot != 16 || !parse_whole(text.substr(0, dot), id.generation->value, 16)) {
            return std::nullopt;
        }
        text.remove_prefix(dot + 1);
    }
    if (!parse_whole(text, id.seq.value, 10) || id.seq > kSeqMax) {
        return std::nullopt;
    }
    return id;
}

EventFlow::EventFlow(Start start, World const& world)
    : stream_(std::move(start.stream)),
      generation_(start.generation),
      next_(start.next),
      world_(world) {
    world_.flows.insert(this);
}

EventFlow::~EventFlow() {
    stop_waiting();
    world_.flows.erase(this);
}

void EventFlow::start(std::function<void()> wake) {
    wake_ = std::move(wake);
}

void EventFlow::drain() {
    draining_ = true;
    wake_up();
}

/// The call may end with this flow destroyed.
void EventFlow::wake_up() {
    if (auto const wake = wake_) {
        wake();
    }
}

std::optional<std::string> EventFlow::next() {
    stop_waiting();
    if (ended_) {
        return std::nullopt;
    }
    if (draining_) {
        return say_last("end", {Errc::not_ready, "shutting down"});
    }
    if (!std::exchange(began_, true)) {
        return std::string(kRetry);
    }
    auto const stat = world_.partition.stat(std::string_view(stream_));
    if (!stat) {
        return say_last("error", stat.error());
    }
    if (!stat.value()) {
        return wait();
    }
    if (generation_.value_or(stat.value()->generation) != stat.value()->generation) {
        return say_last(
            "error",
            {Errc::lost_history, "the generation is " + to_string(stat.value()->generation)});
    }
    generation_ = stat.value()->generation;
    if (next_ <= stat.value()->head) {
        auto piece = read(*stat.value());
        return piece ? std::move(piece).value() : say_last("error", piece.error());
    }
    return stat.value()->sealed ? say_last("end", {Errc::stream_sealed, stream_}) : wait();
}

Result<std::string> EventFlow::read(StreamStat const& stat) {
    CAPSTAN_TRY(auto const page, world_.partition.read(stat.number, next_, kPieceBytes));
    std::string piece;
    CAPSTAN_TRY(each_event(page, next_, [&](Seq seq, auto const& delivered, std::uint32_t index) {
        std::string json;
        append_event_json(json, seq, delivered, index);
        piece += "id: " + to_string(*generation_) + '.' + std::to_string(seq.value) + '\n' +
                 data_lines(json) + '\n';
        next_ = seq.next();
        return true;
    }));
    silent_ = false;
    return piece;
}

std::string EventFlow::say_last(std::string_view name, Error const& why) {
    ended_ = true;
    auto const document = problem_of(why).body;
    return "event: " + std::string(name) + '\n' +
           data_lines(std::string_view(document).substr(0, document.size() - 1)) + '\n';
}

/// Nothing to read: sleeps until the stream moves, or it is time for a sign of life.
std::string EventFlow::wait() {
    watch_ = world_.seams.host.watch(stream_, [this] {
        watch_ = 0;
        wake_up();
    });
    heartbeat_ = world_.seams.strand.after(world_.options.heartbeat, [this] {
        silent_ = true;
        wake_up();
    });
    return std::exchange(silent_, false) ? ":\n\n" : "";
}

void EventFlow::stop_waiting() {
    heartbeat_.reset();
    if (watch_ != 0) {
        world_.seams.host.unwatch(std::exchange(watch_, 0));
    }
}

}  // namespace capstan
