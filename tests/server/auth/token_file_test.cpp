#include <boost/test/unit_test.hpp>
#include <capstan/server/auth/token_file.hpp>

namespace {

using namespace capstan;

// printf 'abcdefghijklmnop' | sha256sum
constexpr char kDigest[] = "f39dac6cbaba535e2c207cd0cd8f154974223c848f727f98b3564cea569b41cf";

std::string reason(std::string const& text) {
    auto const parsed = TokenFileAuthenticator::parse(text);
    return parsed ? "accepted" : parsed.error().detail;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(token_file)

BOOST_AUTO_TEST_CASE(token_is_its_principal_and_no_other_text_is) {
    auto const parsed = TokenFileAuthenticator::parse(
        "# who may do what\n\n"
        "0123456789abcdef acme/alice\r\n"
        "  ABCDEFGHIJKLMNOP\tacme/bob read:acme/> write:acme/bob/*\n"
        "ZZZZZZZZZZZZZZZZ */operator");
    BOOST_TEST_REQUIRE(parsed.has_value());
    auto& tokens = *parsed.value();
    BOOST_TEST(tokens.size() == 3U);
    auto const alice = tokens.authenticate("0123456789abcdef");
    BOOST_TEST(alice.value().text() == "acme/alice");
    BOOST_TEST(alice.value().may_write("acme/anything"));
    BOOST_TEST(!alice.value().may_read("other/anything"));
    auto const bob = tokens.authenticate("ABCDEFGHIJKLMNOP").value();
    BOOST_TEST(bob.may_read("acme/x/y"));
    BOOST_TEST(bob.may_write("acme/bob/x"));
    BOOST_TEST(!bob.may_write("acme/alice/x"));
    BOOST_TEST(tokens.authenticate("ZZZZZZZZZZZZZZZZ").value().may_write("other/x"));
    for (std::string const wrong :
         {"", "0123456789abcde", "0123456789abcdeF", "0123456789abcdef "}) {
        BOOST_TEST((tokens.authenticate(wrong).error().code == Errc::token_invalid));
    }
}

BOOST_AUTO_TEST_CASE(F42_refusals_have_one_text_for_all) {
    auto const parsed = TokenFileAuthenticator::parse("0123456789abcdef acme/alice");
    auto const text = [&](std::string const& token) {
        return parsed.value()->authenticate(token).error().detail;
    };
    BOOST_TEST(text("") == text(std::string(1'000'000, 'x')));
    BOOST_TEST(text("eyJhbGciOiJub25lIn0.e30.") == text("0123456789abcdeg"));
}

BOOST_AUTO_TEST_CASE(token_may_be_given_as_its_digest) {
    auto const parsed = TokenFileAuthenticator::parse("sha256:" + std::string(kDigest) + " a/b");
    BOOST_TEST_REQUIRE(parsed.has_value());
    BOOST_TEST(parsed.value()->authenticate("abcdefghijklmnop").value().text() == "a/b");
    // The digest itself opens nothing.
    BOOST_TEST(!parsed.value()->authenticate("sha256:" + std::string(kDigest)));
}

BOOST_AUTO_TEST_CASE(mistakes_name_their_line) {
    std::string const token = "0123456789abcdef";
    BOOST_TEST(reason("") == "holds no token: nobody could connect");
    BOOST_TEST(reason("short a/b") == "line 1: a token has 16 to 512 visible characters");
    BOOST_TEST(reason("\nsha256:00 a/b") == "line 2: a SHA-256 has 64 hex digits");
    BOOST_TEST(reason("sha256:" + std::string(64, 'g') + " a/b") ==
               "line 1: a SHA-256 has 64 hex digits");
    BOOST_TEST(reason(token) == "line 1: expected TENANT/SUBJECT, got ``");
    BOOST_TEST(reason(token + " a/b/c") == "line 1: expected TENANT/SUBJECT, got `a/b/c`");
    BOOST_TEST(reason(token + " a/*") == "line 1: expected TENANT/SUBJECT, got `a/*`");
    BOOST_TEST(reason(token + " a/b admin:>") ==
               "line 1: expected read:, write:, all: or import: and a pattern, got `admin:>`");
    BOOST_TEST(reason(token + " a/b read:a//b").starts_with("line 1: `read:a//b`: "));
    BOOST_TEST(reason(token + " a/b\n" + token + " a/c") ==
               "line 2: this token stands above already");
}

BOOST_AUTO_TEST_SUITE_END()
