#include "connection.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <utility>

namespace capstan {
namespace {

namespace asio = boost::asio;
using Errors = boost::system::error_code;

constexpr Duration kLingerMax = std::chrono::seconds(1);

}  // namespace

Connection::Connection(Socket socket, ConnectionShared& shared)
    : socket_(std::move(socket)), shared_(shared) {}

void Connection::start() {
    Errors ignored;
    socket_.non_blocking(true, ignored);
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    auto const now = shared_.services.clock.now();
    since_ = now;
    auto wake = [weak = weak_from_this()] {
        if (auto const self = weak.lock()) {
            self->run();
        }
    };
    protocol_ = make_http_protocol(shared_.services, std::move(wake), now);
    run();
}

void Connection::run() {
    if (closed_) {
        return;
    }
    if (std::exchange(running_, true)) {
        again_ = true;
        return;
    }
    auto const self = shared_from_this();
    do {
        again_ = false;
        feed_held();
    } while (write() && (again_ || (!held_.empty() && protocol_->wants_bytes())));
    running_ = false;
    settle();
}

/// Waits for what comes next, or ends.
void Connection::settle() {
    if (closed_) {
        return;
    }
    auto const outlook = protocol_->outlook();
    if (outlook == Outlook::over) {
        close();
    } else if (outlook == Outlook::closing && !write_waits_) {
        linger();
    } else {
        wait_readable();
    }
}

void Connection::feed_held() {
    if (!held_.empty() && protocol_->wants_bytes() && !lingering_) {
        auto const bytes = std::exchange(held_, {});
        feed(bytes);
    }
}

void Connection::feed(ByteView bytes) {
    if (lingering_) {
        return;
    }
    protocol_->receive(bytes, shared_.services.clock.now());
    held_.insert(held_.end(), bytes.begin(), bytes.end());
}

// ---- writing

/// Writes until there is nothing, or the socket takes no more. False if it broke.
bool Connection::write() {
    while (!write_waits_ && !lingering_) {
        if (first_piece_ == pieces_.size()) {
            WriteBatch batch;
            protocol_->gather(batch, kGatherBytes);
            pieces_ = batch.take();
            first_piece_ = first_offset_ = 0;
            if (auto next = protocol_->successor()) {
                protocol_ = std::move(next);
                again_ = true;
            }
        }
        if (pieces_.empty()) {
            return true;
        }
        if (!write_some()) {
            return false;
        }
    }
    return true;
}

bool Connection::write_some() {
    std::array<asio::const_buffer, kBuffersMax> buffers;
    std::size_t count = 0;
    std::size_t skip = first_offset_;
    auto const add = [&](void const* data, std::size_t bytes) {
        auto const skipped = std::min(skip, bytes);
        skip -= skipped;
        if (bytes != skipped) {
            buffers[count++] = {static_cast<std::byte const*>(data) + skipped, bytes - skipped};
        }
    };
    for (auto i = first_piece_; i < pieces_.size() && count + 3 <= kBuffersMax; ++i) {
        auto const& piece = pieces_[i];
        add(piece.text.data(), piece.text.size());
        add(piece.header.data(), piece.header_bytes);
        if (piece.payload) {
            add(piece.payload->data(), piece.payload->size());
        }
    }
    Errors error;
    auto const sent = socket_.write_some(std::span(buffers).first(count), error);
    if (error == asio::error::would_block || error == asio::error::try_again) {
        wait_writable();
        return true;
    }
    if (error) {
        close();
        return false;
    }
    shared_.services.counters.sent_bytes += sent;
    drop_written(sent);
    return true;
}

void Connection::drop_written(std::size_t bytes) {
    first_offset_ += bytes;
    while (first_piece_ < pieces_.size() && first_offset_ >= pieces_[first_piece_].bytes()) {
        first_offset_ -= pieces_[first_piece_].bytes();
        pieces_[first_piece_] = {};
        ++first_piece_;
    }
    if (first_piece_ == pieces_.size()) {
        pieces_ = {};
        first_piece_ = 0;
    }
}

void Connection::wait_writable() {
    write_waits_ = true;
    since_ = shared_.services.clock.now();
    socket_.async_wait(Socket::wait_write, [self = shared_from_this()](Errors error) {
        self->write_waits_ = false;
        error ? self->close() : self->run();
    });
}

// ---- reading

void Connection::wait_readable() {
    if (reading_ || ended_ || held_.size() >= kHeldBytesMax) {
        return;
    }
    reading_ = true;
    socket_.async_read_some(asio::buffer(own_buffer_),
                            [self = shared_from_this()](Errors error, std::size_t bytes) {
                                self->reading_ = false;
                                error ? self->on_read_end() : self->on_read(bytes);
                            });
}

void Connection::on_read(std::size_t bytes) {
    if (closed_) {
        return;
    }
    shared_.services.counters.received_bytes += bytes;
    running_ = true;  // answers are written once, after all that was read is fed
    feed(ByteView(own_buffer_).first(bytes));
    if (bytes == own_buffer_.size()) {
        read_rest();
    }
    running_ = false;
    run();
}

/// More than a kibibyte was there: the rest goes through the shared buffer.
void Connection::read_rest() {
    if (!held_.empty() || lingering_) {
        return;
    }
    Errors error;
    auto const bytes = socket_.read_some(asio::buffer(shared_.read_buffer), error);
    if (!error) {
        shared_.services.counters.received_bytes += bytes;
        feed(ByteView(shared_.read_buffer).first(bytes));
    }
}

void Connection::on_read_end() {
    if (closed_) {
        return;
    }
    ended_ = true;
    if (lingering_) {
        close();
        return;
    }
    protocol_->on_end();
    run();
}

// ---- the end

/// The answer is on its way: says so, then lets the peer's last bytes come, so that they do not
/// reset the connection before it has read the answer.
void Connection::linger() {
    if (!std::exchange(lingering_, true)) {
        Errors ignored;
        socket_.shutdown(Socket::shutdown_send, ignored);
        since_ = shared_.services.clock.now();
        held_ = {};
        protocol_->on_gone();
    }
    ended_ ? close() : wait_readable();
}

void Connection::on_tick(Instant now) {
    if (closed_) {
        return;
    }
    if (lingering_) {
        if (now - since_ > kLingerMax) {
            close();
        }
        return;
    }
    if (write_waits_ && now - since_ > shared_.write_max) {
        ++shared_.services.counters.stalled_writes;
        close();
        return;
    }
    protocol_->on_tick(now);
    run();
}

void Connection::close() {
    if (std::exchange(closed_, true)) {
        return;
    }
    Errors ignored;
    socket_.close(ignored);
    protocol_->on_gone();
    pieces_ = {};
    held_ = {};
}

}  // namespace capstan
