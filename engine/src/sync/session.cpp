#include <capstan/engine/sync/session.hpp>
#include <utility>

namespace capstan::sync {
namespace {

constexpr std::array kStateNames = {
    std::pair{SessionState::idle, "idle"},
    std::pair{SessionState::connecting, "connecting"},
    std::pair{SessionState::greeting, "greeting"},
    std::pair{SessionState::live, "live"},
    std::pair{SessionState::recovering, "recovering"},
    std::pair{SessionState::waiting, "waiting"},
    std::pair{SessionState::refused, "refused"},
    std::pair{SessionState::stopped, "stopped"},
};

constexpr std::array kInputNames = {
    std::pair{SessionInput::start, "start"},
    std::pair{SessionInput::opened, "opened"},
    std::pair{SessionInput::closed, "closed"},
    std::pair{SessionInput::welcome, "welcome"},
    std::pair{SessionInput::outdated, "outdated"},
    std::pair{SessionInput::drained, "drained"},
    std::pair{SessionInput::server_behind, "server_behind"},
    std::pair{SessionInput::turned_down, "turned_down"},
    std::pair{SessionInput::violation, "violation"},
    std::pair{SessionInput::timeout, "timeout"},
    std::pair{SessionInput::retry, "retry"},
    std::pair{SessionInput::stop, "stop"},
    std::pair{SessionInput::store_failed, "store_failed"},
};

template <class Names, class Key>
std::string_view name_of(Names const& names, Key key) {
    for (auto const& [named, name] : names) {
        if (named == key) {
            return name;
        }
    }
    return "unknown";
}

}  // namespace

std::string_view to_string(SessionState state) {
    return name_of(kStateNames, state);
}
std::string_view to_string(SessionInput input) {
    return name_of(kInputNames, input);
}

void TransitionLog::add(Entry entry) {
    if (entries_.size() == kEntriesMax) {
        entries_.pop_front();
    }
    entries_.push_back(std::move(entry));
}

std::string TransitionLog::text() const {
    std::string out;
    for (Entry const& entry : entries_) {
        auto const ms =
            std::chrono::duration_cast<std::chrono::milliseconds>(entry.at.since_start).count();
        std::string const fraction = std::to_string(1000 + ms % 1000).substr(1);
        out += std::to_string(ms / 1000) + "." + fraction + " ";
        out += std::string(to_string(entry.from)) + " " + std::string(to_string(entry.on));
        out += " -> " + std::string(to_string(entry.to));
        out += entry.detail.empty() ? "\n" : " (" + entry.detail + ")\n";
    }
    return out;
}

}  // namespace capstan::sync
