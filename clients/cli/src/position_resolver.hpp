#pragma once
#include <capstan/schema/stream_position.hpp>

#include "remote.hpp"

namespace capstan::cli {

/// Turns what people write into seqs of one stream, whose head is known.
/// Lifetime: all that it is given outlives it.
class PositionResolver {
  public:
    PositionResolver(Client const& client, Remote const& remote, StreamName const& stream, Seq head)
        : client_(client), remote_(remote), stream_(stream), head_(head) {}

    /// For a time, the first event that came at or after it, or the one behind the head.
    /// Errors: as `Reader::next` and `Remote::no_answer`.
    Result<Seq> operator()(StreamPosition const& position) const;

  private:
    Result<std::optional<WallTime>> time_of(Seq seq) const;
    Result<Seq> find_time(WallTime wanted) const;

    Client const& client_;
    Remote const& remote_;
    StreamName const& stream_;
    Seq head_;
};

/// The next item of a reader that waits no longer than the command line says.
Result<Reader::Item> next_item(Reader& reader, Remote const& remote);

}  // namespace capstan::cli
