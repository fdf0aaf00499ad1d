#pragma once
#include <optional>
#include <span>

#include "model/scene.hpp"

namespace capstan {

/// Edits of texts and lists that one event makes in one object, those of one field together, as
/// they are judged and placed: each in its author's view with those before it applied.
class ContentEdits {
  public:
    explicit ContentEdits(Scene const& scene) : scene_(scene), room_(scene.room) {}

    /// Takes the edits among the operations [first, end) of those on the object.
    void take(std::span<PlacedOp const> ops, std::size_t first, std::size_t end);
    /// Whether some edit is outside its author's view, before anything is changed. `anew`: the
    /// object begins a life, its texts and lists are empty.
    std::optional<VoidReason> judge(bool anew);
    /// Leaves out the fields of which `judge` would complain, and records that.
    void leave_out_void();
    /// Precondition: all lie in their author's view.
    void apply();

  private:
    using Edits = std::span<EditRoom::Placed const>;

    template <class Act>
    void for_each_field(Act act);
    bool fit(Edits edits, bool anew);
    template <class Merged>
    bool fit_in(Edits edits, Field* field);
    template <class Merged>
    void apply_to(Edits edits);
    EditStamp stamp() const;
    void note_edited(Field& field, bool at_rest) const;

    Scene const& scene_;
    EditRoom& room_;
};

/// Whether an operand is one that the edit can take: a text, or nothing, for `splice`.
bool is_edit_operand(Op const& op);

}  // namespace capstan
