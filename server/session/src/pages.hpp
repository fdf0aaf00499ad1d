#pragma once
#include <capstan/schema/wire.hpp>
#include <capstan/sequencer/partition.hpp>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "out_queue.hpp"

namespace capstan {

/// Events as one message, for whoever wants them.
struct EventsMessage {
    OutMessage message;
    std::size_t run_bytes = 0;  // what counts against credit
    Seq last;
};

/// What one read of the tape gave.
struct TapePage {
    std::optional<EventsMessage> events;  // nothing above the head
    bool at_head = false;                 // there are no more
};

/// A page by its stream and first seq.
using PageKey = std::pair<StreamNumber, Seq>;

std::size_t total_bytes(std::span<ByteView const> pieces);
EventsMessage encode(MessageWriter& writer, StreamMoved const& moved);
/// Takes the page's runs as they are.
EventsMessage encode(MessageWriter& writer, StreamNumber stream, Page page);

/// Leaves out the runs behind the one that holds `last`. True if there were any; then the page's
/// `last` has moved and its chain is for the caller to set.
bool cut_page(Page& page, Seq last);

/// What was read from the tape for one session and is wanted by the next: the same stream from the
/// same seq. Oldest out first.
class PageCache {
  public:
    explicit PageCache(std::size_t bytes_max) : bytes_max_(bytes_max) {}
    std::optional<EventsMessage> find(PageKey const& key) const;
    void put(PageKey const& key, EventsMessage const& events);

  private:
    std::size_t bytes_max_;
    std::size_t bytes_ = 0;
    std::map<PageKey, EventsMessage> pages_;
    std::deque<PageKey> oldest_;
};

}  // namespace capstan
