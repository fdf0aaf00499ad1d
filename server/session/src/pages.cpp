#include "pages.hpp"

#include <capstan/schema/run.hpp>

namespace capstan {

std::size_t total_bytes(std::span<ByteView const> pieces) {
    std::size_t total = 0;
    for (auto const piece : pieces) {
        total += piece.size();
    }
    return total;
}

EventsMessage encode(MessageWriter& writer, StreamMoved const& moved) {
    writer.add({.stream = moved.stream,
                .generation = moved.generation,
                .first = moved.first,
                .last = moved.last,
                .chain = moved.chain,
                .mark_before = moved.mark_before,
                .marks = moved.marks,
                .runs = moved.runs,
                .head = moved.last});
    return {.message = {.first = std::make_shared<Bytes const>(writer.take()), .second = nullptr},
            .run_bytes = total_bytes(moved.runs),
            .last = moved.last};
}

EventsMessage encode(MessageWriter& writer, StreamNumber stream, Page page) {
    auto const run_bytes = page.runs.size();
    auto head = writer.events_head({.stream = stream,
                                    .generation = page.generation,
                                    .first = page.first,
                                    .last = page.last,
                                    .chain = page.chain,
                                    .mark_before = page.mark_before,
                                    .marks = page.marks,
                                    .runs = {},
                                    .head = page.head},
                                   run_bytes);
    page.runs.resize(padded_message_bytes(run_bytes));
    return {.message = {.first = std::make_shared<Bytes const>(std::move(head)),
                        .second = std::make_shared<Bytes const>(std::move(page.runs))},
            .run_bytes = run_bytes,
            .last = page.last};
}

bool cut_page(Page& page, Seq last) {
    if (page.last <= last) {
        return false;
    }
    ByteReader reader(page.runs);
    std::size_t runs = 0;
    Seq end{page.first.value - 1};
    while (end < last) {
        auto const delivered = DeliveredRunView::take(reader);
        CAPSTAN_INVARIANT(delivered.has_value());  // the tape's checksum covers it
        end = end.plus(delivered.value().run().count());
        ++runs;
    }
    if (end == page.last) {
        return false;
    }
    page.last = end;
    page.marks.resize(runs);
    page.runs.resize(page.runs.size() - reader.rest().size());
    return true;
}

std::optional<EventsMessage> PageCache::find(PageKey const& key) const {
    auto const at = pages_.find(key);
    return at == pages_.end() ? std::nullopt : std::optional(at->second);
}

void PageCache::put(PageKey const& key, EventsMessage const& events) {
    if (events.message.bytes() > bytes_max_ || !pages_.emplace(key, events).second) {
        return;
    }
    bytes_ += events.message.bytes();
    oldest_.push_back(key);
    while (bytes_ > bytes_max_) {
        auto const at = pages_.find(oldest_.front());
        bytes_ -= at->second.message.bytes();
        pages_.erase(at);
        oldest_.pop_front();
    }
}

}  // namespace capstan
