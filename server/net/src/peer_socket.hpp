#pragma once
#include <capstan/engine/tls/session.hpp>
#include <memory>
#include <span>

namespace capstan {

/// A connected socket that never blocks, plain or with TLS inside. Each call tries once and says
/// how far it came; who calls waits for the socket, see SocketPoll.
class PeerSocket {
  public:
    /// Owns the descriptor. `session`: none for a plain socket.
    PeerSocket(int descriptor, std::unique_ptr<TlsSession> session)
        : descriptor_(descriptor), session_(std::move(session)) {}
    ~PeerSocket() { close(); }
    PeerSocket(PeerSocket const&) = delete;
    PeerSocket& operator=(PeerSocket const&) = delete;

    int descriptor() const { return descriptor_; }
    /// Bytes may be left that only another `read` finds: a record of TLS comes at a time.
    bool is_secure() const { return session_ != nullptr; }

    TlsStep read(std::span<std::byte> into);
    /// The pieces behind one another; may take a part, and is then called with the rest.
    TlsStep write(std::span<ByteView const> pieces);
    /// Nothing more is written.
    void shutdown_send();
    void close();

  private:
    TlsStep write_joined(std::span<ByteView const> pieces);

    int descriptor_;
    std::unique_ptr<TlsSession> session_;
};

}  // namespace capstan
