// TLS in front of everything else: who gets through the handshake, and that what comes out of it
// meets the same guards as what comes plainly.
#include <openssl/ssl.h>

#include "listener_bed.hpp"
#include "support/certificate.hpp"
#include "support/temp_directory.hpp"

using namespace capstan;
using namespace capstan::test;

namespace {

/// A listener with a certificate for localhost and 127.0.0.1.
struct TlsBed {
    TempDirectory directory;
    CertificateFiles files =
        make_certificate(directory.path(), "server", "DNS:localhost,IP:127.0.0.1");
    std::shared_ptr<TlsContext const> trusting = TlsContext::client(files.certificate).value();
    Bed bed{options(files)};

    static ListenerOptions options(CertificateFiles const& files) {
        ListenerOptions options;
        options.tls = TlsContext::server({files.certificate, files.key}).value();
        return options;
    }
};

struct TlsPeer : Peer {
    explicit TlsPeer(TlsBed& tls) : Peer(tls.bed) {
        BOOST_TEST_REQUIRE(shake(*tls.trusting, "localhost"));
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(tls)

BOOST_AUTO_TEST_CASE(requests_and_messages_pass_through) {
    TlsBed tls;
    TlsPeer peer(tls);
    peer.give("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi" + get("/x"));
    BOOST_TEST(peer.statuses() == "200 200");
    peer.give(upgrade());
    BOOST_TEST(peer.statuses() == "101");
    peer.give(frame(kBinary, "hello"));
    BOOST_TEST(tls.bed.host.session->received == std::vector<std::string>{"hello"},
               boost::test_tools::per_element());
    tls.bed.host.session->queue.push_back("news");
    tls.bed.host.wake();
    BOOST_TEST(peer.taken() == "\x82\x04news");
}

BOOST_AUTO_TEST_CASE(large_answer_arrives_whole_and_ends_in_good_order) {
    TlsBed tls;
    TlsPeer peer(tls);
    peer.give(get("/large", "Connection: close\r\n"));
    std::string text;
    for (int turn = 0; turn < 100'000 && !text.ends_with('|'); ++turn) {
        text += peer.taken();
    }
    auto const body = text.find("\r\n\r\n") + 4;
    BOOST_TEST(text.size() - body == 8'000'001U);
    BOOST_TEST(peer.why() == "");  // the end was said, not cut
}

BOOST_AUTO_TEST_CASE(F31_F37_guards_stand_behind_it) {
    TlsBed tls;
    TlsPeer smuggler(tls);
    smuggler.give(
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n"
        "\r\n0\r\n\r\n" +
        get("/smuggled"));
    BOOST_TEST(smuggler.statuses() == "400|");
    BOOST_TEST(tls.bed.handler.seen.empty());
    TlsPeer unmasked(tls);
    unmasked.give(upgrade());
    BOOST_TEST(unmasked.statuses() == "101");
    unmasked.give(std::string("\x82\x02hi", 4));
    BOOST_TEST(unmasked.close_code() == "1002|");
    BOOST_TEST(tls.bed.listener->counters().refused_frames == 1U);
}

BOOST_AUTO_TEST_CASE(client_trusts_only_the_right_name_time_and_authority) {
    TempDirectory directory;
    auto const good = make_certificate(directory.path(), "good", "IP:127.0.0.1");
    auto const other = make_certificate(directory.path(), "other", "DNS:elsewhere.example");
    auto const expired =
        make_certificate(directory.path(), "expired", "IP:127.0.0.1", std::chrono::hours(-24));
    struct Row {
        CertificateFiles const& server;
        CertificateFiles const& believed;
        char const* host;
        std::string why;
    };
    Row const rows[] = {
        {good, good, "127.0.0.1", ""},
        {good, other, "127.0.0.1", "self-signed certificate"},
        {expired, expired, "127.0.0.1", "certificate has expired"},
        {other, other, "127.0.0.1", "IP address mismatch"},
        {other, other, "elsewhere.example", ""},
        {other, other, "localhost", "tlsv1 unrecognized name"},  // the server itself says no
    };
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row.server.certificate << " as " << row.host) {
            Bed bed(TlsBed::options(row.server));
            auto const context = TlsContext::client(row.believed.certificate).value();
            Peer peer(bed);
            BOOST_TEST(peer.shake(*context, row.host) == row.why.empty());
            BOOST_TEST(peer.why() == row.why);
        }
    }
}

BOOST_AUTO_TEST_CASE(old_versions_weak_ciphers_and_other_protocols_are_refused) {
    struct Row {
        char const* name;
        int version;
        char const* ciphers;
        std::string alpn;
        bool passes;
    };
    Row const rows[] = {
        {"1.3", TLS1_3_VERSION, nullptr, "\x08http/1.1", true},
        {"1.2", TLS1_2_VERSION, "ECDHE+AESGCM", "\x08http/1.1", true},
        {"1.2 ChaCha20", TLS1_2_VERSION, "ECDHE+CHACHA20", "", true},
        {"1.1", TLS1_1_VERSION, "ALL:@SECLEVEL=0", "", false},
        {"1.2 CBC", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA", "", false},
        {"1.2 static RSA", TLS1_2_VERSION, "AES128-GCM-SHA256", "", false},
        {"h2 alone", TLS1_3_VERSION, nullptr, "\x02h2", false},
        {"h2 or http/1.1", TLS1_3_VERSION, nullptr, "\x02h2\x08http/1.1", true},
    };
    TlsBed tls;
    for (auto const& row : rows) {
        BOOST_TEST_CONTEXT(row.name) {
            auto const context = TlsContext::client(tls.files.certificate).value();
            SSL_CTX_set_min_proto_version(context->native(), row.version);
            SSL_CTX_set_max_proto_version(context->native(), row.version);
            if (row.ciphers != nullptr) {
                BOOST_TEST_REQUIRE(SSL_CTX_set_cipher_list(context->native(), row.ciphers) == 1);
            }
            SSL_CTX_set_alpn_protos(context->native(),
                                    reinterpret_cast<unsigned char const*>(row.alpn.data()),
                                    static_cast<unsigned>(row.alpn.size()));
            Peer peer(tls.bed);
            BOOST_TEST(peer.shake(*context, "localhost") == row.passes);
        }
    }
}

BOOST_AUTO_TEST_CASE(plain_http_is_told_where_it_is) {
    TlsBed tls;
    Peer peer(tls.bed);
    peer.give(get("/x"));
    auto const text = peer.taken();
    BOOST_TEST(text.starts_with("HTTP/1.1 400 "));
    BOOST_TEST(text.find("this port speaks HTTPS") != std::string::npos);
    BOOST_TEST(text.ends_with('|'));
    BOOST_TEST(tls.bed.handler.seen.empty());
}

BOOST_AUTO_TEST_CASE(garbage_and_broken_handshakes_end_and_count) {
    std::string const garbage[] = {
        std::string(5, '\0'),
        std::string(300, '\xff'),
        std::string("\x16\x03\x01\x40\x00", 5) + std::string(16'384, 'x'),  // a record of nonsense
        std::string("\x16\x03\x01\xff\xff", 5) +
            std::string(65'535, 'x'),                  // above a record's limit
        std::string("\x17\x03\x03\x00\x05hello", 10),  // data before the keys
    };
    TlsBed tls;
    for (auto const& bytes : garbage) {
        Peer peer(tls.bed);
        peer.give(bytes);
        BOOST_TEST(peer.taken().ends_with('|'));
    }
    BOOST_TEST(tls.bed.listener->counters().refused_handshakes == std::size(garbage));
    tls.bed.pass(3s);
    BOOST_TEST(tls.bed.listener->counters().open == 0U);
    TlsPeer{tls}.give(get("/x"));
    BOOST_TEST(tls.bed.handler.seen.size() == 1U);  // others are served
}

BOOST_AUTO_TEST_CASE(F34_handshake_that_never_ends_is_closed_after_ten_seconds_in_all) {
    TlsBed tls;
    Peer silent(tls.bed);
    Peer slow(tls.bed);
    for (int second = 0; second < 10; ++second) {
        slow.give(std::string(1, "\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03"[second]));
        tls.bed.pass(1s);
    }
    BOOST_TEST(slow.taken() == "");
    tls.bed.pass(1s);
    BOOST_TEST(silent.taken() == "|");
    BOOST_TEST(slow.taken() == "|");
    BOOST_TEST(tls.bed.listener->counters().timed_out == 2U);
}

BOOST_AUTO_TEST_CASE(F34_reader_behind_tls_that_takes_nothing_ends) {
    TlsBed tls;
    TlsPeer peer(tls);
    peer.give(get("/large"));
    tls.bed.pass(11s);
    BOOST_TEST(tls.bed.listener->counters().open == 0U);
}

BOOST_AUTO_TEST_CASE(files_that_are_no_certificate_are_named) {
    TempDirectory directory;
    auto const one = make_certificate(directory.path(), "one", "DNS:localhost");
    auto const two = make_certificate(directory.path(), "two", "DNS:localhost");
    auto const missing = (directory / "none.pem").string();
    auto const detail = [](auto const& result) { return result.error().detail; };
    BOOST_TEST(detail(TlsContext::server({missing, one.key})) ==
               missing + ": No such file or directory");
    BOOST_TEST(detail(TlsContext::server({one.key, one.key})) == one.key + ": no start line");
    BOOST_TEST(detail(TlsContext::server({one.certificate, two.key})) ==
               two.key + ": key values mismatch");
    BOOST_TEST(detail(TlsContext::client(one.key)) == one.key + ": no certificate or crl found");
}

BOOST_AUTO_TEST_SUITE_END()
