#include <capstan/engine/sync/effects.hpp>
#include <utility>

namespace capstan::sync {

void Effects::put(Bytes key, Bytes value) {
    transaction.push_back(Write{std::move(key), std::move(value)});
}

void Effects::erase(Bytes key) {
    transaction.push_back(Write{std::move(key), std::nullopt});
}

void drop_readings(std::vector<Effect>& effects, std::string_view stream) {
    std::erase_if(effects, [stream](Effect const& effect) {
        auto const* const delivery = std::get_if<Delivery>(&effect);
        auto const* const hole = std::get_if<HoleDeclared>(&effect);
        auto const* const snapshot = std::get_if<SnapshotArrived>(&effect);
        return (delivery != nullptr && delivery->stream == stream) ||
               (hole != nullptr && hole->stream == stream) ||
               (snapshot != nullptr && snapshot->stream == stream);
    });
}

std::string_view to_string(WriteState state) {
    switch (state) {
        case WriteState::queued:
            return "queued";
        case WriteState::stored:
            return "stored";
        case WriteState::sent:
            return "sent";
        case WriteState::confirmed:
            return "confirmed";
        case WriteState::refused:
            return "refused";
    }
    return "unknown";
}

std::string_view to_string(Status status) {
    switch (status) {
        case Status::offline:
            return "offline";
        case Status::connecting:
            return "connecting";
        case Status::catching_up:
            return "catching-up";
        case Status::live:
            return "live";
        case Status::needs_auth:
            return "needs-auth";
        case Status::blocked:
            return "blocked";
        case Status::stopped:
            return "stopped";
    }
    return "unknown";
}

}  // namespace capstan::sync
