#include "replica_device.hpp"

#include <algorithm>
#include <capstan/engine/sync/model_records.hpp>
#include <capstan/engine/text/rope.hpp>
#include <utility>

namespace capstan::test {

using namespace sync;

Model fold_tape(TestServer& server, std::string const& stream, Seq last) {
    return fold_runs(server.runs(stream), server.tape(stream), last);
}

// What an application knows.

namespace {

using coalesce::CounterField;
using coalesce::FieldValue;
using coalesce::ListField;
using coalesce::MapField;
using coalesce::SetField;
using coalesce::TextField;

template <class Field>
Field& field_of(ObjectValue& object, std::string const& name) {
    auto& field = object.fields[name];
    if (!std::holds_alternative<Field>(field)) {
        field = Field{};
    }
    return std::get<Field>(field);
}

bool is_nothing(FieldValue const& field) {
    auto const* const set = std::get_if<SetField>(&field);
    auto const* const map = std::get_if<MapField>(&field);
    auto const* const list = std::get_if<ListField>(&field);
    auto const* const text = std::get_if<TextField>(&field);
    return (set != nullptr && set->elements.empty()) || (map != nullptr && map->entries.empty()) ||
           (list != nullptr && list->elements.empty()) || (text != nullptr && text->text.empty());
}

/// False if the element was not as the change says.
bool update_set(SetField& set, Change const& change) {
    auto const at = std::ranges::find(set.elements, change.key);
    bool const was = at != set.elements.end();
    if (was) {
        set.elements.erase(at);
    }
    if (change.after) {
        set.elements.push_back(change.key);
        std::ranges::sort(set.elements, [](Value const& x, Value const& y) {
            return StoredValue(x) < StoredValue(y);
        });
    }
    return was == change.before.has_value();
}

bool update_map(MapField& map, Change const& change) {
    auto const& key = std::get<std::string>(change.key);
    auto const at = map.entries.find(key);
    auto const was = at == map.entries.end() ? std::nullopt : std::optional(at->second);
    if (change.after) {
        map.entries[key] = *change.after;
    } else {
        map.entries.erase(key);
    }
    return was == change.before;
}

bool update_text(TextField& field, Change const& change) {
    bool was_so = !change.text.empty();
    Rope rope(field.text);
    for (auto const& [at, removed, inserted] : change.text) {
        auto const count = Rope::count(removed);
        bool const fits = at + count <= rope.items();
        was_so = was_so && fits && rope.slice(at, count) == removed;
        if (fits) {
            rope.erase(at, count);
            rope.insert(at, inserted);
        }
    }
    field.text = rope.str();
    return was_so;
}

bool update_list(ListField& field, Change const& change) {
    bool was_so = !change.list.empty();
    for (auto const& [at, removed, inserted] : change.list) {
        if (at + removed.size() > field.elements.size()) {
            return false;
        }
        auto const first = field.elements.begin() + static_cast<std::ptrdiff_t>(at);
        auto const end = first + static_cast<std::ptrdiff_t>(removed.size());
        was_so = was_so && std::equal(first, end, removed.begin());
        auto const place = field.elements.erase(first, end);
        field.elements.insert(place, inserted.begin(), inserted.end());
    }
    return was_so;
}

bool update_whole(ObjectValue& object, Change const& change) {
    bool const counts = change.field_kind == FieldKind::counter;
    auto const found = object.fields.find(change.field);
    std::optional<Value> was;
    if (found != object.fields.end()) {
        was = counts ? Value{std::get<CounterField>(found->second).total}
                     : std::get<Value>(found->second);
    }
    if (!change.after) {
        object.fields.erase(change.field);
    } else if (counts) {
        object.fields[change.field] = CounterField{std::get<std::int64_t>(*change.after)};
    } else {
        object.fields[change.field] = *change.after;
    }
    return was == change.before;
}

bool update(ObjectValue& object, Change const& change) {
    bool was_so = false;
    if (change.field_kind == FieldKind::set) {
        was_so = update_set(field_of<SetField>(object, change.field), change);
    } else if (change.field_kind == FieldKind::map) {
        was_so = update_map(field_of<MapField>(object, change.field), change);
    } else if (change.field_kind == FieldKind::text) {
        was_so = update_text(field_of<TextField>(object, change.field), change);
    } else if (change.field_kind == FieldKind::list) {
        was_so = update_list(field_of<ListField>(object, change.field), change);
    } else {
        return update_whole(object, change);
    }
    if (is_nothing(object.fields.at(change.field))) {
        object.fields.erase(change.field);
    }
    return was_so;
}

}  // namespace

bool equal(ObjectValue const& x, ObjectValue const& y) {
    auto const value = [](FieldValue const& field) {
        std::string out = std::to_string(field.index()) + ':';
        auto const add = [&out](Value const& one) { out += StoredValue(one).key() + ';'; };
        if (auto const* one = std::get_if<Value>(&field)) {
            add(*one);
        } else if (auto const* counter = std::get_if<CounterField>(&field)) {
            add(counter->total);
        } else if (auto const* set = std::get_if<SetField>(&field)) {
            std::ranges::for_each(set->elements, add);
        } else if (auto const* map = std::get_if<MapField>(&field)) {
            for (auto const& [key, entry] : map->entries) {
                out += key + '=';
                add(entry);
            }
        } else if (auto const* list = std::get_if<ListField>(&field)) {
            std::ranges::for_each(list->elements, add);
        } else if (auto const* text = std::get_if<TextField>(&field)) {
            out += text->text;
        }
        return out;
    };
    return x.type == y.type &&
           std::ranges::equal(x.fields, y.fields, [&](auto const& one, auto const& other) {
               return one.first == other.first && value(one.second) == value(other.second);
           });
}

void Mirror::apply(Changes const& changes) {
    for (Change const& change : changes.changes) {
        known_.insert(change.object);
        auto const at = objects_.find(change.object);
        bool fits = true;
        switch (change.kind) {
            case Change::Kind::insert:
            case Change::Kind::revive:
                fits = at == objects_.end();
                objects_[change.object].type = change.type;
                break;
            case Change::Kind::remove:
                fits = at != objects_.end();
                objects_.erase(change.object);
                break;
            case Change::Kind::update:
                fits = at != objects_.end() && update(at->second, change);
                break;
            case Change::Kind::contest:
            case Change::Kind::settle:
                break;
        }
        if (!fits && wrong_.empty()) {
            wrong_ = "a change of " + change.object + "." + change.field + " does not fit";
        }
    }
}

bool Mirror::agrees_with(View const& view) const {
    return std::ranges::all_of(known_, [&](std::string const& id) {
        auto const shown = view.get(id);
        auto const at = objects_.find(id);
        return shown ? at != objects_.end() && equal(at->second, *shown) : at == objects_.end();
    });
}

void Mirror::start_from(View const& view, std::set<std::string> const& objects) {
    *this = Mirror();
    for (auto const& id : objects) {
        if (auto shown = view.get(id)) {
            objects_[id] = *std::move(shown);
            known_.insert(id);
        }
    }
}

// The device.

ReplicaDevice::ReplicaDevice(std::string name,
                             Dice& dice,
                             TestServer& server,
                             ClientOptions options,
                             std::string const& stream)
    : name_(std::move(name)),
      dice_(dice),
      random_(dice),
      server_(server),
      options_(std::move(options)),
      stream_(StreamName::parse(stream).value()),
      link_(server, dice, name_.front()) {
    open_store();
}

void ReplicaDevice::open_store() {
    auto const records = disk_.view();
    auto opened = Client::open(options_, records, random_);
    require_ok(opened);
    replica_.reset();
    client_ = std::move(opened).value();
    auto const prefix = model_prefix(stream_.str());
    std::vector<StoredRecord> of_model;
    std::ranges::copy_if(records, std::back_inserter(of_model), [&](StoredRecord const& record) {
        return record.key.size() >= prefix.size() &&
               std::ranges::equal(record.key.first(prefix.size()), prefix);
    });
    counts["downloads resumed"] += load_chunks(stream_.str(), of_model).empty() ? 0 : 1;
    replica_ = Replica::open(*client_, stream_, of_model);
    prepare(*replica_);
    replica_->check_invariants();
    auto const at = replica_->status().applied;
    if (compares_at_opening) {
        counts["models reopened"] += at > Seq{} ? 1 : 0;
        expect(replica_->state_hash() == fold_tape(server_, stream_.str(), at).state_hash(),
               "the model is what the cursor says, " + std::to_string(at.value));
    }
    std::set<std::string> ids;
    auto const& objects = replica_->model().objects();
    for (std::uint32_t slot = 0; slot < objects.slots_end(); ++slot) {
        if (!objects.at(slot).id.empty()) {
            ids.insert(objects.at(slot).id);
        }
    }
    for (auto const& entry : client_->outbox(stream_.str())->entries()) {
        for (auto const& bytes : entry.mutation.events) {
            auto const event = decode_event(bytes).value();
            for (auto const& op : event.ops) {
                ids.insert(op.object);
            }
        }
    }
    mirror_.start_from(view(), ids);
    client_->start(now_);
    run();
}

void ReplicaDevice::run() {
    client_->check_invariants();
    try {
        carry_out(client_->take(now_));
    } catch (Crash) {
        effects_until_crash = 0;
        crash();
    }
    look();
}

/// What changed is told; what was told is what is seen.
void ReplicaDevice::look() {
    replica_->check_invariants();
    auto const changes = replica_->take_changes();
    on_changes(changes);
    mirror_.apply(changes);
    expect(mirror_.wrong().empty(), mirror_.wrong());
    expect(mirror_.agrees_with(view()), "what was told is what is seen");
}

void ReplicaDevice::carry_out(Effects effects) {
    auto const survive = [this] {
        if (effects_until_crash > 0 && --effects_until_crash == 0) {
            throw Crash{};
        }
    };
    survive();
    disk_.apply(std::move(effects.transaction));
    survive();
    if (effects.durable_first) {
        disk_.flush();
        survive();
    }
    bool const more = !effects.then.empty();
    for (auto const& effect : effects.then) {
        carry_out(effect);
        survive();
    }
    if (more) {  // what the replica wanted
        carry_out(client_->take(now_));
    }
}

void ReplicaDevice::carry_out(Effect const& effect) {
    if (auto const* connect = std::get_if<Connect>(&effect)) {
        link_.dial(connect->connection);
    } else if (auto const* send = std::get_if<Send>(&effect)) {
        link_.send(send->message);
    } else if (auto const* close = std::get_if<Close>(&effect)) {
        if (close->connection == link_.connection() && link_.is_open()) {
            link_.close();
        }
    } else if (auto const* delivery = std::get_if<Delivery>(&effect)) {
        replica_->on(*delivery);
    } else if (auto const* hole = std::get_if<HoleDeclared>(&effect)) {
        replica_->on(*hole);
    } else if (auto const* arrived = std::get_if<SnapshotArrived>(&effect)) {
        on(*arrived);
    } else if (auto const* lost = std::get_if<HistoryLost>(&effect)) {
        ++counts["histories lost"];
        replica_->on(*lost);
    } else if (auto const* recovered = std::get_if<Recovered>(&effect)) {
        ++counts["recoveries"];
        replica_->on(*recovered);
    } else if (std::holds_alternative<StatusChanged>(effect)) {
        replica_->resolve();  // it may be that nothing was missed
    } else if (auto const* moved = std::get_if<WriteMoved>(&effect)) {
        if (replica_->on(*moved)) {
            ++counts["writes moved up"];
            return;
        }
        on_write(*moved);
        if (moved->state == WriteState::refused && !moved->provisional) {
            ++counts["refused"];
            refused.push_back(*moved);
        }
    }
}

/// What was loaded is what all events come to, byte for byte, whatever is pending on top.
void ReplicaDevice::on(SnapshotArrived const& arrived) {
    std::string const what = arrived.delta ? "folded deltas" : "snapshots";
    auto const pending = replica_->status().pending;
    auto const before = replica_->status().applied;
    bool const is_given_up = arrived.history != client_->subscription(stream_.str())->history();
    replica_->on(arrived);
    if (is_given_up) {
        return;
    }
    if (may_refuse_snapshots && replica_->status().applied == before) {
        ++counts[what + " refused"];
        return;
    }
    expect(replica_->status().applied > before, what + " are taken over");
    ++counts[what];
    counts[what + " below pending writes"] += pending > 0 ? 1 : 0;
    if (compares_at_opening) {
        auto const tape = fold_tape(server_, stream_.str(), replica_->status().applied);
        expect(replica_->state_hash() == tape.state_hash(), what + " are what all events come to");
        expect(encode_window(replica_->model()) == encode_window(tape),
               what + " judge later events as all events do");
        expect(encode_devices(replica_->model().tables().devices) ==
                   encode_devices(tape.tables().devices),
               what + " count devices as all events do");
    }
}

std::optional<MutationId> ReplicaDevice::mutate(Event event, MutateOptions const& options) {
    auto const before = view().query({.type = "Thing"});
    auto id = replica_->mutate(std::move(event), options);
    if (!id) {
        ++counts[std::string(describe(id.error().code).name)];
        expect(view().query({.type = "Thing"}) == before, "what was refused at once left no trace");
        return std::nullopt;
    }
    look();
    return id.value();
}

bool ReplicaDevice::undo() {
    return took_step(replica_->undo());
}

bool ReplicaDevice::redo() {
    return took_step(replica_->redo());
}

bool ReplicaDevice::took_step(Result<std::optional<Undone>> const& undone) {
    if (!undone) {
        ++counts[std::string(describe(undone.error().code).name)];
        expect(undone.error().code == Errc::not_ready, "a step can be said once it may be");
    }
    look();
    return undone && undone.value();
}

void ReplicaDevice::advance(Duration by) {
    now_ = now_.plus(by);
    client_->tick(now_);
    run();
    if (link_.is_dialling() && client_->state() == SessionState::connecting) {
        link_.open();
        client_->on_opened(link_.connection(), now_);
        run();
    }
}

bool ReplicaDevice::receive() {
    bool const heard = hear();
    if (heard) {
        run();
    }
    return heard;
}

bool ReplicaDevice::hear() {
    auto const message = link_.next();
    if (message) {
        client_->on_message(link_.connection(), *message, now_);
    }
    return message.has_value();
}

bool ReplicaDevice::deliver_to_server() {
    return link_.deliver_to_server();
}

void ReplicaDevice::break_connection() {
    if (!link_.is_open()) {
        return;
    }
    link_.cut();
    client_->on_closed(link_.connection(), Error{Errc::connection_closed, "broken"}, now_);
    run();
}

void ReplicaDevice::crash() {
    link_.die();
    refused.clear();
    on_crash();
    disk_.crash(dice_);
    open_store();
}

void ReplicaDevice::become(TestDisk image) {
    disk_ = std::move(image);
    crash();
}

bool ReplicaDevice::idle() const {
    return client_->outbox(stream_.str())->idle();
}

bool ReplicaDevice::has_read_all() const {
    auto const at = replica_->status().applied;
    return at.value == server_.tape(stream_.str()).size() && replica_->status().pending == 0;
}

void ReplicaDevice::expect(bool condition, std::string const& what) {
    if (!condition && wrong_.empty()) {
        wrong_ = "device " + name_ + ": not so: " + what;
    }
}

}  // namespace capstan::test
