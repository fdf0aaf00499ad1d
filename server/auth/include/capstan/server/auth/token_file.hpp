#pragma once
#include <array>
#include <capstan/schema/error.hpp>
#include <capstan/server/session/authenticator.hpp>
#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace capstan {

/// Principals by static tokens, one a line:
///
///   line  := token SP tenant "/" subject (SP grant)*          # begins a comment
///   token := 16 to 512 visible characters, or "sha256:" and 64 hex digits of such a token's digest
///   grant := ("read" | "write" | "all" | "import") ":" pattern
///
/// `all` is read and write; `import` stands for itself. Without grants a principal may do
/// everything in its tenant; the tenant `*` is all of them. Only digests are kept in memory. A
/// token is looked for in every line, in the same time whether and where it stands.
class TokenFileAuthenticator final : public Authenticator {
  public:
    /// Errors: `config_invalid`, naming the line.
    static Result<std::unique_ptr<TokenFileAuthenticator>> parse(std::string_view text);

    Result<Principal> authenticate(std::string_view token) override;
    bool still_stands(Principal const& principal) const override;
    std::size_t size() const { return entries_.size(); }

  private:
    using Digest = std::array<unsigned char, 32>;
    struct Entry {
        Digest digest;
        Principal principal;
    };
    static Result<Entry> parse_line(std::string_view line);
    static Result<Digest> parse_token(std::string_view token);

    std::vector<Entry> entries_;
};

}  // namespace capstan
