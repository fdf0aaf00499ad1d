#pragma once
#include <capstan/engine/runtime/random.hpp>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/schema/run.hpp>
#include <capstan/sequencer/fold.hpp>
#include <capstan/sequencer/partition.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

namespace capstan {

/// The device that a process is for callers who are none: one per principal, with attempts and
/// `after` like any other.
///
/// Appends to a stream form one chain, so those of several callers are in flight together. When
/// the fold refuses one (a guard, a sealed stream), its attempt is over and those behind it come
/// back halted: definitely not accepted, through no fault of their callers. They go out again
/// under a new attempt, in their order. A refused append is answered and not repeated.
///
/// Pure: it is given what the fold knows, hands out runs, and is told their verdicts. Memory: what
/// is in flight; a stream at rest is asked for when it is named again.
class KeylessDevice {
  public:
    struct Seams {
        /// What the fold knows of this device in a stream.
        std::function<Result<DeviceStat>(std::string_view stream)> lookup;
        /// Sends a run on its way. An error: it is not on its way, and never will be.
        std::function<Result<>(std::string_view stream,
                               std::optional<Seq> expect_head,
                               RunView const& run,
                               std::uint32_t token)>
            submit;
    };
    /// What became of an append: a verdict of the fold (`accepted` or `refused`), or an error, and
    /// then nothing was stored.
    struct Answer {
        RunHeader run;
        std::uint32_t count = 0;
        Result<Verdict> verdict;
    };
    using OnAnswer = std::function<void(Answer const&)>;

    /// How often an append goes out when others' refusals halt it; then it is answered
    /// `overloaded`.
    static constexpr int kTriesMax = 16;

    /// `random` outlives the device.
    KeylessDevice(DeviceId id, Random& random, Seams seams);

    DeviceId const& id() const { return id_; }
    /// Precondition: events that fit a run. `done` is called once, possibly before this returns.
    void append(std::string_view stream,
                std::optional<Seq> expect_head,
                std::span<ByteView const> events,
                OnAnswer done);
    void on_verdict(std::uint32_t token, Verdict const& verdict);
    /// It was on its way, but nothing was written; those behind it come back as gaps.
    void on_turned_away(std::uint32_t token, Error why);
    /// Nothing in flight: it may be destroyed.
    bool is_idle() const { return chains_.empty(); }

  private:
    /// The appends to one stream that are in flight.
    struct Chain {
        Attempt attempt;
        Link tail;  // what the next run follows
        std::size_t in_flight = 0;
    };
    using Chains = std::map<std::string, Chain, std::less<>>;
    struct Pending {
        Chains::iterator chain;
        Bytes run;
        std::optional<Seq> expect_head;
        OnAnswer done;
        int tries = 0;
    };

    Result<Chains::iterator> chain_of(std::string_view stream);
    Attempt new_attempt();
    void send(std::uint32_t token, Pending pending, std::span<ByteView const> events);
    void send_again(std::uint32_t token, Pending pending);
    Pending take(std::uint32_t token);
    void answer(Pending pending, Result<Verdict> verdict);

    DeviceId id_;
    Random& random_;
    Seams seams_;
    Chains chains_;
    std::unordered_map<std::uint32_t, Pending> pending_;
    std::uint32_t last_token_ = 0;
    std::uint32_t last_ordinal_ = 0;
};

}  // namespace capstan
