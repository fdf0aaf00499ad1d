// Pending mutations made anew where the model stands, as their author sends them after a refusal.
#include <algorithm>
#include <capstan/engine/model/overlay.hpp>
#include <set>
#include <tuple>
#include <utility>

#include "model/scene.hpp"

namespace capstan {
namespace {

/// The operations that say these splices, one after the other.
void say(std::vector<Op>& ops, Op const& like, std::vector<SpliceOf<std::string>>& splices) {
    for (auto& [at, removed, inserted] : splices) {
        Op op{.kind = OpKind::splice, .object = like.object, .field = like.field};
        op.at = at;
        op.count = removed;
        op.value = std::move(inserted);
        ops.push_back(std::move(op));
    }
}

void say(std::vector<Op>& ops,
         Op const& like,
         std::vector<SpliceOf<std::vector<ListItem>>>& splices) {
    for (auto& [at, removed, inserted] : splices) {
        if (removed > 0) {
            Op op{.kind = OpKind::list_remove, .object = like.object, .field = like.field};
            op.at = at;
            op.count = removed;
            ops.push_back(std::move(op));
        }
        for (ListItem const& item : inserted) {
            Op op{.kind = OpKind::list_insert, .object = like.object, .field = like.field};
            op.at = at++;
            op.value = item.value.value().value();
            ops.push_back(std::move(op));
        }
    }
}

}  // namespace

/// One rebase: edits are read from the lists that hold them, then said in the events again.
class PendingRebase {
  public:
    PendingRebase(Overlay& overlay, std::span<std::uint64_t const> refused) : overlay_(overlay) {
        for (auto const local : refused) {
            gone_.push_back(Stamp::pending(local));
        }
    }

    std::vector<Overlay::Rebased> run() {
        for (auto& [id, seen] : overlay_.seen_) {
            read(id, seen);
        }
        std::vector<Overlay::Rebased> out;
        for (auto& pending : overlay_.events_) {
            if (!pending.refused && !pending.accepted) {
                auto void_on = say_again(pending);
                out.push_back(
                    {pending.local, pending.preceding_seq, pending.event, std::move(void_on)});
            }
        }
        return out;
    }

  private:
    /// The edits of one pending event in one text or list.
    using Place = std::tuple<std::string_view, NameNumber, FieldKind, std::uint64_t>;
    struct Edits {
        std::vector<SpliceOf<std::string>> text;
        std::vector<SpliceOf<std::vector<ListItem>>> list;
    };

    template <class Merged>
    auto rebased(Merged& merged) const {
        Model const& model = overlay_.model_;
        for (auto const& pending : overlay_.events_) {
            if (pending.accepted) {
                merged.acknowledge(Stamp::pending(pending.local), *pending.accepted);
            }
        }
        std::vector<typename Merged::Edit> effects;
        auto const device = overlay_.number_;
        return merged.rebase({gone_,
                              model.head(),
                              Seq{model.collectable()},
                              DeviceIndex{std::min<std::uint32_t>(device, kDeviceIndexMax)}},
                             effects);
    }

    /// Works the object out anew. A life that a pending mutation ends is read before it ends: its
    /// edits are to be there if that mutation is refused some day.
    void read(std::string const& id, Overlay::Seen& seen) {
        overlay_.begin(id, seen);
        for (auto const local : seen.locals) {
            auto const& next = *overlay_.pending(local);
            bool const ends = !next.refused && names(next.event, id, OpKind::remove);
            for (Field const& field : seen.object.fields.all()) {
                if (ends && field.kind >= FieldKind::list) {
                    auto copy = field.copy();
                    read(id, copy);
                }
            }
            Changes changes;
            overlay_.put_on_top(id, seen, next, &changes);
            for (VoidOps const& ops : changes.voids) {
                if (!ops.op && !stays_void(ops.reason, next.event, id)) {
                    silent_.emplace(id, local);
                }
            }
        }
        for (Field& field : seen.object.fields.all()) {
            read(id, field);
        }
    }

    static bool names(Event const& event, std::string const& id, OpKind kind) {
        return std::ranges::any_of(
            event.ops, [&](Op const& op) { return op.object == id && op.kind == kind; });
    }
    /// Without its edits, too. An insert that stood behind one would then be the first operation.
    static bool stays_void(VoidReason reason, Event const& event, std::string const& id) {
        return !names(event, id, OpKind::insert) &&
               (reason == VoidReason::missing || reason == VoidReason::deleted ||
                reason == VoidReason::known_deleted || reason == VoidReason::earlier_life);
    }

    void read(std::string const& id, Field& field) {
        if (!field.more) {
            return;
        }
        if (field.more->text) {
            for (auto& edit : rebased(*field.more->text)) {
                edits_[place(id, field, edit.stamp)].text = std::move(edit.splices);
            }
        }
        if (field.more->list) {
            for (auto& edit : rebased(*field.more->list)) {
                edits_[place(id, field, edit.stamp)].list = std::move(edit.splices);
            }
        }
    }

    static Place place(std::string_view id, Field const& field, Stamp stamp) {
        return {id, field.name, field.kind, stamp.value};
    }

    /// The answer is where it is silent.
    std::vector<std::string> say_again(Overlay::Pending& pending) {
        std::vector<Op> ops;
        std::vector<std::string> silent_on;
        for (Op& op : pending.event.ops) {
            auto const kind = kind_of(op.kind);
            if (silent_.contains({op.object, pending.local})) {
                if (std::ranges::find(silent_on, op.object) == silent_on.end()) {
                    silent_on.push_back(op.object);
                }
                continue;
            }
            if (!kind || *kind < FieldKind::list) {
                ops.push_back(std::move(op));
                continue;
            }
            auto const name = overlay_.model_.tables_.names.number(op.field);
            Place const at{op.object, name, *kind, Stamp::pending(pending.local).value};
            // What has no effect here has none to say: in a life that its author had not seen it
            // must not begin to have one.
            if (auto const edits = edits_.find(at); edits != edits_.end()) {
                say(ops, op, edits->second.text);
                say(ops, op, edits->second.list);
                edits_.erase(edits);  // the first of its operations said them all
            }
        }
        pending.event.ops = std::move(ops);
        pending.event.authored_p = pending.event.authored_p.value_or(pending.preceding_seq);
        pending.preceding_seq = overlay_.model_.head();
        return silent_on;
    }

    Overlay& overlay_;
    std::vector<Stamp> gone_;
    std::map<Place, Edits> edits_;
    /// Mutations that were void on an object for one of their operations: without it the others
    /// would begin to have an effect.
    std::set<std::pair<std::string_view, std::uint64_t>> silent_;
};

std::vector<Overlay::Rebased> Overlay::rebase(std::span<std::uint64_t const> refused) {
    for (Pending& pending : events_) {
        pending.refused = std::ranges::binary_search(refused, pending.local);
    }
    outdate_policies();
    auto out = PendingRebase(*this, refused).run();
    for (auto const local : refused) {
        remove(local);
    }
    // What is left touches fewer objects than before, where edits went with a refused one.
    for (auto& [id, seen] : seen_) {
        seen.locals.clear();
        seen.fresh = false;  // what was worked out on the way nobody has seen
    }
    for (Pending const& pending : events_) {
        for (Op const& op : pending.event.ops) {
            seen_[op.object].locals.insert(pending.local);
        }
    }
    std::erase_if(seen_, [](auto const& entry) { return entry.second.locals.empty(); });
    keep_what_is_needed();
    return out;
}

}  // namespace capstan
