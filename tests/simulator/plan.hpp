// All that a run is given: sizes, knobs and a list of what happens when. A plan is text, so that a
// failure outlives the seed that found it.
#pragma once
#include <array>
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/schema/error.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace capstan::simulator {

enum class Profile : std::uint8_t {
    dense,   // seconds: races
    sparse,  // weeks: devices are away for days
    crash,   // the server dies every few seconds
};
std::string_view to_string(Profile profile);
Result<Profile> parse_profile(std::string_view text);

/// What a step may name. All are whole numbers.
enum class Arg : std::uint8_t {
    device,  // 0-based
    stream,  // 0-based
    count,   // of events, of calls until it strikes
    bytes,   // of an event
    ms,      // how long
    how,     // a variant, as the verb's comment says
};
inline constexpr std::size_t kArgs = 6;

enum class Verb : std::uint8_t {
    // The application.
    publish,      // how: 1 only if nothing is newer, 2 needs the window, 4 a bit more is
    subscribe,    // how: 0 where it was, 1 from the first event, 2 from the next one
    unsubscribe,  //
    // The network.
    cut,    // how: 1 nothing goes up, 2 nothing goes down, 3 neither
    reset,  // both ends learn that the connection is gone
    lag,    // each message takes so much longer for a while
    stall,  // the device takes nothing from its connection
    // Devices.
    kill_device,     // the process dies; starts again after `ms`
    power_device,    // the machine dies: the server hears nothing
    crash_at_write,  // at its count-th transaction from now; how: 1 it is still on the disk
    store_error,     // the next transaction is not taken
    image_device,    // an image of the store is kept
    restore_device,  // and takes the store's place (F23)
    // The server.
    kill_server,   // the process dies; starts again after `ms`
    power_server,  // the machine dies at its count-th storage call from now
    flush_error,   // F6, F7; how: 1 the page cache then calls its pages clean, 2 a write fails
    disk_full,     // F8
    slow_disk,     // F9: each task of the disk takes `ms`, `count` times
    flip_bit,      // F4, F5: of what is stored, while the server is down
    backup,        // a copy of journal and index is kept
    restore,       // and takes their place (F17); how: 1 nobody notes it
    stray,         // an old copy of a run comes in by another way, count back (F56)
    // Clocks.
    jump,  // of the device, or of the server where `how` is 1; forth and back by days
};
inline constexpr std::size_t kVerbs = static_cast<std::size_t>(Verb::jump) + 1;

struct VerbInfo {
    Verb verb;
    std::string_view name;
    std::vector<Arg> args;
    bool is_fault = true;
};
VerbInfo const& info(Verb verb);

struct Step {
    Duration at{};
    Verb verb = Verb::publish;
    std::array<std::uint64_t, kArgs> args{};

    std::uint64_t operator[](Arg arg) const { return args[static_cast<std::size_t>(arg)]; }
    std::uint64_t& operator[](Arg arg) { return args[static_cast<std::size_t>(arg)]; }
    Duration lasting() const { return std::chrono::milliseconds((*this)[Arg::ms]); }
    friend bool operator==(Step const&, Step const&) = default;
};

/// Limits and times of the system under test, as one run has them.
struct Knobs {
    std::uint64_t segment_bytes = 64 * 1'024;
    std::uint64_t queue_bytes = 64 * 1'048'576;
    std::uint64_t batch_bytes = 4 * 1'048'576;
    std::uint64_t checkpoint_bytes = 256 * 1'024;
    std::uint64_t checkpoint_ms = 5'000;
    std::uint64_t rows = 200'000;
    std::uint64_t session_streams = 16'384;
    std::uint64_t session_runs = 4'096;
    std::uint64_t session_queue_bytes = 1'048'576;
    std::uint64_t page_bytes = 262'144;
    std::uint64_t page_streams = 256;
    std::uint64_t credit_bytes = 4 * 1'048'576;
    std::uint64_t flight_bytes = 2 * 1'048'576;
    std::uint64_t write_bytes = 262'144;   // of one message to a device, about
    std::uint64_t window_bytes = 262'144;  // on their way to a device
    std::uint64_t delay_us = 10'000;       // of a message, at least
    std::uint64_t jitter_us = 10'000;      // on top of it, at most
    std::uint64_t disk_us = 500;           // of a task of a disk, at most
    std::uint64_t tick_ms = 1'000;         // between two looks of the server at its sessions
    friend bool operator==(Knobs const&, Knobs const&) = default;
};

/// All of them.
std::vector<std::uint64_t Knobs::*> knob_fields();

struct Plan {
    std::uint64_t seed = 1;  // of delays, of the order of tasks, of what a crash leaves
    Profile profile = Profile::dense;
    std::uint64_t devices = 1;
    std::uint64_t streams = 1;
    Duration horizon = std::chrono::seconds(10);  // then faults end
    Knobs knobs;
    std::vector<Step> steps;  // ascending by time
    friend bool operator==(Plan const&, Plan const&) = default;
};

/// One line for the run, one for each knob that differs from the default, one for each step.
std::string to_text(Plan const& plan);
/// Errors: `request_invalid`, naming the line.
Result<Plan> parse_plan(std::string_view text);

/// The plan that a seed means.
Plan make_plan(std::uint64_t seed, Profile profile);

}  // namespace capstan::simulator
