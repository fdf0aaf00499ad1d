#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/schema/ids.hpp>
#include <cstdint>
#include <string>

namespace capstan::sync {

/// What the server says about one run. The numbers are those of `fb::Outcome`.
enum class Outcome : std::uint8_t {
    accepted,
    duplicate,
    settled,
    halted,
    counter_gap,
    behind_itself,
    refused,
    not_your_device,
    turned_away,  // by a gateway: not definite
};

/// `fb::RunResult`, in our words.
struct Answer {
    Outcome outcome = Outcome::accepted;
    bool floor = false;  // about a floor record
    Attempt attempt;     // of the run
    Counter first_counter;
    Seq first_seq;           // where its events stand; 0 where nobody tells
    Link last;               // the device's last accepted event; not with `turned_away`
    Attempt device_attempt;  // not with `turned_away`
    std::uint16_t code = 0;  // the catalogued reason
    Duration retry_after{};  // turned_away for load
    std::string detail;      // values behind the reason
};

/// A gateway that turns a run away either asks for patience, or means no.
bool asks_for_patience(std::uint16_t code);

/// What the server knows of this device in one stream.
struct Standing {
    Generation generation;  // of the stream; 0 if it does not exist
    Attempt attempt;
    Link last;
    Seq preceding_seq;
};

/// What an answer means beyond the run that it is about.
enum class Insight : std::uint8_t {
    none,
    server_behind,   // the server knows less than it confirmed, or has again what it had lost:
                     // connect again, then compare
    store_outdated,  // the server knows more of this device than its store: go on as another device
};

}  // namespace capstan::sync
