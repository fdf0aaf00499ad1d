#pragma once
#include <capstan/server/net/http_head.hpp>
#include <capstan/server/net/http_message.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace capstan {

/// Reads requests from bytes as they come, in pieces of any size. Sans-IO, no clock.
///
/// Memory: a head of at most header_bytes_max, then a body of at most body_bytes_max; it grows with
/// what arrived, not with what was announced.
class HttpReader {
  public:
    enum class State : std::uint8_t {
        head,  // of the next request; `idle()` before its first byte
        body,
        complete,  // `take` it; further bytes wait
        refused,   // see `refusal`; takes no more bytes
    };

    explicit HttpReader(HttpLimits const& limits) : limits_(limits) {}

    /// Takes bytes up to the end of a request and returns how many.
    std::size_t feed(std::string_view bytes);

    State state() const { return state_; }
    bool idle() const { return state_ == State::head && text_.empty(); }
    std::size_t body_bytes() const { return head_.request.body.size(); }
    HttpRefusal const& refusal() const { return refusal_; }
    /// The peer waits for `100 Continue` before it sends the body. True once.
    bool wants_continue();
    bool is_upgrade() const { return head_.is_upgrade; }

    /// Precondition: complete. The reader then waits for the next request.
    HttpRequest take();

  private:
    enum class Chunk : std::uint8_t { size, data, data_end, trailer };

    std::size_t feed_head(std::string_view bytes);
    std::size_t feed_length(std::string_view bytes);
    std::size_t feed_chunked(std::string_view bytes);
    std::size_t feed_chunk_size(std::string_view bytes);
    std::size_t feed_chunk_data(std::string_view bytes);
    std::size_t feed_chunk_data_end(std::string_view bytes);
    std::size_t feed_trailer(std::string_view bytes);

    /// Moves bytes to `text_` until it ends with `end`; true when it does.
    bool collect(std::string_view bytes, std::string_view end, std::size_t max, std::size_t& taken);
    void on_head();
    void on_chunk_size();
    void refuse(int status, std::string detail);

    HttpLimits limits_;
    State state_ = State::head;
    Chunk chunk_ = Chunk::size;
    std::string text_;  // of the head, a chunk's line or the trailer
    HttpHead head_;
    std::size_t rest_ = 0;             // of the body or chunk
    std::size_t extension_bytes_ = 0;  // of all chunks
    HttpRefusal refusal_;
};

}  // namespace capstan
