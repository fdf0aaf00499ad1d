#pragma once
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace capstan {

/// What a principal may do with the streams of a pattern.
struct Grant {
    StreamPattern streams;
    bool read = false;
    bool write = false;
};

/// Who is on the other side, as a verified token says. A principal may use streams of its own
/// tenant alone, `*` those of all; with grants, only what one of them allows.
struct Principal {
    std::string tenant;
    std::string subject;
    std::vector<Grant> grants;  // none: everything of the tenant

    bool may_read(std::string_view stream) const;
    bool may_write(std::string_view stream) const;
    /// `tenant/subject`, as the journal keeps it for the audit and the fold binds devices to it.
    /// At most kPrincipalBytesMax.
    std::string text() const { return tenant + '/' + subject; }
};

/// Turns a token into a principal: the only way to get one.
/// Threading: the strand; answers at once, from keys in memory.
class Authenticator {
  public:
    virtual ~Authenticator() = default;
    /// Errors: `token_invalid`, the same for every cause.
    virtual Result<Principal> authenticate(std::string_view token) = 0;
};

/// For `capstand dev` and tests: one token, or any when it is empty, is one principal of all
/// tenants.
class DevAuthenticator final : public Authenticator {
  public:
    explicit DevAuthenticator(std::string token) : token_(std::move(token)) {}
    Result<Principal> authenticate(std::string_view token) override;

  private:
    std::string token_;
};

}  // namespace capstan
