#include "past_model.hpp"

#include <algorithm>
#include <capstan/engine/model/view.hpp>
#include <utility>

namespace capstan::cli {
namespace {

/// An object of another type, or with a field of another kind, is another object.
std::vector<Op> ops_between(std::string const& id,
                            ObjectValue const& before,
                            ObjectValue const& after) {
    if (auto ops = coalesce::assign(id, &before, after)) {
        return std::move(ops).value();
    }
    std::vector<Op> ops{{.kind = OpKind::remove, .object = id}};
    auto anew = coalesce::assign(id, nullptr, after);
    CAPSTAN_INVARIANT(anew.has_value());  // there is nothing that could be of another kind
    std::ranges::move(anew.value(), std::back_inserter(ops));
    return ops;
}

}  // namespace

PastModel::PastModel(Context& context,
                     Remote const& remote,
                     Client const& client,
                     StreamName const& name)
    : context_(context),
      remote_(remote),
      reader_(client.stream(name), {.kind = ReadFrom::Kind::seq, .seq = Seq{1}}),
      overlay_(model_, DeviceId{}) {
    context_.surroundings.on_interrupt([this] { reader_.cancel(); });
}

PastModel::~PastModel() {
    context_.surroundings.on_interrupt({});
}

Result<> PastModel::go_to(Seq seq) {
    while (model_.head() < seq) {
        if (!delivery_ || delivery_->last <= model_.head()) {
            CAPSTAN_TRY(auto item, next_item(reader_, remote_));
            auto* const delivery = std::get_if<Delivery>(&item);
            if (delivery == nullptr) {
                return Error{Errc::trimmed, "the server does not send all events"};
            }
            delivery_ = std::move(*delivery);
        }
        delivery_->each_event([&](DeliveredEvent const& event) { apply(event, seq); });
    }
    return success();
}

/// What this build cannot read has no effect, as everywhere.
void PastModel::apply(DeliveredEvent const& delivered, Seq last) {
    if (delivered.seq <= model_.head() || delivered.seq > last) {
        return;
    }
    auto decoded = decode_event(delivered.bytes);
    model_.apply(decoded ? std::move(decoded).value() : Event{},
                 {.seq = delivered.seq,
                  .preceding_seq = delivered.preceding_seq,
                  .run_first = delivered.run_first,
                  .mark = delivered.mark_before,
                  .device = delivered.dot.device},
                 nullptr);
}

Objects PastModel::objects() {
    Objects objects;
    View const view(model_, overlay_);
    for (auto const& id : view.ids()) {
        objects.emplace(id, view.get(id).value());
    }
    return objects;
}

Result<Seq> last_event_at(PositionResolver const& resolver,
                          StreamPosition const& position,
                          Seq head) {
    CAPSTAN_TRY(auto const seq, resolver(position));
    using Kind = StreamPosition::Kind;
    bool const is_time = position.kind == Kind::time || position.kind == Kind::age;
    return std::min(is_time ? Seq{seq.value - 1} : seq, head);
}

std::vector<ObjectChange> changes_between(Objects const& before, Objects const& after) {
    std::vector<ObjectChange> changes;
    for (auto const& [id, object] : before) {
        if (!after.contains(id)) {
            changes.push_back(
                {id, object.type, "removed", {{.kind = OpKind::remove, .object = id}}});
        }
    }
    for (auto const& [id, object] : after) {
        auto const at = before.find(id);
        auto ops = at == before.end() ? coalesce::assign(id, nullptr, object).value()
                                      : ops_between(id, at->second, object);
        if (!ops.empty()) {
            changes.push_back(
                {id, object.type, at == before.end() ? "inserted" : "changed", std::move(ops)});
        }
    }
    std::ranges::sort(changes, {}, &ObjectChange::object);
    return changes;
}

}  // namespace capstan::cli
