#include <algorithm>
#include <capstan/schema/bytes.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/server/session/authenticator.hpp>

namespace capstan {
namespace {

bool is_of_tenant(std::string_view stream, std::string_view tenant) {
    return tenant == "*" || stream.substr(0, stream.find('/')) == tenant;
}

bool is_allowed(Principal const& principal, std::string_view stream, bool Grant::*right) {
    auto const allows = [&](Grant const& grant) {
        return grant.*right && grant.streams.matches(stream);
    };
    return is_of_tenant(stream, principal.tenant) &&
           (principal.grants.empty() || std::ranges::any_of(principal.grants, allows));
}

/// Takes the same time wherever the texts differ.
bool is_same(std::string_view a, std::string_view b) {
    unsigned difference = a.size() == b.size() ? 0 : 1;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
    }
    return difference == 0;
}

}  // namespace

bool Principal::may_read(std::string_view stream) const {
    return is_allowed(*this, stream, &Grant::read);
}

bool Principal::may_write(std::string_view stream) const {
    return is_allowed(*this, stream, &Grant::write);
}

bool Principal::may_import(std::string_view stream) const {
    return is_allowed(*this, stream, &Grant::import);
}

Result<Principal> DevAuthenticator::authenticate(std::string_view token) {
    if (!token_.empty() && !is_same(token, token_)) {
        return Error{Errc::token_invalid, {}};
    }
    return Principal{
        .tenant = "*", .subject = "dev", .grants = {}, .credential = hash64(as_bytes(token_))};
}

bool DevAuthenticator::still_stands(Principal const& principal) const {
    return principal.tenant == "*" && principal.credential == hash64(as_bytes(token_));
}

}  // namespace capstan
