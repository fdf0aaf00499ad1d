#include <boost/asio/error.hpp>
#include <capstan/engine/tls/tls_socket.hpp>

namespace capstan {

using Outcome = TlsStep::Outcome;

void TlsSocket::start_server(TlsContext const& context) {
    ErrorCode ignored;
    socket_.native_non_blocking(true, ignored);
    session_ = TlsSession::accept(context, socket_.native_handle());
}

void TlsSocket::start_client(TlsContext const& context, std::string const& host) {
    ErrorCode ignored;
    socket_.native_non_blocking(true, ignored);
    session_ = TlsSession::connect(context, socket_.native_handle(), host);
}

TlsStep TlsSocket::read(boost::asio::mutable_buffer into) {
    return session_->read({static_cast<std::byte*>(into.data()), into.size()});
}

TlsStep TlsSocket::write(boost::asio::const_buffer from) {
    return session_->write({static_cast<std::byte const*>(from.data()), from.size()});
}

void TlsSocket::write_now(ByteView bytes) {
    if (session_) {
        session_->write(bytes);
        return;
    }
    ErrorCode ignored;
    socket_.non_blocking(true, ignored);
    socket_.write_some(boost::asio::buffer(bytes.data(), bytes.size()), ignored);
}

void TlsSocket::say_goodbye() {
    if (session_) {
        session_->say_goodbye();
    }
}

void TlsSocket::shutdown_send() {
    say_goodbye();
    ErrorCode ignored;
    socket_.shutdown(Tcp::shutdown_send, ignored);
}

void TlsSocket::close() {
    ErrorCode ignored;
    socket_.close(ignored);
}

std::pair<int, std::unique_ptr<TlsSession>> TlsSocket::release() {
    ErrorCode ignored;
    socket_.native_non_blocking(true, ignored);
    return {socket_.release(ignored), std::move(session_)};
}

TlsSocket::ErrorCode TlsSocket::error_of(Outcome outcome) {
    switch (outcome) {
        case Outcome::closed:
            return boost::asio::error::eof;
        case Outcome::failed:
            return boost::asio::error::connection_reset;
        default:
            return {};
    }
}

std::optional<TlsSocket::Tcp::wait_type> TlsSocket::wait_of(TlsStep const& step) {
    switch (step.outcome) {
        case Outcome::wants_read:
            return Tcp::wait_read;
        case Outcome::wants_write:
            return Tcp::wait_write;
        default:
            return std::nullopt;
    }
}

}  // namespace capstan
