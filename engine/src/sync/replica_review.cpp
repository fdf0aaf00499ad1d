// What becomes of writes that were refused, and of those behind them.
#include <algorithm>
#include <capstan/engine/sync/replica.hpp>
#include <utility>

#include "sync/refusals.hpp"

namespace capstan::sync {
namespace {

using Stage = Outbox::Entry::Stage;
using Entries = std::vector<Outbox::Entry>;
using Locals = std::vector<std::uint64_t>;

constexpr auto code_of(Errc code) {
    return static_cast<std::uint16_t>(code);
}

/// Bytes that no model can read may have them.
bool may_have_places(Mutation const& mutation) {
    return std::ranges::any_of(mutation.events, [](Bytes const& bytes) {
        auto const event = decode_event(bytes);
        return !event || has_places(event.value());
    });
}

/// Bytes that no model sees, or that were published beside it: they say what their author had
/// really seen.
Bytes moved_from(Bytes const& bytes, Seq preceding) {
    auto event = decode_event(bytes);
    if (!event || preceding == kAtHead) {
        return bytes;
    }
    event.value().authored_p = event.value().authored_p.value_or(preceding);
    return encode_event(event.value());
}

/// Which objects are there, going through own writes in their order, and which are not because what
/// was to insert them is gone.
class Missing {
  public:
    explicit Missing(Model const& model) : model_(model) {}

    using Events = std::vector<Event const*>;  // of one write

    /// The first object that the write acts on and that is missing, if there is one; one that it
    /// inserts itself is not.
    std::optional<std::string> find_use(Events const& events) const {
        std::set<std::string_view> born;
        for (Event const* event : events) {
            for (Op const& op : event->ops) {
                if (op.kind == OpKind::insert) {
                    born.insert(op.object);
                } else if (missing_.contains(op.object) && !born.contains(op.object)) {
                    return op.object;
                }
            }
        }
        return std::nullopt;
    }
    void pass(Events const& events, bool is_gone) {
        for (Event const* event : events) {
            for (Op const& op : event->ops) {
                bool const inserts = op.kind == OpKind::insert;
                if (is_gone && inserts && !is_there(op.object)) {
                    missing_.insert(op.object);
                } else if (!is_gone && (inserts || op.kind == OpKind::remove)) {
                    there_[op.object] = inserts;
                    missing_.erase(op.object);
                }
            }
        }
    }

  private:
    bool is_there(std::string const& object) const {
        auto const own = there_.find(object);
        return own != there_.end() ? own->second : model_.find(object) != nullptr;
    }

    Model const& model_;
    std::map<std::string, bool> there_;  // by own writes
    std::set<std::string> missing_;
};

}  // namespace

bool has_places(Event const& event) {
    return std::ranges::any_of(event.ops, [](Op const& op) {
        return op.kind == OpKind::splice || op.kind == OpKind::list_insert ||
               op.kind == OpKind::list_remove || op.kind == OpKind::list_move ||
               op.kind == OpKind::list_set;
    });
}

bool goes_on(Outbox::Entry const& refused) {
    if (refused.mutation.expect_head) {
        return false;
    }
    bool const elsewhere =
        refused.code == code_of(Errc::behind_itself) || refused.code == code_of(Errc::lost_history);
    return refused.code == code_of(Errc::rebase_needed) ||
           (elsewhere && !may_have_places(refused.mutation));
}

Entries by_id(Entries entries) {
    std::ranges::sort(entries, {}, [](Outbox::Entry const& entry) { return entry.mutation.id; });
    return entries;
}

/// Called when something was refused and nothing is frozen behind it, until it is done. What was
/// refused for its place alone waits until the model has caught up: what is said there is not below
/// the mark again.
void Replica::review() {
    auto const& outbox = *client_.outbox(stream_.str());
    bool const caught_up = has_caught_up() || subscription().stage() == Subscription::Stage::failed;
    if (waiting_ == outbox.counts().refused && !caught_up) {
        return;
    }
    auto const entries = by_id(outbox.entries());
    std::set<MutationId> gone;
    bool moves = false;
    for (auto const& entry : entries) {
        if (entry.stage != Stage::refused || !own_.contains(entry.mutation.id)) {
            continue;
        }
        if (goes_on(entry)) {
            moves = true;
        } else {
            gone.insert(entry.mutation.id);
        }
    }
    waiting_.reset();
    if (moves && gone.empty() && !caught_up) {
        waiting_ = outbox.counts().refused;
        return;
    }
    withdraw_dependants(entries, gone);
    bool const had_places = std::ranges::any_of(entries, [&gone](Outbox::Entry const& entry) {
        return gone.contains(entry.mutation.id) && may_have_places(entry.mutation);
    });
    if (moves || had_places) {
        make_anew(entries, gone);
    }
    for (auto const id : gone) {
        hide(id);
        if (undo_) {
            undo_->refused(id.value);
        }
    }
    client_.reviewed(stream_);
}

/// Writes behind a refused one that act on an object which it was to insert, and which is not there
/// without it, can have no effect: they are taken back, each told by itself.
void Replica::withdraw_dependants(Entries const& entries, std::set<MutationId>& gone) {
    if (gone.empty()) {
        return;
    }
    Missing missing(*model_);
    for (auto const& entry : entries) {
        auto const id = entry.mutation.id;
        auto const own = own_.find(id);
        if (own == own_.end()) {
            continue;
        }
        Missing::Events events;
        for (auto const local : own->second.locals) {
            events.push_back(&overlay_->event(local));
        }
        auto const object = gone.contains(id) ? std::nullopt : missing.find_use(events);
        if (object && belongs(entry)) {
            client_.withdraw(
                stream_, id, {Errc::not_found, "\"" + *object + "\" was refused before"});
            gone.insert(id);
        }
        missing.pass(events, gone.contains(id));
    }
}

/// Whether it is still to be sent, and its author may say it in another way.
bool Replica::belongs(Outbox::Entry const& entry) const {
    return entry.stage == Stage::pending ||
           (entry.stage == Stage::refused && own_.contains(entry.mutation.id));
}

/// All that is not sent is said where the device stands now, as it reads there without what is
/// gone, with what its author had really seen. The order stays. A write that cannot be said as a
/// whole goes, too, and the others are then read without it.
void Replica::make_anew(Entries const& entries, std::set<MutationId>& gone) {
    for (;;) {
        std::vector<Mutation const*> mutations;
        std::set<MutationId> unsent;
        for (auto const& entry : entries) {
            if (belongs(entry) && !gone.contains(entry.mutation.id)) {
                mutations.push_back(&entry.mutation);
                unsent.insert(entry.mutation.id);
            }
        }
        auto const rebased = rebase(unsent, gone);
        if (withdraw_void(unsent, rebased, gone)) {
            withdraw_dependants(entries, gone);
            continue;
        }
        std::vector<Outbox::Revision> revisions;
        for (Mutation const* mutation : mutations) {
            revisions.push_back(revision_of(*mutation, rebased));
        }
        client_.revise(stream_, std::move(revisions));
        return;
    }
}

/// Takes back what is void on some object where it stands now. True if there was such a write.
bool Replica::withdraw_void(std::set<MutationId> const& unsent,
                            std::map<std::uint64_t, Overlay::Rebased> const& rebased,
                            std::set<MutationId>& gone) {
    auto const before = gone.size();
    for (auto const id : unsent) {
        auto const own = own_.find(id);
        for (auto const local : own == own_.end() ? Locals() : own->second.locals) {
            auto const& void_on = rebased.at(local).void_on;
            if (!void_on.empty() && gone.insert(id).second) {
                client_.withdraw(
                    stream_,
                    id,
                    {Errc::not_found, "a place in \"" + void_on.front() + "\" is no more"});
            }
        }
    }
    return gone.size() > before;
}

Outbox::Revision Replica::revision_of(
    Mutation const& mutation, std::map<std::uint64_t, Overlay::Rebased> const& rebased) const {
    Outbox::Revision revision{mutation.id, {}};
    auto const own = own_.find(mutation.id);
    std::size_t shown = 0;
    for (Bytes const& bytes : mutation.events) {
        if (own == own_.end() || !decode_event(bytes)) {
            revision.events.push_back(moved_from(bytes, mutation.preceding_seq));
            continue;
        }
        Event const& event = rebased.at(own->second.locals.at(shown++)).event;
        if (!event.ops.empty()) {
            revision.events.push_back(encode_event(event));
        }
    }
    return revision;
}

/// What pending writes say now, by local number. What is sent stays as it was typed: it counts as
/// accepted, at whatever seq ahead of the model.
std::map<std::uint64_t, Overlay::Rebased> Replica::rebase(std::set<MutationId> const& unsent,
                                                          std::set<MutationId> const& gone) {
    remember_pending();
    std::vector<std::uint64_t> refused;
    Seq ahead = model_->head();
    for (auto const& [id, own] : own_) {
        bool const stays = !unsent.contains(id) && !gone.contains(id);
        for (auto const local : own.locals) {
            ahead = ahead.next();
            overlay_->accepted(local, stays ? std::optional(ahead) : std::nullopt);
            if (gone.contains(id)) {
                refused.push_back(local);
            }
        }
    }
    auto made_anew = overlay_->rebase(refused);
    for (auto const id : gone) {
        own_.erase(id);
    }
    std::map<std::uint64_t, Overlay::Rebased> out;
    for (auto& one : made_anew) {
        auto const local = one.local;
        out.emplace(local, std::move(one));
    }
    return out;
}

}  // namespace capstan::sync
