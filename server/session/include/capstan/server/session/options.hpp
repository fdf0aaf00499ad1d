#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <cstddef>
#include <cstdint>

namespace capstan {

/// A rate and how much may come at once. A rate of 0 is no limit.
struct RateLimit {
    std::uint64_t per_second = 0;
    std::uint64_t burst = 0;
};

/// Of one device in one stream.
struct PublishRates {
    RateLimit events;
    RateLimit bytes;
};

/// Limits of sessions. docs/protocol.md prints those that a client can meet.
struct SessionOptions {
    std::size_t streams_max = 16'384;           // that one session has a handle of
    std::size_t in_flight_max = 4'096;          // runs of a session without answer; then no reading
    std::size_t needs_max = 64;                 // ranges asked for again and not yet sent
    std::size_t queued_bytes_soft = 1'048'576;  // then no live events and no reading
    std::size_t queued_bytes_hard = 4'194'304;  // then the session ends
    std::size_t credit_bytes_max = 67'108'864;  // more credit is as good as this
    std::size_t page_bytes = 524'288;           // read from the tape at once, at the most
    std::size_t page_bytes_first = 16'384;      // for a new connection
    std::size_t read_here_bytes = 32'768;       // larger pages are read by the other thread
    std::size_t page_streams = 256;             // in one Welcome
    std::size_t coalesce_bytes = 65'536;        // small messages are joined up to here
    std::size_t page_cache_bytes = 4'194'304;   // of all sessions together
    std::size_t whole_bytes_max = 262'144;      // of a snapshot that is sent without being asked
    std::size_t chunks_max = 4'096;             // asked for and not yet sent
    Duration greeting_max = std::chrono::seconds(10);  // until Hello
    Duration silence_max = std::chrono::seconds(60);   // then the peer is gone
    Duration stall_max = std::chrono::seconds(10);     // nothing taken while there is something
    std::uint32_t retry_after_ms = 250;                // in answer to overload
    PublishRates rates;
};

}  // namespace capstan
