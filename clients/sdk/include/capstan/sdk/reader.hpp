#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/sdk/client.hpp>
#include <memory>
#include <optional>
#include <variant>

namespace capstan {

/// A subscription for those who would rather wait than be called: events of one stream, pulled.
/// What was taken counts as consumed with the next call, so a reader that stops asking holds back
/// the server after a few megabytes and loses nothing.
/// Threading: one thread at a time, but for `cancel`; not the runtime's.
class Reader {
  public:
    using Item = std::variant<Delivery, sync::HoleDeclared>;

    Reader(Stream stream, ReadFrom from);
    Reader(Reader&&) noexcept;
    Reader& operator=(Reader&&) = delete;
    ~Reader();

    /// The next item, or nothing if none comes in time. Errors: `cancelled`, `lost_history`, and
    /// why the stream is denied.
    Result<std::optional<Item>> next(Duration timeout);
    /// Ends a `next` that waits, and all to come. Any thread.
    void cancel();

  private:
    struct Queue;
    std::shared_ptr<Queue> queue_;
    Stream stream_;
    Seq taken_;
};

}  // namespace capstan
