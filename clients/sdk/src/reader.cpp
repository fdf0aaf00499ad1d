#include <capstan/sdk/reader.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

namespace capstan {

/// Bounded by the credit that the server has.
struct Reader::Queue {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Item> items;
    std::optional<Error> end;

    void put(Item item) {
        std::lock_guard const lock(mutex);
        items.push_back(std::move(item));
        changed.notify_all();
    }
    void finish(Error const& why) {
        std::lock_guard const lock(mutex);
        end = end.value_or(why);
        changed.notify_all();
    }
};

Reader::Reader(Stream stream, ReadFrom from)
    : queue_(std::make_shared<Queue>()), stream_(std::move(stream)) {
    stream_.subscribe(
        from,
        {.on_events = [queue = queue_](Delivery&& delivery) { queue->put(std::move(delivery)); },
         .consumes_itself = true,
         .on_hole =
             [queue = queue_, name = stream_.name().str()](Seq first, Seq last, std::uint8_t why) {
                 queue->put(sync::HoleDeclared{name, first, last, why});
             },
         .on_history_lost =
             [queue = queue_](Generation) {
                 queue->finish({Errc::lost_history, "the stream's history was replaced"});
             },
         .on_error = [queue = queue_](Error const& why) { queue->finish(why); }});
}

Reader::Reader(Reader&&) noexcept = default;

Reader::~Reader() {
    if (queue_) {
        stream_.unsubscribe();
    }
}

Result<std::optional<Reader::Item>> Reader::next(Duration timeout) {
    if (taken_ != Seq{}) {
        stream_.consumed(std::exchange(taken_, {}));
    }
    std::unique_lock lock(queue_->mutex);
    queue_->changed.wait_for(
        lock, timeout, [this] { return !queue_->items.empty() || queue_->end; });
    if (queue_->end && (queue_->items.empty() || queue_->end->code == Errc::cancelled)) {
        return *queue_->end;
    }
    if (queue_->items.empty()) {
        return std::optional<Item>();
    }
    Item item = std::move(queue_->items.front());
    queue_->items.pop_front();
    taken_ = std::visit([](auto const& one) { return one.last; }, item);
    return std::optional(std::move(item));
}

void Reader::cancel() {
    queue_->finish({Errc::cancelled, "the reader was told to stop"});
}

}  // namespace capstan
