#include "peer_socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <capstan/schema/error.hpp>
#include <cerrno>

namespace capstan {
namespace {

using Outcome = TlsStep::Outcome;

constexpr std::size_t kPiecesMax = 4;
constexpr std::size_t kRecordBytes = 16'384;  // of TLS

/// What a system call has returned.
TlsStep step_of(ssize_t result, Outcome later) {
    if (result >= 0) {
        return {Outcome::done, static_cast<std::size_t>(result)};
    }
    bool const is_for_now = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    return {is_for_now ? later : Outcome::failed, 0};
}

}  // namespace

TlsStep PeerSocket::read(std::span<std::byte> into) {
    if (session_) {
        return session_->read(into);
    }
    auto const step =
        step_of(::recv(descriptor_, into.data(), into.size(), 0), Outcome::wants_read);
    bool const is_end = step.outcome == Outcome::done && step.bytes == 0;
    return is_end ? TlsStep{Outcome::closed, 0} : step;
}

TlsStep PeerSocket::write(std::span<ByteView const> pieces) {
    if (session_) {
        return write_joined(pieces);
    }
    CAPSTAN_INVARIANT(pieces.size() <= kPiecesMax);
    std::array<iovec, kPiecesMax> parts;
    std::ranges::transform(pieces, parts.begin(), [](ByteView piece) {
        return iovec{const_cast<std::byte*>(piece.data()), piece.size()};
    });
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = pieces.size();
    return step_of(::sendmsg(descriptor_, &message, MSG_NOSIGNAL), Outcome::wants_write);
}

/// Small pieces, a frame's header and its payload, share a record.
TlsStep PeerSocket::write_joined(std::span<ByteView const> pieces) {
    std::array<std::byte, kRecordBytes> joined;
    std::size_t bytes = 0;
    for (auto const piece : pieces) {
        auto const part = piece.first(std::min(piece.size(), joined.size() - bytes));
        std::ranges::copy(part, joined.begin() + static_cast<std::ptrdiff_t>(bytes));
        bytes += part.size();
    }
    return session_->write(ByteView(joined).first(bytes));
}

void PeerSocket::shutdown_send() {
    if (session_) {
        session_->say_goodbye();
    }
    ::shutdown(descriptor_, SHUT_WR);
}

void PeerSocket::close() {
    if (descriptor_ >= 0) {
        session_.reset();
        ::close(std::exchange(descriptor_, -1));
    }
}

}  // namespace capstan
