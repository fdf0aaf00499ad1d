#pragma once
#include <boost/outcome/basic_result.hpp>
#include <boost/outcome/policy/terminate.hpp>
#include <boost/outcome/try.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace capstan {

/// A catalogued error (`CAP-1203 position_conflict`). The numbers are part of the protocol.
enum class Errc : std::uint16_t {
#define CAPSTAN_ERROR(number, name, reaction, meaning, next) name = number,
#include <capstan/schema/errors.def>
#undef CAPSTAN_ERROR
};

/// What a caller does about an error: one class for each reaction.
enum class Reaction : std::uint8_t { retry_same, retry_later, fix, fatal };

/// One line of the catalogue.
struct ErrorEntry {
    Errc code;
    std::string_view name;
    Reaction reaction;
    std::string_view meaning;
    std::string_view next;
};
std::span<ErrorEntry const> error_catalogue();
/// Nothing for a number that is not in the catalogue.
ErrorEntry const* find_error(std::uint16_t number);
ErrorEntry const* find_error(std::string_view name);
ErrorEntry const& describe(Errc code);
std::string_view to_string(Reaction reaction);

/// The code says what the caller does next; the detail carries values: `expected head 90, have
/// 119`.
struct Error {
    Errc code;
    std::string detail;
};
/// `CAP-1203 position_conflict: expected head 90, have 119. Read again …`
std::string to_string(Error const& error);

template <class T = void>
using Result = boost::outcome_v2::basic_result<T, Error, boost::outcome_v2::policy::terminate>;
using boost::outcome_v2::success;

/// `CAPSTAN_TRY(auto value, call())` binds the value or returns the error; `CAPSTAN_TRY(call())`
/// without a value.
#define CAPSTAN_TRY(...) BOOST_OUTCOME_TRY(__VA_ARGS__)
#define CAPSTAN_CO_TRY(...) BOOST_OUTCOME_CO_TRY(__VA_ARGS__)

/// Aborts with expression, detail, file and line. For our own mistakes only; on in every build.
#define CAPSTAN_INVARIANT(condition, ...) \
    ((condition)                          \
         ? void(0)                        \
         : ::capstan::invariant_failed(#condition, __FILE__, __LINE__ __VA_OPT__(, ) __VA_ARGS__))
[[noreturn]] void invariant_failed(char const* expression,
                                   char const* file,
                                   int line,
                                   std::string_view detail = {});

}  // namespace capstan
