#pragma once
#include <capstan/engine/model/placed_op.hpp>

#include "model/content_rules.hpp"
#include "model/model_hash.hpp"
#include "model/scene.hpp"

namespace capstan {

/// The effect of one event on one object. Void is decided per object: a device that holds only part
/// of the objects agrees with the others on those it holds.
class ObjectEvent {
  public:
    /// `ops` are the event's operations on `scene.object`, at least one, in order.
    ObjectEvent(Scene const& scene, std::span<PlacedOp const> ops)
        : scene_(scene), author_(scene.author), object_(scene.object), ops_(ops), edits_(scene) {}

    /// True if anything came of it: else the object is as it was, except for what is forgotten.
    bool apply();

  private:
    // Is all of it void?
    std::optional<VoidReason> judge();
    std::optional<VoidReason> judge_dead();
    std::optional<VoidReason> judge_ops();
    std::optional<VoidReason> judge_edits(bool inserts, bool begins);
    std::optional<VoidReason> judge_op(Op const& op, FieldRules const& rules, bool own) const;
    bool begins_life() const;
    bool needs_window(Op const& op, FieldRules const& rules) const;

    // Operations one by one.
    void apply(std::size_t at);
    void insert(Op const& op);
    void remove(PlacedOp const& placed);
    void begin_life(Op const& op);
    void revive();
    void settle();
    void contest();
    void die(DeleteRule rule);
    void update(std::size_t at);
    void update_register(Op const& op);
    void update_counter(Op const& op);
    void update_element(Op const& op);
    void update_content(std::size_t at);
    std::size_t edits_end(std::size_t from) const;

    NameNumber name_of(Op const& op) const;
    HashPlace place_of(Field const& field) const;

    Scene const& scene_;
    Author const& author_;
    Object& object_;
    std::span<PlacedOp const> ops_;
    bool taken_ = false;  // the event's insert met a live object
    ContentEdits edits_;
    std::size_t judged_end_ = 0;   // edits before it were judged with the event
    std::size_t applied_end_ = 0;  // edits before it were applied, or left out
};

/// Makes an object that is dead unknown, without a trace.
void forget(Object& object);

}  // namespace capstan
