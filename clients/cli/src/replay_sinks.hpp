#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "remote.hpp"

namespace capstan::cli {

/// Which replay this is: the same words mean the same one, which goes on where it was.
struct ReplayName {
    std::string stream;
    Seq from;
    std::string filter;  // and label
    Hash128 hash() const;
};

/// How far an earlier replay of this name has come.
struct ReplayDone {
    Seq last;                  // events up to here need not even be looked at
    std::uint64_t events = 0;  // so many of those behind it are there, too
};

/// Who is told the events. Threading: the command's thread, but for `interrupt`.
class ReplaySink {
  public:
    virtual ~ReplaySink() = default;
    /// What telling them does, and to whom, in a sentence.
    virtual std::string effects() const = 0;
    /// Whether somebody else acts upon it, so that the user should be asked.
    virtual bool acts() const = 0;
    /// Changes nothing.
    virtual Result<ReplayDone> look() = 0;
    /// Before the first event, and not in a dry run.
    virtual Result<> begin() { return success(); }
    /// Whether the sink can be told this event. Errors: `request_invalid`.
    virtual Result<> accepts(DeliveredEvent const&) const { return success(); }
    /// Takes it, now or by `flush`. Events come in order of seq.
    virtual Result<> tell(DeliveredEvent const& event) = 0;
    /// The sink has all that it was told.
    virtual Result<> flush() = 0;
    virtual void interrupt() {}
};

/// What `into` names. Errors: `usage`, `stream_name_invalid`, `not_found` (a token's file).
Result<std::unique_ptr<ReplaySink>> make_replay_sink(Context& context,
                                                     Remote const& remote,
                                                     Replay const& command,
                                                     ReplayName const& name);

/// Publishes the events as one device of this replay: a killed one goes on with the next event,
/// which the stream itself tells.
std::unique_ptr<ReplaySink> make_stream_sink(Context& context,
                                             Remote const& remote,
                                             StreamName stream,
                                             ReplayName const& name);

}  // namespace capstan::cli
