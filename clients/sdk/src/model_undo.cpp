// What a model's user takes back and makes again.
#include <utility>

#include "model_calls.hpp"

namespace capstan {

void ModelStream::keep_undo(std::size_t steps_max) {
    on_replica([steps_max](Shell*, sync::Replica* replica) {
        if (replica != nullptr) {
            replica->keep_undo(steps_max);
        }
        return true;
    });
}

/// `call` publishes the contrary of a step.
template <class Call>
Result<std::optional<UndoneWrite>> ModelStream::take_step(Call call) {
    using Taken = Result<std::optional<UndoneWrite>>;
    return on_replica([&](Shell* shell, sync::Replica* replica) -> Taken {
        if (shell == nullptr) {
            return client_closed();
        }
        CAPSTAN_TRY(auto undone, call(*replica));
        if (!undone) {
            return std::optional<UndoneWrite>();
        }
        auto const outcome = std::make_shared<Outcome>();
        UndoneWrite write{{undone->mutation, outcome->future()}, std::move(undone->skipped)};
        shell->hear(undone->mutation,
                    [outcome](WriteUpdate const& update) { outcome->on_write(update); });
        shell->model_used(name_.str());
        return std::optional(std::move(write));
    });
}

Result<std::optional<UndoneWrite>> ModelStream::undo() {
    return take_step([](sync::Replica& replica) { return replica.undo(); });
}

Result<std::optional<UndoneWrite>> ModelStream::redo() {
    return take_step([](sync::Replica& replica) { return replica.redo(); });
}

UndoSteps ModelStream::undo_steps() const {
    return on_replica([](Shell*, sync::Replica* replica) {
        return replica == nullptr ? UndoSteps{}
                                  : UndoSteps{replica->undo_steps(), replica->redo_steps()};
    });
}

}  // namespace capstan
