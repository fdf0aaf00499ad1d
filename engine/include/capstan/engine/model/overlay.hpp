#pragma once
#include <capstan/engine/model/model.hpp>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace capstan {

/// A device's own mutations that have no seq yet, on top of a model: what its user sees.
///
/// Only touched objects are worked out, and of those only the touched fields are copied; that is
/// done when they are read after something changed. The confirmed model never holds anything of it.
/// The result is that of replaying the pending events on a copy of the model: each as if it came
/// next, seqs from 2^63 on, above every one that the server gives.
///
/// Lifetime: the model outlives the overlay. Threading: that of the model.
class Overlay {
  public:
    /// `model` is read, but for names, which it interns.
    Overlay(Model& model, DeviceId const& own) : model_(model), own_(own) {}

    /// Adds a mutation, made when the model stood at `preceding_seq`. Its local number: 1, 2, 3, …
    std::uint64_t add(Event event, Seq preceding_seq);
    /// Takes one out: it was refused, or came back with its seq and is in the model. Numbers that
    /// are not pending are ignored.
    void remove(std::uint64_t local);
    /// To be called after the model applied an event: what its operations touch is worked out anew.
    void touched(Event const& event);

    /// A field as the user sees it: pending if a pending mutation touches it, else confirmed.
    /// Nothing if the object is not alive, or has no such field. Valid until the next change.
    Field const* field(std::string_view object, std::string_view name, FieldKind kind);
    /// As the user sees it, whether pending or confirmed; its `fields` are the touched ones alone
    /// if it is pending. Nothing if it is not alive.
    Object const* find(std::string_view object);
    /// Objects that pending mutations touch, in order of id.
    std::vector<std::string> touched_objects() const;
    bool touches(std::string_view object) const { return seen_.contains(object); }
    std::size_t pending() const { return events_.size(); }
    /// Precondition: this number is pending.
    Event const& event(std::uint64_t local) const { return pending(local).event; }

  private:
    struct Pending {
        std::uint64_t local = 0;
        Seq preceding_seq;
        Event event;
    };
    /// What the pending mutations make of one object.
    struct Seen {
        std::set<std::uint64_t> locals;
        Object object;
        bool fresh = false;     // worked out
        bool replaced = false;  // by a new life: nothing of the confirmed fields shows
    };
    Seen* seen(std::string_view object);
    void work_out(std::string const& id, Seen& seen);
    void copy_touched(std::string const& id, Seen& seen, Object const& confirmed);
    Pending const& pending(std::uint64_t local) const;

    Model& model_;
    DeviceId own_;
    std::uint64_t local_ = 0;
    std::deque<Pending> events_;  // by local number
    std::map<std::string, Seen, std::less<>> seen_;
};

}  // namespace capstan
