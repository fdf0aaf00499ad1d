#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "plan.hpp"

namespace capstan::simulator {
namespace {

constexpr std::array<std::string_view, kArgs> kArgNames{
    "device", "stream", "count", "bytes", "ms", "how"};
constexpr std::array<std::string_view, 3> kProfileNames{"dense", "sparse", "crash"};

struct KnobInfo {
    std::string_view name;
    std::uint64_t Knobs::*field;
};
constexpr std::array kKnobs{
    KnobInfo{"segment_bytes", &Knobs::segment_bytes},
    KnobInfo{"queue_bytes", &Knobs::queue_bytes},
    KnobInfo{"batch_bytes", &Knobs::batch_bytes},
    KnobInfo{"checkpoint_bytes", &Knobs::checkpoint_bytes},
    KnobInfo{"checkpoint_ms", &Knobs::checkpoint_ms},
    KnobInfo{"rows", &Knobs::rows},
    KnobInfo{"session_streams", &Knobs::session_streams},
    KnobInfo{"session_runs", &Knobs::session_runs},
    KnobInfo{"session_queue_bytes", &Knobs::session_queue_bytes},
    KnobInfo{"page_bytes", &Knobs::page_bytes},
    KnobInfo{"page_streams", &Knobs::page_streams},
    KnobInfo{"credit_bytes", &Knobs::credit_bytes},
    KnobInfo{"flight_bytes", &Knobs::flight_bytes},
    KnobInfo{"write_bytes", &Knobs::write_bytes},
    KnobInfo{"window_bytes", &Knobs::window_bytes},
    KnobInfo{"delay_us", &Knobs::delay_us},
    KnobInfo{"jitter_us", &Knobs::jitter_us},
    KnobInfo{"disk_us", &Knobs::disk_us},
    KnobInfo{"tick_ms", &Knobs::tick_ms},
};

std::vector<VerbInfo> verb_table() {
    using enum Arg;
    return {
        {Verb::publish, "publish", {device, stream, count, bytes, how}, false},
        {Verb::subscribe, "subscribe", {device, stream, how}, false},
        {Verb::unsubscribe, "unsubscribe", {device, stream}, false},
        {Verb::cut, "cut", {device, how, ms}},
        {Verb::reset, "reset", {device}},
        {Verb::lag, "lag", {device, count, ms}},
        {Verb::stall, "stall", {device, ms}},
        {Verb::kill_device, "kill_device", {device, ms}},
        {Verb::power_device, "power_device", {device, ms}},
        {Verb::crash_at_write, "crash_at_write", {device, count, how, ms}},
        {Verb::store_error, "store_error", {device, ms}},
        {Verb::image_device, "image_device", {device}},
        {Verb::restore_device, "restore_device", {device, ms}},
        {Verb::kill_server, "kill_server", {ms}},
        {Verb::power_server, "power_server", {count, ms}},
        {Verb::flush_error, "flush_error", {count, how, ms}},
        {Verb::disk_full, "disk_full", {ms}},
        {Verb::slow_disk, "slow_disk", {count, ms}},
        {Verb::flip_bit, "flip_bit", {count, ms}},
        {Verb::backup, "backup", {}},
        {Verb::restore, "restore", {how, ms}},
        {Verb::stray, "stray", {count}},
        {Verb::jump, "jump", {device, how, ms}},
    };
}

std::vector<VerbInfo> const& verbs() {
    static std::vector<VerbInfo> const table = verb_table();
    return table;
}

/// `key=value` words of a line.
using Words = std::map<std::string_view, std::string_view>;

std::string_view take_word(std::string_view& line) {
    auto const begin = std::min(line.find_first_not_of(' '), line.size());
    auto const end = std::min(line.find(' ', begin), line.size());
    auto const word = line.substr(begin, end - begin);
    line.remove_prefix(end);
    return word;
}

Words take_words(std::string_view line) {
    Words words;
    for (auto word = take_word(line); !word.empty(); word = take_word(line)) {
        auto const equals = std::min(word.find('='), word.size());
        words[word.substr(0, equals)] = word.substr(std::min(equals + 1, word.size()));
    }
    return words;
}

std::optional<std::uint64_t> number(std::string_view text) {
    bool const is_hex = text.starts_with("0x");
    text.remove_prefix(is_hex ? 2 : 0);
    std::uint64_t value = 0;
    auto const [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), value, is_hex ? 16 : 10);
    bool const is_whole = error == std::errc{} && end == text.data() + text.size();
    return is_whole ? std::optional(value) : std::nullopt;
}

/// Numbers out of words; remembers if one was missing.
class Numbers {
  public:
    explicit Numbers(std::string_view line) : words_(take_words(line)) {}
    std::uint64_t operator()(std::string_view name) {
        auto const found = words_.find(name);
        auto const value = found == words_.end() ? std::nullopt : number(found->second);
        complete_ = complete_ && value.has_value();
        return value.value_or(0);
    }
    std::string_view text(std::string_view name) { return words_[name]; }
    bool complete() const { return complete_; }

  private:
    Words words_;
    bool complete_ = true;
};

bool parse_run(std::string_view line, Plan& plan) {
    Numbers numbers(line);
    auto const profile = parse_profile(numbers.text("profile"));
    plan.seed = numbers("seed");
    plan.devices = numbers("devices");
    plan.streams = numbers("streams");
    plan.horizon = std::chrono::milliseconds(numbers("horizon_ms"));
    plan.profile = profile ? profile.value() : Profile::dense;
    return numbers.complete() && profile.has_value();
}

bool parse_knob(std::string_view line, Plan& plan) {
    Words const words = take_words(line);
    for (auto const& [name, text] : words) {
        auto const value = number(text);
        auto const knob = std::ranges::find(kKnobs, name, &KnobInfo::name);
        if (!value || knob == kKnobs.end()) {
            return false;
        }
        plan.knobs.*(knob->field) = *value;
    }
    return true;
}

bool parse_step(std::string_view line, Plan& plan) {
    auto const at = number(take_word(line));
    auto const name = take_word(line);
    auto const verb = std::ranges::find(verbs(), name, &VerbInfo::name);
    if (!at || verb == verbs().end()) {
        return false;
    }
    Step step;
    step.at = std::chrono::microseconds(*at);
    step.verb = verb->verb;
    Numbers numbers(line);
    for (auto const arg : verb->args) {
        step[arg] = numbers(kArgNames[static_cast<std::size_t>(arg)]);
    }
    plan.steps.push_back(step);
    return numbers.complete() && step[Arg::device] < plan.devices &&
           step[Arg::stream] < plan.streams;
}

bool parse_line(std::string_view line, Plan& plan) {
    auto const word = take_word(line);
    if (word.empty() || word.starts_with('#')) {
        return true;
    }
    if (word == "run") {
        return parse_run(line, plan);
    }
    if (word == "knob") {
        return parse_knob(line, plan);
    }
    return word == "at" && parse_step(line, plan);
}

}  // namespace

std::string_view to_string(Profile profile) {
    return kProfileNames[static_cast<std::size_t>(profile)];
}

Result<Profile> parse_profile(std::string_view text) {
    auto const found = std::ranges::find(kProfileNames, text);
    if (found == kProfileNames.end()) {
        return Error{Errc::request_invalid, "no such profile: " + std::string(text)};
    }
    return static_cast<Profile>(found - kProfileNames.begin());
}

VerbInfo const& info(Verb verb) {
    return verbs()[static_cast<std::size_t>(verb)];
}

std::vector<std::uint64_t Knobs::*> knob_fields() {
    std::vector<std::uint64_t Knobs::*> fields;
    for (auto const& knob : kKnobs) {
        fields.push_back(knob.field);
    }
    return fields;
}

std::string to_text(Plan const& plan) {
    using std::chrono::duration_cast;
    auto text = fmt::format("run seed=0x{:x} profile={} devices={} streams={} horizon_ms={}\n",
                            plan.seed,
                            to_string(plan.profile),
                            plan.devices,
                            plan.streams,
                            duration_cast<std::chrono::milliseconds>(plan.horizon).count());
    for (auto const& knob : kKnobs) {
        if (auto const value = plan.knobs.*(knob.field); value != Knobs{}.*(knob.field)) {
            text += fmt::format("knob {}={}\n", knob.name, value);
        }
    }
    for (auto const& step : plan.steps) {
        auto const& verb = info(step.verb);
        text += fmt::format(
            "at {} {}", duration_cast<std::chrono::microseconds>(step.at).count(), verb.name);
        for (auto const arg : verb.args) {
            text += fmt::format(" {}={}", kArgNames[static_cast<std::size_t>(arg)], step[arg]);
        }
        text += '\n';
    }
    return text;
}

Result<Plan> parse_plan(std::string_view text) {
    Plan plan;
    for (std::size_t line_number = 1; !text.empty(); ++line_number) {
        auto const end = std::min(text.find('\n'), text.size());
        auto const line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!parse_line(line, plan)) {
            return Error{Errc::request_invalid,
                         fmt::format("line {} of the plan: {}", line_number, line)};
        }
    }
    return plan;
}

}  // namespace capstan::simulator
