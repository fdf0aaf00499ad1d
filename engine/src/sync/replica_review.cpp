// What becomes of a write that was refused, and of those behind it.
#include <algorithm>
#include <capstan/engine/sync/replica.hpp>
#include <iterator>
#include <utility>

namespace capstan::sync {
namespace {

constexpr auto code_of(Errc code) {
    return static_cast<std::uint16_t>(code);
}

/// Reasons that are about where the author stood, not about what it wants.
bool is_about_the_place(std::uint16_t code) {
    return code == code_of(Errc::rebase_needed) || code == code_of(Errc::behind_itself) ||
           code == code_of(Errc::lost_history);
}

/// Places in a text or list mean nothing elsewhere.
bool has_positions(Op const& op) {
    return op.kind == OpKind::splice || op.kind == OpKind::list_insert ||
           op.kind == OpKind::list_remove || op.kind == OpKind::list_move ||
           op.kind == OpKind::list_set;
}

bool can_move(Mutation const& mutation) {
    return !mutation.expect_head && std::ranges::all_of(mutation.events, [](Bytes const& bytes) {
        auto const event = decode_event(bytes);
        return event && std::ranges::none_of(event.value().ops, has_positions);
    });
}

/// The same, and what its author had really seen. Bytes that are no event stay as they are.
Bytes moved_from(Bytes const& bytes, Seq preceding) {
    auto event = decode_event(bytes);
    if (!event || preceding == kAtHead) {
        return bytes;
    }
    event.value().authored_p = event.value().authored_p.value_or(preceding);
    return encode_event(event.value());
}

/// Objects that the event inserts.
void collect_inserts(std::vector<Bytes> const& events, std::set<std::string>& inserts) {
    for (Bytes const& bytes : events) {
        auto const event = decode_event(bytes);
        for (Op const& op : event ? event.value().ops : std::vector<Op>()) {
            if (op.kind == OpKind::insert) {
                inserts.insert(op.object);
            }
        }
    }
}

/// The first object that the events act on and that is among these; one that they insert
/// themselves is not any more.
std::optional<std::string> find_use(std::vector<Bytes> const& events,
                                    std::set<std::string>& missing) {
    for (Bytes const& bytes : events) {
        auto const event = decode_event(bytes);
        for (Op const& op : event ? event.value().ops : std::vector<Op>()) {
            if (op.kind == OpKind::insert) {
                missing.erase(op.object);
            } else if (missing.contains(op.object)) {
                return op.object;
            }
        }
    }
    return std::nullopt;
}

}  // namespace

/// True if the write goes on, and nobody else needs to hear of it.
bool Replica::review(WriteMoved const& moved) {
    auto const* const refused = client_.outbox(stream_.str())->refused(moved.mutation);
    bool const moved_before = refused == nullptr;
    bool const goes_on =
        moved_before || (is_about_the_place(moved.code) && can_move(refused->mutation));
    if (!goes_on) {
        hide(moved.mutation);
        withdraw_dependants(moved);
    } else if (!moved_before) {
        move_up(moved.mutation);
    }
    client_.reviewed(stream_);
    return goes_on;
}

/// This write and all that are pending behind it are put where the device stands now, with what
/// their author had really seen. They keep their order.
void Replica::move_up(MutationId first) {
    std::vector<Outbox::Revision> revisions;
    using Stage = Outbox::Entry::Stage;
    for (auto& entry : client_.outbox(stream_.str())->entries()) {
        auto const& mutation = entry.mutation;
        bool const belongs =
            entry.stage == Stage::pending ||
            (entry.stage == Stage::refused && is_about_the_place(entry.code) && can_move(mutation));
        if (!belongs || mutation.id < first) {
            continue;
        }
        Outbox::Revision revision{mutation.id, {}};
        for (Bytes const& event : mutation.events) {
            revision.events.push_back(moved_from(event, mutation.preceding_seq));
        }
        revisions.push_back(std::move(revision));
    }
    client_.revise(stream_, std::move(revisions));
    show_all();
}

/// Writes behind the refused one that act on an object which it was to insert, and which is not
/// there without it, can have no effect: they are taken back, each told by itself.
void Replica::withdraw_dependants(WriteMoved const& refused) {
    std::set<std::string> missing;
    collect_inserts(refused.events, missing);
    std::erase_if(missing, [this](std::string const& id) { return view().type(id).has_value(); });
    if (missing.empty()) {
        return;
    }
    for (auto const& entry : client_.outbox(stream_.str())->entries()) {
        if (entry.stage != Outbox::Entry::Stage::pending || entry.mutation.id < refused.mutation) {
            continue;
        }
        if (auto const object = find_use(entry.mutation.events, missing)) {
            client_.withdraw(stream_,
                             entry.mutation.id,
                             {Errc::not_found, "\"" + *object + "\" was refused before"});
            hide(entry.mutation.id);
            collect_inserts(entry.mutation.events, missing);
        }
    }
}

}  // namespace capstan::sync
