#pragma once
#include <capstan/engine/model/model.hpp>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace capstan {

/// A device's own mutations that have no seq yet, on top of a model: what its user sees.
///
/// Only touched objects are worked out, and of those only the touched fields are copied; that is
/// done when they are read after something changed. The confirmed model never holds anything of it,
/// so its state hash and what a snapshot takes from it are those of the stream. The result is that
/// of replaying the pending events on a copy of the model: each as if it came next, seqs from 2^63
/// on, above every one that the server gives; a policy that is pending judges those behind it. In
/// texts and lists these are the stamps of RECONCILIATION 2.7: what others did stands before what
/// is pending, and nothing is transformed.
///
/// The overlay tells its model what pending edits were made on (`Model::keep_from`), so a mark that
/// passes them lets nothing go that they need: they are shown as they were made until `rebase`. All
/// else is judged by the mark in force, as the server will do.
///
/// Lifetime: the model outlives the overlay. Threading: that of the model.
class Overlay {
  public:
    /// `model` is read, but for names, which it interns, and `keep_from`.
    Overlay(Model& model, DeviceId const& own);
    ~Overlay();
    Overlay(Overlay const&) = delete;
    Overlay& operator=(Overlay const&) = delete;

    /// Adds a mutation, made when the model stood at `preceding_seq`. Its local number: 1, 2, 3, …
    /// `changes`, if given, gets what it changes for the user, which costs what it touches.
    std::uint64_t add(Event event, Seq preceding_seq, Changes* changes = nullptr);
    /// Takes one out: it came back with its seq and is in the model. Numbers that are not pending
    /// are ignored.
    void remove(std::uint64_t local);
    /// To be called after the model applied an event: what its operations touch is worked out anew.
    void touched(Event const& event);
    /// It was accepted as the event at `seq`, ahead of what the model has applied: it stays pending
    /// until it has come, and a rebase leaves it as it is. Nothing: it is not, or not any more.
    void accepted(std::uint64_t local, std::optional<Seq> seq);

    /// A pending mutation as its author now sends it.
    struct Rebased {
        std::uint64_t local = 0;  // as before
        Seq preceding_seq;        // what the model had applied
        Event event;              // without operations: nothing of it is left to say
        /// Objects on which it is void here for something that it could not leave out: an edit has
        /// no place any more. `event` says nothing of them. Whoever has to be told of all or
        /// nothing refuses it.
        std::vector<std::string> void_on;
    };
    /// Takes refused mutations out, and makes all others that are not accepted anew where the model
    /// stands: their edits of texts and lists are those that say the same there, without what stood
    /// on a refused one; `authored_p` keeps what
    /// their author had really seen. What is void here stays void. (At the head the deletion of an
    /// object is known: an update that would have revived it does so no more.) To be called when
    /// all that was sent has a verdict; the answer, in order, is what is sent under a new attempt.
    /// `refused` is ascending; with none of them it is the rebase of `rebase_needed`, and texts and
    /// lists read as before.
    std::vector<Rebased> rebase(std::span<std::uint64_t const> refused);

    /// A field as the user sees it: pending if a pending mutation touches it, else confirmed.
    /// Nothing if the object is not alive, or has no such field. Valid until the next change.
    Field const* field(std::string_view object, std::string_view name, FieldKind kind);
    /// What a text or list holds as the user sees it.
    std::string text(std::string_view object, std::string_view name);
    std::vector<Value> list(std::string_view object, std::string_view name);
    /// As the user sees it, whether pending or confirmed; its `fields` are the touched ones alone
    /// if it is pending. Nothing if it is not alive.
    Object const* find(std::string_view object);
    /// Objects that pending mutations touch, in order of id.
    std::vector<std::string> touched_objects() const;
    bool touches(std::string_view object) const { return seen_.contains(object); }

    /// What pending mutations make of an object: of its fields those that they touch.
    struct Shown {
        Object object;
        bool replaced = false;  // by a new life: nothing of the confirmed fields shows
        /// Whether a confirmed field of this name and kind is not seen.
        bool hides(NameNumber name, FieldKind kind) const {
            return replaced || !object.alive() || object.fields.find(name, kind) != nullptr;
        }
    };
    /// As it is now. Nothing if it is not pending. Valid until the next change.
    Shown const* shown(std::string_view object) { return seen(object); }

    // For those who tell the user what changes: how objects were shown before what changed them.

    /// From now on it is kept until it is taken.
    void keep_outdated() { keeps_outdated_ = true; }
    /// As the user was last told, whatever has changed since. Nothing if nothing was pending on it.
    Shown const* last_shown(std::string_view object) const;
    std::map<std::string, Shown, std::less<>> take_outdated() {
        return std::exchange(outdated_, {});
    }
    std::optional<Shown> take_outdated(std::string const& object);

    std::size_t pending() const { return events_.size(); }
    /// Precondition: this number is pending.
    Event const& event(std::uint64_t local) const { return pending(local)->event; }

  private:
    struct Pending {
        std::uint64_t local = 0;
        Seq preceding_seq;
        Event event;
        std::optional<Seq> accepted;
        bool refused = false;  // about to go: only its edits count, for others to be read around
    };
    struct Seen : Shown {
        std::set<std::uint64_t> locals;
        bool fresh = false;  // worked out
    };
    Seen* seen(std::string_view object);
    void outdate(std::string const& id, Seen& seen);
    void begin(std::string const& id, Seen& seen);
    void work_out(std::string const& id, Seen& seen);
    void put_on_top(std::string const& id, Seen& seen, Pending const& next, Changes* changes);
    void note_dependence(std::string const& id, Seen const& seen);
    bool is_policy(std::string const& object) const;
    void note_policies(std::uint64_t local, Event const& event);
    void outdate_policies();
    Policies const& policies_before(std::uint64_t local);
    void work_out_policies();
    Policies policies_with(std::map<std::string, Seen> const& held);
    Field const* shown_register(std::string const& id, Shown const&, std::string_view name) const;
    void copy_touched(std::string const& id, Seen& seen, Pending const& next);
    Pending const* pending(std::uint64_t local) const;
    void keep_what_is_needed();

    friend class PendingRebase;

    Model& model_;
    DeviceId own_;
    DeviceNumber number_;  // of `own_` when `touched` was called last
    std::uint64_t local_ = 0;
    std::deque<Pending> events_;  // by local number
    std::map<std::string, Seen, std::less<>> seen_;
    std::map<std::string, Shown, std::less<>> outdated_;
    bool keeps_outdated_ = false;
    Seq mark_;                       // of the model, when `touched` was called last
    std::set<std::string> by_mark_;  // objects that another mark may make another of
    // Pending events that touch policies, and what is in force behind each of them.
    std::set<std::uint64_t> policy_locals_;
    std::set<std::string> own_policies_;  // inserted by such events
    std::map<std::uint64_t, Policies> policies_;
    bool policies_fresh_ = true;
    std::vector<PlacedOp> ops_;  // of the event at hand
    std::unique_ptr<EditRoom> room_;
};

}  // namespace capstan
