#include <algorithm>
#include <capstan/engine/model/author_check.hpp>
#include <capstan/engine/sync/model_records.hpp>
#include <capstan/engine/sync/replica.hpp>
#include <utility>

#include "sync/refusals.hpp"

namespace capstan::sync {

std::unique_ptr<Replica> Replica::open(Client& client,
                                       StreamName stream,
                                       std::span<StoredRecord const> records) {
    std::unique_ptr<Replica> replica(new Replica(client, std::move(stream)));
    auto const& name = replica->stream_;
    client.subscribe(name, {.snapshots = true, .chunks = load_chunks(name.str(), records)});
    if (!replica->load(records)) {
        replica->reset_model();
        client.subscribe(name,
                         {.kind = ReadFrom::Kind::seq,
                          .seq = Seq{1},
                          .snapshots = true,
                          .chunks = load_chunks(name.str(), records)});
    }
    replica->show_all();
    replica->before_.clear();
    replica->changes_ = {};
    client.review_refusals(name, [raw = replica.get()] { raw->review(); });
    return replica;
}

Replica::Replica(Client& client, StreamName stream) : client_(client), stream_(std::move(stream)) {
    reset_model();
}

Replica::~Replica() {
    client_.review_refusals(stream_, {});
}

void Replica::reset_model() {
    if (overlay_) {
        remember_pending();
        overlay_.reset();
    }
    model_ = std::make_unique<Model>();
    own_applied_ = {client_.device(), Counter{}};
    devices_stored_ = 0;
    touched_.clear();
    buried_.clear();
    conflicts_ = {};
    past_.begin({});
    disputes_.clear();
    show_all();
}

Subscription const& Replica::subscription() const {
    return *client_.subscription(stream_.str());
}

// The application.

Result<MutationId> Replica::mutate(Event event, MutateOptions const& options) {
    return say(std::move(event), options, options.undoable ? Part::step : Part::aside);
}

Result<MutationId> Replica::say(Event event, MutateOptions const& options, Part part) {
    auto const seen = view();
    CAPSTAN_TRY(check_as_author(seen, event));
    auto const* const outbox = client_.outbox(stream_.str());
    if (has_places(event) && outbox->preceding_least() > subscription().reader().seq) {
        return Error{Errc::not_ready,
                     "the stream is read anew, and not up to " +
                         std::to_string(outbox->preceding_least().value) + " yet"};
    }
    if (options.expect_head && overlay_->pending() > 0) {
        return Error{Errc::not_ready,
                     std::to_string(overlay_->pending()) + " own writes are on their way"};
    }
    PublishOptions const publish{.needs_window = needs_window(seen, event),
                                 .expect_head = options.expect_head,
                                 .coalesces = true};
    std::vector<Bytes> events{encode_event(event)};
    CAPSTAN_TRY(auto const id, client_.publish(stream_, events, publish));
    auto removed = undo_ ? removed_by(seen, event) : RemovedObjects();
    if (undo_) {
        note_changes();
    }
    show(id, events, subscription().reader().seq);
    note_step(part, id, std::move(removed));
    return id;
}

Result<std::optional<MutationId>> Replica::assign(std::string_view object,
                                                  coalesce::ObjectValue const& whole) {
    auto const before = view().get(object);
    Event event;
    CAPSTAN_TRY(event.ops, coalesce::assign(object, before ? &*before : nullptr, whole));
    if (event.ops.empty()) {
        return std::optional<MutationId>();
    }
    CAPSTAN_TRY(auto const id, mutate(std::move(event)));
    return std::optional(id);
}

Result<MutationId> Replica::retry(MutationId refused) {
    for (auto const& entry : client_.outbox(stream_.str())->entries()) {
        if (entry.stage != Outbox::Entry::Stage::refused || entry.mutation.id != refused) {
            continue;
        }
        Event event;
        for (Bytes const& bytes : entry.mutation.events) {
            CAPSTAN_TRY(auto part, decode_event(bytes));
            if (has_places(part)) {
                return Error{Errc::request_invalid,
                             "its places in a text or list are of another moment"};
            }
            std::ranges::move(part.ops, std::back_inserter(event.ops));
        }
        CAPSTAN_TRY(auto const id, mutate(std::move(event)));
        client_.discard(stream_, refused);
        return id;
    }
    return Error{Errc::not_found, "refused write " + std::to_string(refused.value)};
}

coalesce::CoalesceRules Replica::coalesce_rules(std::string_view object, std::string_view field) {
    auto const& tables = model_->tables();
    auto const number = [&tables](std::string_view name) {
        return tables.names.find(name).value_or(Policies::kAny);
    };
    auto const type = number(view().type(object).value_or(""));
    auto const& rules = tables.policies.field(type, number(field));
    return {.last_wins = rules.reg != RegisterRule::max && rules.reg != RegisterRule::min,
            .adds_win = rules.elements == SetRule::add_wins,
            .deletes_win = tables.policies.deletion(type) == DeleteRule::delete_wins};
}

ReplicaStatus Replica::status() const {
    auto const& reader = subscription();
    return {.applied = reader.consumed_cursor().seq,
            .generation = reader.consumed_cursor().generation,
            .pending = overlay_->pending(),
            .objects = model_->size(),
            .conflicts = conflicts_.count(),
            .caught_up = has_caught_up()};
}

bool Replica::is_open(Conflict const& conflict) const {
    Object const* const object = model_->find(conflict.object);
    if (object == nullptr || conflict.field.empty()) {
        return object != nullptr && conflict.open && object->state == ObjectState::contested;
    }
    auto const values = model_->values(*object, conflict.field);
    auto const stands = [&values](ConflictSide const& side) {
        return std::ranges::any_of(values, [&side](StampedValue const& value) {
            return value.write.seq == side.seq.value;
        });
    };
    return conflict.open && stands(conflict.winner) && stands(conflict.loser);
}

bool Replica::has_caught_up() const {
    auto const& reader = subscription();
    return reader.stage() != Subscription::Stage::failed && reader.caught_up() &&
           reader.delivered() == reader.consumed_cursor().seq;
}

// Own writes in the overlay.

void Replica::show(MutationId mutation, std::vector<Bytes> const& events, Seq preceding) {
    Own own;
    for (Bytes const& bytes : events) {
        auto event = decode_event(bytes);
        if (!event) {
            continue;  // published as plain bytes: no model sees it
        }
        own.locals.push_back(put_on_top(std::move(event).value(), preceding));
    }
    own_.insert_or_assign(mutation, std::move(own));
}

void Replica::hide(MutationId mutation) {
    auto const node = own_.extract(mutation);
    if (node.empty()) {
        return;
    }
    for (auto const local : node.mapped().locals) {
        for (Op const& op : overlay_->event(local).ops) {
            if (op.kind == OpKind::insert || op.kind == OpKind::remove) {
                remember(op.object);
            }
        }
        overlay_->remove(local);
    }
}

/// Puts all writes of the outbox that the model does not hold into an empty overlay.
void Replica::show_all() {
    if (overlay_) {
        remember_pending();
    }
    overlay_ = std::make_unique<Overlay>(*model_, client_.device());
    overlay_->keep_outdated();
    own_.clear();
    auto const* const outbox = client_.outbox(stream_.str());
    if (outbox == nullptr) {
        return;
    }
    using Stage = Outbox::Entry::Stage;
    for (auto const& entry : by_id(outbox->entries())) {
        bool const applied = entry.link != Link{} && entry.link.counter <= own_applied_.counter &&
                             own_applied_.device == client_.device();
        if ((entry.stage == Stage::refused && !goes_on(entry)) || applied) {
            continue;
        }
        show(entry.mutation.id, entry.mutation.events, entry.mutation.preceding_seq);
        if (entry.stage == Stage::acked) {
            own_[entry.mutation.id].confirmed = entry.link;
        }
    }
}

// The server.

void Replica::on(Delivery const& delivery) {
    if (delivery.history != subscription().history()) {
        return;  // of one that is given up: `HistoryLost` is on its way
    }
    Changes scratch;
    delivery.each_event([&](DeliveredEvent const& event) { apply(event, scratch); });
    consume(delivery.last);
    after_input();
}

void Replica::after_input() {
    if (waiting_) {
        review();
    }
    resolve();
}

void Replica::consume(Seq last) {
    auto const consumed = client_.consumed(stream_, last);
    CAPSTAN_INVARIANT(consumed.has_value(), stream_.str());
    save_touched(subscription().consumed_cursor());
}

void Replica::apply(DeliveredEvent const& delivered, Changes& scratch) {
    auto const decoded = decode_event(delivered.bytes);
    Event const event = decoded ? decoded.value() : Event{};  // one that no model can read
    bool policies = false;
    for (Op const& op : event.ops) {
        touched_.insert(op.object);
        auto const slot = model_->objects().find(op.object);
        policies = policies || op.type == kPolicyType ||
                   (slot != ObjectTable::kNone &&
                    model_->tables().names.str(model_->objects().at(slot).type) == kPolicyType);
        remember_life(op);
    }
    if (policies) {
        remember_pending();
    }
    scratch.clear();
    model_->apply(event,
                  {.seq = delivered.seq,
                   .preceding_seq = delivered.preceding_seq,
                   .run_first = delivered.run_first,
                   .mark = delivered.mark_before,
                   .device = delivered.dot.device},
                  &scratch);
    overlay_->touched(event);
    auto const p = delivered.preceding_seq;
    past_.note(
        delivered.seq, std::min(p, event.authored_p.value_or(p)), delivered.dot.device, scratch);
    note_disputes(scratch);
    keep_news(std::move(scratch));
    if (delivered.dot.device == client_.device()) {
        own_applied_ = delivered.dot;
        if (delivered.ends_run) {
            on_own_run({delivered.dot.counter, delivered.attempt});
        }
    }
}

/// An own run is in the model: what it was made of leaves the overlay, with all before it.
void Replica::on_own_run(Link const& link) {
    auto const last = client_.outbox(stream_.str())->sequenced(link);
    while (!own_.empty()) {
        auto const& [id, own] = *own_.begin();
        bool const done =
            (last && id <= *last) || (own.confirmed && own.confirmed->counter <= link.counter);
        if (!done) {
            return;
        }
        hide(id);
    }
}

void Replica::on(HoleDeclared const& hole) {
    if (hole.history == subscription().history()) {
        consume(hole.last);
        past_.begin(hole.last);
        after_input();
    }
}

void Replica::on(HistoryLost const&) {
    remember_pending();
    remember_all(*model_);
    erase_records();
    reset_model();
    if (undo_) {
        undo_->clear();
    }
}

void Replica::on(Recovered const& recovered) {
    own_applied_ = {recovered.now, Counter{}};
    show_all();
}

bool Replica::on(WriteMoved const& moved) {
    if (moved.state == WriteState::confirmed) {
        bool const applied = moved.link == Link{} || (own_applied_.device == client_.device() &&
                                                      moved.link.counter <= own_applied_.counter);
        if (applied) {
            hide(moved.mutation);
        } else if (auto const own = own_.find(moved.mutation); own != own_.end()) {
            own->second.confirmed = moved.link;
        }
        return false;
    }
    if (moved.state != WriteState::refused || moved.provisional) {
        return false;
    }
    // One that is still shown goes on; of one that was taken back meanwhile the reason follows.
    auto const* const refused = client_.outbox(stream_.str())->refused(moved.mutation);
    return shows(moved.mutation) || (refused != nullptr && refused->code != moved.code);
}

void Replica::check_invariants() const {
    model_->check_invariants();
    std::size_t events = 0;
    for (auto const& [id, own] : own_) {
        events += own.locals.size();
    }
    CAPSTAN_INVARIANT(events == overlay_->pending());
    CAPSTAN_INVARIANT(model_->head() <= subscription().consumed_cursor().seq);
}

}  // namespace capstan::sync
