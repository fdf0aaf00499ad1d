#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <capstan/schema/ids.hpp>
#include <capstan/schema/limits.hpp>
#include <capstan/server/auth/token_file.hpp>
#include <charconv>
#include <cstring>
#include <string>

namespace capstan {
namespace {

constexpr std::string_view kDigestPrefix = "sha256:";
constexpr std::size_t kTokenBytesMin = 16;
constexpr std::size_t kTokenBytesMaxHere = 512;

Error invalid(std::string detail) {
    return Error{Errc::config_invalid, std::move(detail)};
}

std::array<unsigned char, 32> digest_of(std::string_view token) {
    std::array<unsigned char, 32> digest;
    SHA256(reinterpret_cast<unsigned char const*>(token.data()), token.size(), digest.data());
    return digest;
}

/// The next word; the text is what follows it.
std::string_view take_word(std::string_view& text) {
    constexpr std::string_view kBlank = " \t\r";
    text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
    auto const word = text.substr(0, text.find_first_of(kBlank));
    text.remove_prefix(word.size());
    return word;
}

bool is_part(std::string_view text) {
    return is_stream_name(text) && text.find('/') == std::string_view::npos;
}

Result<Principal> parse_principal(std::string_view text) {
    auto const slash = std::min(text.find('/'), text.size());
    Principal principal{std::string(text.substr(0, slash)),
                        std::string(text.substr(std::min(slash + 1, text.size()))),
                        {},
                        0};
    bool const tenant = principal.tenant == "*" || is_part(principal.tenant);
    if (!tenant || !is_part(principal.subject) || text.size() > kPrincipalBytesMax) {
        return invalid("expected TENANT/SUBJECT, got `" + std::string(text) + "`");
    }
    return principal;
}

Result<Grant> parse_grant(std::string_view text) {
    auto const colon = std::min(text.find(':'), text.size());
    auto const right = text.substr(0, colon);
    bool const all = right == "all";
    bool const import = right == "import";
    if (!all && !import && right != "read" && right != "write") {
        return invalid("expected read:, write:, all: or import: and a pattern, got `" +
                       std::string(text) + "`");
    }
    auto pattern = StreamPattern::parse(text.substr(std::min(colon + 1, text.size())));
    if (!pattern) {
        return invalid("`" + std::string(text) + "`: " + pattern.error().detail);
    }
    return Grant{
        std::move(pattern).value(), all || right == "read", all || right == "write", import};
}

}  // namespace

Result<TokenFileAuthenticator::Digest> TokenFileAuthenticator::parse_token(std::string_view token) {
    if (!token.starts_with(kDigestPrefix)) {
        auto const visible = [](char c) { return c > 0x20 && c < 0x7f; };
        if (token.size() < kTokenBytesMin || token.size() > kTokenBytesMaxHere ||
            !std::ranges::all_of(token, visible)) {
            return invalid("a token has " + std::to_string(kTokenBytesMin) + " to " +
                           std::to_string(kTokenBytesMaxHere) + " visible characters");
        }
        return digest_of(token);
    }
    token.remove_prefix(kDigestPrefix.size());
    Digest digest;
    if (token.size() != 2 * digest.size()) {
        return invalid("a SHA-256 has 64 hex digits");
    }
    for (std::size_t i = 0; i < digest.size(); ++i) {
        auto const* const at = token.data() + 2 * i;
        if (std::from_chars(at, at + 2, digest[i], 16).ptr != at + 2) {
            return invalid("a SHA-256 has 64 hex digits");
        }
    }
    return digest;
}

Result<TokenFileAuthenticator::Entry> TokenFileAuthenticator::parse_line(std::string_view line) {
    CAPSTAN_TRY(auto const digest, parse_token(take_word(line)));
    CAPSTAN_TRY(auto principal, parse_principal(take_word(line)));
    std::memcpy(&principal.credential, digest.data(), sizeof principal.credential);
    for (auto word = take_word(line); !word.empty(); word = take_word(line)) {
        CAPSTAN_TRY(auto grant, parse_grant(word));
        principal.grants.push_back(std::move(grant));
    }
    return Entry{digest, std::move(principal)};
}

Result<std::unique_ptr<TokenFileAuthenticator>> TokenFileAuthenticator::parse(
    std::string_view text) {
    auto made = std::make_unique<TokenFileAuthenticator>();
    for (std::size_t number = 1; !text.empty(); ++number) {
        auto const line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        auto rest = line;
        if (auto const word = take_word(rest); word.empty() || word.front() == '#') {
            continue;
        }
        auto entry = parse_line(line);
        if (!entry) {
            return invalid("line " + std::to_string(number) + ": " + entry.error().detail);
        }
        auto const same = [&](Entry const& other) { return other.digest == entry.value().digest; };
        if (std::ranges::any_of(made->entries_, same)) {
            return invalid("line " + std::to_string(number) + ": this token stands above already");
        }
        made->entries_.push_back(std::move(entry).value());
    }
    if (made->entries_.empty()) {
        return invalid("holds no token: nobody could connect");
    }
    return made;
}

Result<Principal> TokenFileAuthenticator::authenticate(std::string_view token) {
    auto const digest = digest_of(token.substr(0, kTokenBytesMaxHere + 1));
    Entry const* found = nullptr;
    for (auto const& entry : entries_) {
        bool const same = CRYPTO_memcmp(digest.data(), entry.digest.data(), digest.size()) == 0;
        found = same ? &entry : found;
    }
    if (found == nullptr) {
        return Error{Errc::token_invalid, "the token is not known here"};
    }
    return found->principal;
}

bool TokenFileAuthenticator::still_stands(Principal const& principal) const {
    return std::ranges::find(entries_, principal, &Entry::principal) != entries_.end();
}

}  // namespace capstan
