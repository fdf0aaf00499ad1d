#pragma once
#include <capstan/engine/tls/context.hpp>
#include <capstan/schema/bytes.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

struct ssl_st;

namespace capstan {

/// How far one attempt came.
struct TlsStep {
    enum class Outcome : std::uint8_t {
        done,
        wants_read,   // try again, the same way, when the socket can be read
        wants_write,  // or written
        closed,       // the peer said that it is done
        failed,       // see `TlsSession::why`; nothing else works after this
    };
    Outcome outcome = Outcome::done;
    std::size_t bytes = 0;
};

/// One TLS session on a connected socket that never blocks. No attempt waits: who calls waits for
/// the socket and tries again. It holds no buffers between records, so an idle session costs what
/// OpenSSL keeps for its keys. Threading: one thread at a time. Lifetime: the socket outlives it.
class TlsSession {
  public:
    static std::unique_ptr<TlsSession> accept(TlsContext const& context, int socket);
    /// `host`: a name or an address, which the server's certificate has to cover.
    static std::unique_ptr<TlsSession> connect(TlsContext const& context,
                                               int socket,
                                               std::string const& host);
    ~TlsSession();
    TlsSession(TlsSession const&) = delete;
    TlsSession& operator=(TlsSession const&) = delete;

    TlsStep handshake();
    TlsStep read(std::span<std::byte> into);
    /// May take a part. An attempt that wants to be repeated is repeated with the same bytes.
    TlsStep write(ByteView bytes);
    /// Tells the peer that nothing more comes, if the socket takes it now.
    void say_goodbye();

    /// Why an attempt failed, for people: `certificate has expired`. Empty where the connection
    /// broke.
    std::string const& why() const { return why_; }
    /// What failed the handshake is a request in plain HTTP; nothing was answered yet.
    bool heard_plain_http() const { return heard_plain_http_; }

  private:
    TlsSession(TlsContext const& context, int socket);
    TlsStep step(int result);
    TlsStep fail();

    struct Free {
        void operator()(ssl_st* session) const;
    };
    std::unique_ptr<ssl_st, Free> session_;
    bool failed_ = false;
    std::string why_;
    bool heard_plain_http_ = false;
};

}  // namespace capstan
