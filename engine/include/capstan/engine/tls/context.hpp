#pragma once
#include <capstan/schema/error.hpp>
#include <memory>
#include <string>

struct ssl_ctx_st;

namespace capstan {

struct TlsServerFiles {
    std::string certificates;  // PEM: the server's own first, then those up to the authority
    std::string key;           // PEM, without a passphrase
};

/// What all TLS sessions of one end have in common. TLS 1.2 with ECDHE and AEAD ciphers, or 1.3;
/// ALPN says http/1.1. No renegotiation, compression, early data, or resumption: without tickets
/// there is no ticket key to rotate, and a P-256 handshake costs the server less than half a
/// millisecond. Threading: any thread, once made.
class TlsContext {
  public:
    /// A server that asks for no certificate of its clients. A client that names a host which the
    /// certificate does not cover is refused. Errors: `config_invalid`, with the file.
    static Result<std::shared_ptr<TlsContext const>> server(TlsServerFiles const& files);
    /// A client that believes the authorities in `ca_file` (PEM), or the system's if it is empty.
    /// Errors: `config_invalid`, with the file.
    static Result<std::shared_ptr<TlsContext const>> client(std::string const& ca_file);

    ~TlsContext();
    TlsContext(TlsContext const&) = delete;
    TlsContext& operator=(TlsContext const&) = delete;

    ssl_ctx_st* native() const { return context_; }

  private:
    explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
    ssl_ctx_st* context_;
};

}  // namespace capstan
