#pragma once
#include <capstan/sdk.hpp>
#include <functional>

#include "progress.hpp"
#include "remote.hpp"

namespace capstan::cli {

/// An event as its reader gets it, and the attempt of the run that brought it.
using VisitEvent = std::function<Result<>(DeliveredEvent const& event, Attempt attempt)>;

/// Reads 1..head of a stream, each event once, in order. `read` hears how far it is.
/// Errors: those of `visit`; `trimmed` (the server does not send all); as `Reader::next` and
/// `Remote::no_answer`; `cancelled` when the user interrupts.
Result<> read_whole_stream(Context& context,
                           Remote const& remote,
                           Client const& client,
                           StreamSummary const& stream,
                           VisitEvent const& visit,
                           std::function<void(Seq)> const& read);

}  // namespace capstan::cli
