#include <capstan/sdk/model_stream.hpp>
#include <utility>

#include "model_calls.hpp"

namespace capstan {
namespace {

using Stage = sync::Outbox::Entry::Stage;

OutboxWrite write_of(sync::Outbox::Entry&& entry) {
    OutboxWrite out;
    out.id = entry.mutation.id;
    out.preceding_seq = entry.mutation.preceding_seq;
    out.expect_head = entry.mutation.expect_head;
    out.events = std::move(entry.mutation.events);
    out.state = entry.sent ? WriteState::sent : WriteState::stored;
    if (entry.stage == Stage::refused || entry.code != 0) {
        auto const* const known = find_error(entry.code);
        out.state = WriteState::refused;
        out.provisional = entry.stage != Stage::refused;
        out.error = Error{known == nullptr ? Errc::internal : known->code, {}};
    }
    return out;
}

}  // namespace

ModelStream::ModelStream(StreamName name,
                         std::weak_ptr<Shell> shell,
                         std::shared_ptr<Runtime> runtime)
    : name_(std::move(name)),
      shell_(std::move(shell)),
      runtime_(std::move(runtime)),
      watch_(std::make_shared<Watch>()) {}

ModelStream::ModelStream(ModelStream&&) noexcept = default;

ModelStream& ModelStream::operator=(ModelStream&& other) noexcept {
    std::swap(name_, other.name_);
    std::swap(shell_, other.shell_);
    std::swap(runtime_, other.runtime_);
    std::swap(watch_, other.watch_);
    return *this;
}

/// No observer runs once this returns.
ModelStream::~ModelStream() {
    if (watch_ && watch_->observes) {
        watch_.reset();
        ask(*runtime_, [] { return true; });
    }
}

Result<MutationId> ModelStream::mutate(Say const& say,
                                       sync::MutateOptions const& options,
                                       OnWrite on_write) {
    return on_replica([&](Shell* shell, sync::Replica* replica) -> Result<MutationId> {
        if (shell == nullptr) {
            return client_closed();
        }
        auto const view = replica->view();
        MutationBuilder builder(view);
        say(builder);
        CAPSTAN_TRY(auto const id, replica->mutate(builder.take(), options));
        shell->hear(id, std::move(on_write));
        shell->model_used(name_.str());
        return id;
    });
}

Result<PendingWrite> ModelStream::mutate(Say const& say, sync::MutateOptions const& options) {
    auto const outcome = std::make_shared<Outcome>();
    auto confirmed = outcome->future();
    CAPSTAN_TRY(auto const id, mutate(say, options, [outcome](WriteUpdate const& update) {
                    outcome->on_write(update);
                }));
    return PendingWrite{id, std::move(confirmed)};
}

Result<PendingWrite> ModelStream::mutate(Say const& say) {
    return mutate(say, sync::MutateOptions{});
}

Result<MutationId> ModelStream::mutate(Say const& say, OnWrite on_write) {
    return mutate(say, sync::MutateOptions{}, std::move(on_write));
}

Result<PendingWrite> ModelStream::mutate_if(Seq expect_head, Say const& say) {
    return mutate(say, sync::MutateOptions{.expect_head = expect_head});
}

Result<PendingWrite> ModelStream::mutate_if_unchanged(Say const& say) {
    // Both halves in one visit to the loop, or something could come between them.
    return ask(*runtime_, [&] { return mutate_if(status().model.applied, say); });
}

Result<std::optional<MutationId>> ModelStream::assign(std::string_view object,
                                                      ObjectValue const& whole) {
    using Assigned = Result<std::optional<MutationId>>;
    return on_replica([&](Shell* shell, sync::Replica* replica) -> Assigned {
        if (shell == nullptr) {
            return client_closed();
        }
        CAPSTAN_TRY(auto const id, replica->assign(object, whole));
        if (id) {
            shell->hear(*id, {});
            shell->model_used(name_.str());
        }
        return id;
    });
}

void ModelStream::observe(ModelObserver observer) {
    watch_->observes = true;
    go(*runtime_,
       [shell = shell_,
        name = name_,
        watch = std::weak_ptr(watch_),
        observer = std::move(observer)]() mutable {
           if (auto const alive = shell.lock()) {
               alive->models().watch(name.str(), {std::move(observer), watch});
           }
       });
}

void ModelStream::observe(std::function<void(Change const&)> on_change) {
    observe(ModelObserver{.on_change = std::move(on_change)});
}

std::optional<ModelObject> ModelStream::get(std::string_view object) const {
    return on_replica([&](Shell*, sync::Replica* replica) -> std::optional<ModelObject> {
        auto value = replica == nullptr ? std::nullopt : replica->view().get(object);
        return value ? std::optional(ModelObject{std::string(object), *std::move(value)})
                     : std::nullopt;
    });
}

std::vector<ModelObject> ModelQuery::get() const {
    return stream_.on_replica([&](Shell*, sync::Replica* replica) {
        std::vector<ModelObject> found;
        if (replica != nullptr) {
            auto const view = replica->view();
            for (auto& id : view.query(query_)) {
                auto value = *view.get(id);
                found.push_back({std::move(id), std::move(value)});
            }
        }
        return found;
    });
}

std::vector<std::string> ModelQuery::ids() const {
    return stream_.on_replica([&](Shell*, sync::Replica* replica) {
        return replica == nullptr ? std::vector<std::string>() : replica->view().query(query_);
    });
}

std::vector<ModelObject> ModelStream::objects() const {
    return on_replica([](Shell*, sync::Replica* replica) {
        std::vector<ModelObject> found;
        if (replica != nullptr) {
            auto const view = replica->view();
            for (auto& id : view.ids()) {
                auto value = *view.get(id);
                found.push_back({std::move(id), std::move(value)});
            }
        }
        return found;
    });
}

Result<std::vector<HistoryEntry>> ModelStream::history(std::string_view object,
                                                       Duration timeout) const {
    auto access = on_replica([](Shell* shell, sync::Replica*) {
        return shell == nullptr ? std::nullopt : std::optional(shell->access());
    });
    if (!access) {
        return client_closed();
    }
    CAPSTAN_TRY(auto const reader,
                Client::open({.url = std::move(access->url),
                              .token = std::move(access->token),
                              .ca_file = std::move(access->ca_file),
                              .runtime = runtime_}));
    return read_history(reader, name_, object, status().model.applied, timeout);
}

ModelStatus ModelStream::status() const {
    return on_replica([](Shell* shell, sync::Replica* replica) {
        return shell == nullptr ? ModelStatus{.client = Status::stopped, .model = {}}
                                : ModelStatus{shell->status(), replica->status()};
    });
}

std::uint64_t ModelStream::state_hash() const {
    return on_replica([](Shell*, sync::Replica* replica) {
        return replica == nullptr ? std::uint64_t{0} : replica->state_hash();
    });
}

Result<> ModelStream::wait_until(std::function<bool(sync::ReplicaStatus const&)> reached,
                                 Duration timeout) const {
    auto done = on_replica([&](Shell* shell, sync::Replica*) {
        if (shell != nullptr) {
            return shell->models().wait(name_.str(), std::move(reached));
        }
        std::promise<Result<>> gone;
        gone.set_value(client_closed());
        return gone.get_future();
    });
    if (done.wait_for(timeout) != std::future_status::ready) {
        return Error{Errc::timed_out, name_.str() + " is not there yet"};
    }
    return done.get();
}

Result<> ModelStream::wait_caught_up(Duration timeout) const {
    return wait_until([](sync::ReplicaStatus const& status) { return status.caught_up; }, timeout);
}

Result<> ModelStream::wait_for(Seq seq, Duration timeout) const {
    return wait_until([seq](sync::ReplicaStatus const& status) { return status.applied >= seq; },
                      timeout);
}

std::vector<OutboxWrite> ModelStream::outbox() const {
    return on_replica([&](Shell* shell, sync::Replica*) {
        std::vector<OutboxWrite> writes;
        auto const* const outbox = shell == nullptr ? nullptr : shell->client().outbox(name_.str());
        if (outbox != nullptr) {
            for (auto& entry : outbox->entries()) {
                if (entry.stage != Stage::acked) {
                    writes.push_back(write_of(std::move(entry)));
                }
            }
        }
        return writes;
    });
}

Result<> ModelStream::discard(MutationId write) {
    return on_replica([&](Shell* shell, sync::Replica*) -> Result<> {
        if (shell == nullptr) {
            return client_closed();
        }
        if (!shell->give_up(name_, write)) {
            return Error{Errc::not_found,
                         "no write " + std::to_string(write.value) + " that is refused or waits"};
        }
        return success();
    });
}

Result<MutationId> ModelStream::retry(MutationId write) {
    return on_replica([&](Shell* shell, sync::Replica* replica) -> Result<MutationId> {
        if (shell == nullptr) {
            return client_closed();
        }
        CAPSTAN_TRY(auto const id, replica->retry(write));
        shell->hear(id, {});
        shell->model_used(name_.str());
        return id;
    });
}

}  // namespace capstan
