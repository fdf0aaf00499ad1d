#pragma once
#include <capstan/schema/error.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace capstan::importers {

/// Text with places for fields of a JSON object, as in `irc/{channel}`:
///
///   template := (text | "{{" | "}}" | "{" field ("|" fallback)? "}")*
///   field    := "@line" | "@file" | path
///
/// `{{` and `}}` are braces. `fallback` stands in where the object has no such field, or null.
class LineTemplate {
  public:
    struct Part {
        std::string text;  // as it is; of a field: its path
        bool is_field = false;
        std::optional<std::string> fallback;
        friend bool operator==(Part const&, Part const&) = default;
    };

    /// Errors: `usage`.
    static Result<LineTemplate> parse(std::string_view text);

    /// `value_of` tells what a field says; none: the object has no such field.
    /// Errors: `request_invalid` (a field is missing and has no fallback), those of `value_of`.
    using ValueOf = std::function<Result<std::optional<std::string>>(std::string const& field)>;
    Result<std::string> fill(ValueOf const& value_of) const;

    bool names(std::string_view field) const;

  private:
    std::vector<Part> parts_;
};

inline constexpr std::string_view kLineField = "@line";  // number of the line: 1, 2, 3, …
inline constexpr std::string_view kFileField = "@file";  // name of the source

}  // namespace capstan::importers
