#pragma once
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <capstan/schema/run.hpp>
#include <capstan/schema/wire.hpp>
#include <capstan/sequencer/fold.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "out_queue.hpp"

namespace capstan {

/// What an answer repeats of the run that it answers.
struct RunId {
    Attempt attempt;
    Counter first_counter;
    StreamNumber stream;  // handle; 0 where the run named its stream
    std::uint16_t count = 0;
    bool floor = false;

    static RunId of(RunView const& run, StreamNumber stream);
    /// Of a run that doesn't decode. Nothing if not even its header is there.
    static std::optional<RunId> guess(ByteView run, StreamNumber stream);
};

/// Why the gateway doesn't pass a run on. It decides nothing: a copy may have gone another way.
struct TurnedAway {
    Error why;
    std::uint32_t retry_after_ms = 0;
};

fb::RunResult result_of(RunId const& run, Verdict const& verdict);
fb::RunResult result_of(RunId const& run, TurnedAway const& refusal);

/// Runs that wait for their verdict, by slot.
class InFlight {
  public:
    struct Run {
        RunId id;
        std::string name;  // where the run named its stream
    };
    std::uint32_t add(Run run);
    Run take(std::uint32_t slot);
    std::size_t size() const { return runs_.size() - free_.size(); }

  private:
    std::vector<Run> runs_;
    std::vector<std::uint32_t> free_;
};

/// Answers of one turn, on their way into as few messages as they need.
class Answers {
  public:
    void add(fb::RunResult const& result, std::string name, std::string detail);
    bool empty() const { return plain_.empty() && named_.empty(); }
    /// Encodes and forgets all.
    void put(MessageWriter& writer, OutQueue& out);

  private:
    struct Named {
        fb::RunResult result;
        std::string name;
        std::string detail;
    };
    std::vector<fb::RunResult> plain_;
    std::vector<Named> named_;
};

}  // namespace capstan
