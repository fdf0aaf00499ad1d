#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace capstan {

/// %XX to bytes. Nothing for a bad escape.
std::optional<std::string> percent_decoded(std::string_view text);

/// A parameter of a query, decoded; of several the first. Nothing if it is absent or badly escaped.
std::optional<std::string> query_parameter(std::string_view query, std::string_view name);

}  // namespace capstan
