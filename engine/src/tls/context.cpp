#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <capstan/engine/tls/context.hpp>
#include <cstring>
#include <system_error>
#include <utility>

namespace capstan {
namespace {

/// ECDHE gives each session keys of its own; the two ciphers authenticate what they encrypt.
constexpr char const* kCiphers12 = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr std::array<unsigned char, 9> kHttp11{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

Error bad_file(std::string const& file) {
    auto const code = ERR_peek_error();
    auto const* const reason = ERR_reason_error_string(code);
    ERR_clear_error();
    auto const why = ERR_SYSTEM_ERROR(code) ? std::generic_category().message(ERR_GET_REASON(code))
                     : reason != nullptr    ? std::string(reason)
                                            : "no certificate or key";
    return Error{Errc::config_invalid, file + ": " + why};
}

int choose_http11(SSL*,
                  unsigned char const** chosen,
                  unsigned char* chosen_size,
                  unsigned char const* offered,
                  unsigned offered_size,
                  void*) {
    unsigned char* found = nullptr;
    auto const result = SSL_select_next_proto(
        &found, chosen_size, kHttp11.data(), kHttp11.size(), offered, offered_size);
    *chosen = found;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int check_server_name(SSL* session, int* alert, void*) {
    auto const* const name = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);
    if (name == nullptr) {
        return SSL_TLSEXT_ERR_OK;
    }
    auto* const own = SSL_CTX_get0_certificate(SSL_get_SSL_CTX(session));
    if (X509_check_host(own, name, std::strlen(name), 0, nullptr) == 1) {
        return SSL_TLSEXT_ERR_OK;
    }
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

SSL_CTX* make_context(SSL_METHOD const* method) {
    ERR_clear_error();
    auto* const context = SSL_CTX_new(method);
    CAPSTAN_INVARIANT(context != nullptr, "no memory for TLS");
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(context, kCiphers12);
    SSL_CTX_set_options(context,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                            SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                         SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    // A record that carries no data ends the attempt, so that a flood of them holds nobody else up.
    SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
    return context;
}

}  // namespace

TlsContext::~TlsContext() {
    SSL_CTX_free(context_);
}

Result<std::shared_ptr<TlsContext const>> TlsContext::server(TlsServerFiles const& files) {
    std::shared_ptr<TlsContext const> made(new TlsContext(make_context(TLS_server_method())));
    auto* const context = made->native();
    if (SSL_CTX_use_certificate_chain_file(context, files.certificates.c_str()) != 1) {
        return bad_file(files.certificates);
    }
    if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        return bad_file(files.key);
    }
    SSL_CTX_set_alpn_select_cb(context, choose_http11, nullptr);
    SSL_CTX_set_tlsext_servername_callback(context, check_server_name);
    return made;
}

Result<std::shared_ptr<TlsContext const>> TlsContext::client(std::string const& ca_file) {
    std::shared_ptr<TlsContext const> made(new TlsContext(make_context(TLS_client_method())));
    auto* const context = made->native();
    if (ca_file.empty()) {
        SSL_CTX_set_default_verify_paths(context);
    } else if (SSL_CTX_load_verify_file(context, ca_file.c_str()) != 1) {
        return bad_file(ca_file);
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_alpn_protos(context, kHttp11.data(), kHttp11.size());
    return made;
}

}  // namespace capstan
