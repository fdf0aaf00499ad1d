#pragma once
#include <capstan/schema/error.hpp>
#include <capstan/schema/ids.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace capstan {

/// What a principal may do with the streams of a pattern.
struct Grant {
    StreamPattern streams;
    bool read = false;
    bool write = false;
    bool import = false;  // say when others' events were made
    friend bool operator==(Grant const& a, Grant const& b) {
        return a.streams.str() == b.streams.str() && a.read == b.read && a.write == b.write &&
               a.import == b.import;
    }
};

/// Who is on the other side, as a verified token says. A principal may use streams of its own
/// tenant alone, `*` those of all; with grants, only what one of them allows.
struct Principal {
    std::string tenant;
    std::string subject;
    std::vector<Grant> grants;     // none: everything of the tenant
    std::uint64_t credential = 0;  // names the token that says so, within this process

    bool may_read(std::string_view stream) const;
    bool may_write(std::string_view stream) const;
    /// Bring in a history that another server has sequenced, with its times.
    bool may_import(std::string_view stream) const;
    /// `tenant/subject`, as the journal keeps it for the audit and the fold binds devices to it.
    /// At most kPrincipalBytesMax.
    std::string text() const { return tenant + '/' + subject; }
    friend bool operator==(Principal const&, Principal const&) = default;
};

/// Turns a token into a principal: the only way to get one.
/// Threading: the strand; answers at once, from keys in memory.
class Authenticator {
  public:
    virtual ~Authenticator() = default;
    /// Errors: `token_invalid`, the same for every cause.
    virtual Result<Principal> authenticate(std::string_view token) = 0;
    /// Whether a token that made this principal would make it today.
    virtual bool still_stands(Principal const& principal) const = 0;
};

/// One that another can take the place of.
class ExchangeableAuthenticator final : public Authenticator {
  public:
    explicit ExchangeableAuthenticator(std::unique_ptr<Authenticator> first)
        : now_(std::move(first)) {}
    void exchange(std::unique_ptr<Authenticator> next) { now_ = std::move(next); }
    Result<Principal> authenticate(std::string_view token) override {
        return now_->authenticate(token);
    }
    bool still_stands(Principal const& principal) const override {
        return now_->still_stands(principal);
    }

  private:
    std::unique_ptr<Authenticator> now_;
};

/// For `capstand dev` and tests: one token, or any when it is empty, is one principal of all
/// tenants.
class DevAuthenticator final : public Authenticator {
  public:
    explicit DevAuthenticator(std::string token) : token_(std::move(token)) {}
    Result<Principal> authenticate(std::string_view token) override;
    bool still_stands(Principal const& principal) const override;

  private:
    std::string token_;
};

}  // namespace capstan
