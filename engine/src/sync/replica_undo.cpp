// What a user takes back and makes again: ordinary events, whose place in the user's steps is
// noted.
#include <capstan/engine/sync/replica.hpp>
#include <utility>

namespace capstan::sync {
namespace {

/// Waiting may cure it: then the same can be said later.
bool may_pass(Error const& error) {
    return describe(error.code).reaction != Reaction::fix;
}

}  // namespace

void Replica::keep_undo(std::size_t steps_max) {
    note_changes();
    undo_ = std::make_unique<UndoStack>(steps_max);
}

/// To be called when a mutation has just been shown: nothing else has changed since `note_changes`.
void Replica::note_step(Part part, MutationId mutation, RemovedObjects removed) {
    if (!undo_ || part == Part::aside) {
        return;  // one that is aside is told with all else that changes
    }
    auto const number = mutation.value;
    auto made = gather_changes();
    if (part == Part::step) {
        undo_->made(made, std::move(removed), number);
    } else if (part == Part::undo) {
        undo_->took_back(made, std::move(removed), number);
    } else {
        undo_->made_again(made, std::move(removed), number);
    }
    keep_gathered(std::move(made));
}

Result<std::optional<Undone>> Replica::undo() {
    return say_contrary(Part::undo);
}

Result<std::optional<Undone>> Replica::redo() {
    return say_contrary(Part::redo);
}

Result<std::optional<Undone>> Replica::say_contrary(Part part) {
    if (!undo_) {
        return std::optional<Undone>();
    }
    note_changes();
    auto contrary = part == Part::undo ? undo_->undo(view()) : undo_->redo(view());
    if (!contrary) {
        return std::optional<Undone>();
    }
    auto const said = say(std::move(contrary->event), {}, part);
    if (!said) {
        if (may_pass(said.error())) {
            undo_->put_back();
        }
        return said.error();
    }
    return std::optional(Undone{said.value(), std::move(contrary->skipped)});
}

}  // namespace capstan::sync
