#include "websocket_upgrade.hpp"

#include <openssl/evp.h>

#include <array>
#include <capstan/schema/error.hpp>

namespace capstan {
namespace {

constexpr std::string_view kAcceptSalt = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kKeyBytes = 24;     // 16 in base64
constexpr std::size_t kAcceptBytes = 28;  // 20 in base64

bool is_key(std::string_view key) {
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return key.size() == kKeyBytes && key.ends_with("==") &&
           key.find_first_not_of(kDigits) == kKeyBytes - 2;
}

}  // namespace

std::optional<std::string> websocket_accept(std::string_view key) {
    if (!is_key(key)) {
        return std::nullopt;
    }
    auto const salted = std::string(key).append(kAcceptSalt);
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
    unsigned int hash_bytes = 0;
    auto const hashed =
        EVP_Digest(salted.data(), salted.size(), hash.data(), &hash_bytes, EVP_sha1(), nullptr);
    CAPSTAN_INVARIANT(hashed == 1, "OpenSSL knows SHA-1");
    std::array<unsigned char, kAcceptBytes + 1> text{};
    EVP_EncodeBlock(text.data(), hash.data(), static_cast<int>(hash_bytes));
    return std::string(reinterpret_cast<char const*>(text.data()), kAcceptBytes);
}

}  // namespace capstan
