#include "followers.hpp"

namespace capstan {
namespace {

/// `acme/chat/*/x` -> `acme/chat`; `>` -> nothing.
std::string_view literal_prefix(std::string_view pattern) {
    auto const wildcard = pattern.find_first_of("*>");
    if (wildcard == std::string_view::npos) {
        return pattern;
    }
    return pattern.substr(0, wildcard == 0 ? 0 : wildcard - 1);
}

}  // namespace

void Followers::add(DeviceSession& session, StreamPattern const& pattern) {
    by_prefix_[std::string(literal_prefix(pattern.str()))].push_back({&session, pattern});
}

void Followers::remove(DeviceSession& session, StreamPattern const& pattern) {
    auto const at = by_prefix_.find(literal_prefix(pattern.str()));
    if (at == by_prefix_.end()) {
        return;
    }
    std::erase_if(at->second, [&](Entry const& entry) { return entry.session == &session; });
    if (at->second.empty()) {
        by_prefix_.erase(at);
    }
}

std::vector<DeviceSession*> Followers::matching(std::string_view stream) const {
    std::vector<DeviceSession*> found;
    auto const look = [&](std::string_view prefix) {
        auto const at = by_prefix_.find(prefix);
        if (at == by_prefix_.end()) {
            return;
        }
        for (auto const& entry : at->second) {
            if (entry.pattern.matches(stream)) {
                found.push_back(entry.session);
            }
        }
    };
    look({});
    for (auto slash = stream.find('/'); slash != std::string_view::npos;
         slash = stream.find('/', slash + 1)) {
        look(stream.substr(0, slash));
    }
    look(stream);
    return found;
}

}  // namespace capstan
