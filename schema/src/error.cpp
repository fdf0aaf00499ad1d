#include <algorithm>
#include <array>
#include <capstan/schema/error.hpp>
#include <cstdio>
#include <cstdlib>

namespace capstan {
namespace {

constexpr std::array kCatalogue = {
#define CAPSTAN_ERROR(number, name, reaction, meaning, next) \
    ErrorEntry{Errc::name, #name, Reaction::reaction, meaning, next},
#include <capstan/schema/errors.def>
#undef CAPSTAN_ERROR
};

}  // namespace

std::span<ErrorEntry const> error_catalogue() {
    return kCatalogue;
}

ErrorEntry const* find_error(std::uint16_t number) {
    auto const found = std::ranges::find(kCatalogue, static_cast<Errc>(number), &ErrorEntry::code);
    return found == kCatalogue.end() ? nullptr : &*found;
}

ErrorEntry const* find_error(std::string_view name) {
    auto const found = std::ranges::find(kCatalogue, name, &ErrorEntry::name);
    return found == kCatalogue.end() ? nullptr : &*found;
}

ErrorEntry const& describe(Errc code) {
    auto const* entry = find_error(static_cast<std::uint16_t>(code));
    CAPSTAN_INVARIANT(entry != nullptr);
    return *entry;
}

std::string_view to_string(Reaction reaction) {
    switch (reaction) {
        case Reaction::retry_same:
            return "retry-same";
        case Reaction::retry_later:
            return "retry-later";
        case Reaction::fix:
            return "fix";
        case Reaction::fatal:
            return "fatal";
    }
    return "unknown";
}

std::string to_string(Error const& error) {
    auto const& entry = describe(error.code);
    auto const number = std::to_string(static_cast<unsigned>(entry.code));
    auto const& story = error.detail.empty() ? std::string(entry.meaning) : error.detail;
    return "CAP-" + number + " " + std::string(entry.name) + ": " + story + ". " +
           std::string(entry.next);
}

void invariant_failed(char const* expression, char const* file, int line, std::string_view detail) {
    std::fprintf(stderr,
                 "invariant failed: %s (%.*s) at %s:%d\n",
                 expression,
                 static_cast<int>(detail.size()),
                 detail.data(),
                 file,
                 line);
    std::abort();
}

}  // namespace capstan
