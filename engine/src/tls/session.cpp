#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <array>
#include <capstan/engine/tls/session.hpp>
#include <cerrno>
#include <cstdint>

namespace capstan {
namespace {

int socket_of(BIO* bio) {
    return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

bool is_for_now(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

int receive(BIO* bio, char* into, int size) {
    BIO_clear_retry_flags(bio);
    auto const got = ::recv(socket_of(bio), into, static_cast<std::size_t>(size), 0);
    if (got < 0 && is_for_now(errno)) {
        BIO_set_retry_read(bio);
    }
    return static_cast<int>(got);
}

/// OpenSSL's own socket BIO raises SIGPIPE, which a guest in somebody's process may not.
int send_quietly(BIO* bio, char const* from, int size) {
    BIO_clear_retry_flags(bio);
    auto const sent = ::send(socket_of(bio), from, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (sent < 0 && is_for_now(errno)) {
        BIO_set_retry_write(bio);
    }
    return static_cast<int>(sent);
}

long control(BIO*, int command, long, void*) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* make_socket_method() {
    auto* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    BIO_meth_set_read(method, receive);
    BIO_meth_set_write(method, send_quietly);
    BIO_meth_set_ctrl(method, control);
    return method;
}

BIO* make_bio(int socket) {
    static BIO_METHOD const* const method = make_socket_method();
    auto* const bio = BIO_new(method);
    CAPSTAN_INVARIANT(bio != nullptr, "no memory for TLS");
    BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
    BIO_set_init(bio, 1);
    return bio;
}

bool is_address(std::string const& host) {
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    return ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
           ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

}  // namespace

void TlsSession::Free::operator()(ssl_st* session) const {
    SSL_free(session);
}

TlsSession::TlsSession(TlsContext const& context, int socket)
    : session_(SSL_new(context.native())) {
    CAPSTAN_INVARIANT(session_ != nullptr, "no memory for TLS");
    auto* const bio = make_bio(socket);
    SSL_set_bio(session_.get(), bio, bio);
}

TlsSession::~TlsSession() = default;

std::unique_ptr<TlsSession> TlsSession::accept(TlsContext const& context, int socket) {
    std::unique_ptr<TlsSession> made(new TlsSession(context, socket));
    SSL_set_accept_state(made->session_.get());
    return made;
}

std::unique_ptr<TlsSession> TlsSession::connect(TlsContext const& context,
                                                int socket,
                                                std::string const& host) {
    std::unique_ptr<TlsSession> made(new TlsSession(context, socket));
    auto* const session = made->session_.get();
    SSL_set_connect_state(session);
    if (is_address(host)) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host.c_str());
    } else {
        SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        SSL_set1_host(session, host.c_str());
        SSL_set_tlsext_host_name(session, host.c_str());
    }
    return made;
}

TlsStep TlsSession::handshake() {
    ERR_clear_error();
    return step(SSL_do_handshake(session_.get()));
}

TlsStep TlsSession::read(std::span<std::byte> into) {
    ERR_clear_error();
    std::size_t bytes = 0;
    auto done = step(SSL_read_ex(session_.get(), into.data(), into.size(), &bytes));
    done.bytes = bytes;
    return done;
}

TlsStep TlsSession::write(ByteView bytes) {
    ERR_clear_error();
    std::size_t taken = 0;
    auto done = step(SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &taken));
    done.bytes = taken;
    return done;
}

void TlsSession::say_goodbye() {
    if (!failed_ && SSL_is_init_finished(session_.get()) != 0) {
        ERR_clear_error();
        SSL_shutdown(session_.get());
    }
}

TlsStep TlsSession::step(int result) {
    if (result == 1) {
        return {};
    }
    switch (SSL_get_error(session_.get(), result)) {
        case SSL_ERROR_WANT_READ:
            return {TlsStep::Outcome::wants_read};
        case SSL_ERROR_WANT_WRITE:
            return {TlsStep::Outcome::wants_write};
        case SSL_ERROR_ZERO_RETURN:
            return {TlsStep::Outcome::closed};
        default:
            return fail();
    }
}

TlsStep TlsSession::fail() {
    auto const code = ERR_get_error();
    auto const verified = SSL_get_verify_result(session_.get());
    auto const reason = ERR_GET_REASON(code);
    failed_ = true;
    heard_plain_http_ = reason == SSL_R_HTTP_REQUEST;
    bool const broke = code == 0 || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    if (verified != X509_V_OK) {
        why_ = X509_verify_cert_error_string(verified);
    } else if (auto const* const text = ERR_reason_error_string(code); text != nullptr && !broke) {
        why_ = text;
    }
    ERR_clear_error();
    return {TlsStep::Outcome::failed};
}

}  // namespace capstan
