#pragma once
#include <capstan/engine/runtime/clock.hpp>
#include <capstan/engine/runtime/executor.hpp>
#include <capstan/engine/runtime/random.hpp>
#include <capstan/engine/runtime/transport.hpp>
#include <capstan/engine/sync/client.hpp>
#include <capstan/sdk/client.hpp>
#include <capstan/sdk/server_url.hpp>
#include <capstan/sdk/store.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models.hpp"

namespace capstan {

/// The world of a shell. All outlive it.
struct ShellSeams {
    Executor& loop;
    Executor* disk;  // where the store is written, in order; none: at once, on the loop
    Clock& clock;
    Random& random;
    Transport& transport;
};

/// How to reach the server, and as whom.
struct ServerAccess {
    ServerAddresses servers;
    std::string url;  // all of them, as they were written
    std::string token;
    std::string ca_file;
};

/// Carries out what the state machine of a client wants: connections, transactions, timers, and
/// calls of the application's handlers.
///
/// Effects are steps in a queue. Their transactions go to the store in order, gathered while an
/// earlier one is written; a step that is to be durable first, and with it all behind it, waits.
///
/// Threading: the loop. Lifetime: what it has posted keeps it alive, until `stop` is done.
class Shell final : public std::enable_shared_from_this<Shell> {
  public:
    /// Errors: those of the store and of `sync::Client::open`.
    static Result<std::shared_ptr<Shell>> open(ShellSeams const& seams,
                                               ServerAccess access,
                                               sync::ClientOptions options,
                                               std::unique_ptr<ClientStore> store,
                                               ClientHandlers handlers);
    ~Shell();

    void start();
    /// Final. `stopped` is posted once the store is at rest and all connections are closed; no
    /// handler is called after that.
    void stop(Task stopped);

    void publish(StreamName const& stream,
                 std::vector<Bytes> events,
                 PublishOptions const& options,
                 OnWrite on_write);
    void subscribe(StreamName const& stream, ReadFrom from, SubscriptionHandlers handlers);
    void unsubscribe(StreamName const& stream);
    void consumed(StreamName const& stream, Seq seq);
    void set_token(std::string token);
    void retry();

    /// Opens a stream as a model. Errors: as Models::open; `cancelled` (stopped).
    Result<> open_model(StreamName const& stream);
    Models& models() { return *models_; }
    /// What has become of a write of this opening from now on.
    void hear(sync::MutationId write, OnWrite on_write);
    /// The application forgets a write that was refused, or takes back one that is not under way.
    bool give_up(StreamName const& stream, sync::MutationId write);
    /// To be called when the application has used a model: what it wants is carried out, what
    /// changed is told.
    void model_used(std::string const& stream);
    sync::Client const& client() const { return *client_; }

    ServerAccess const& access() const { return access_; }
    DeviceId const& device() const { return client_->device(); }
    Status status() const { return client_->status(); }
    std::string transitions() const { return client_->transitions().text(); }

  private:
    class Line;
    struct Step {
        std::uint64_t needs = 0;  // the transaction that is to be stored before
        std::vector<sync::Effect> then;
    };

    Shell(ShellSeams const& seams, ServerAccess access, std::unique_ptr<ClientStore> store);
    Instant now() const { return seams_.clock.now(); }
    void pump_soon();
    void pump();
    void write_next();
    void on_written(Result<> const& result, std::uint64_t transaction);
    void advance();
    void wake_at(std::optional<Instant> at);
    void finish_if_at_rest();

    void carry_out(sync::Connect& effect);
    void carry_out(sync::Send& effect);
    void carry_out(sync::Close& effect);
    void carry_out(sync::Delivery& effect);
    void carry_out(sync::WriteMoved& effect);
    void carry_out(sync::HoleDeclared& effect);
    void carry_out(sync::SnapshotArrived& effect);
    void carry_out(sync::HistoryLost& effect);
    void carry_out(sync::Recovered& effect);
    void carry_out(sync::StatusChanged& effect);
    void carry_out(sync::Trouble& effect);
    std::shared_ptr<SubscriptionHandlers> subscription(std::string const& stream) const;
    bool tell(sync::WriteMoved const& effect, WriteUpdate const& update);

    ShellSeams seams_;
    ServerAccess access_;
    ClientHandlers handlers_;
    std::shared_ptr<ClientStore> store_;  // shared with the write under way
    std::unique_ptr<sync::Client> client_;
    std::unique_ptr<Models> models_;
    std::map<std::uint64_t, std::unique_ptr<Line>> lines_;  // open, or closing
    std::map<sync::MutationId, OnWrite> writes_;
    std::map<std::string, std::shared_ptr<SubscriptionHandlers>> subscriptions_;

    std::deque<Step> steps_;
    std::vector<sync::Effect> due_;  // of the step at hand, the next one last
    std::vector<sync::Write> unwritten_;
    std::uint64_t taken_ = 0;   // transactions given by the client
    std::uint64_t stored_ = 0;  // <= taken_
    bool writing_ = false;
    bool store_failed_ = false;

    bool pump_posted_ = false;
    std::unique_ptr<Timer> alarm_;
    std::optional<Instant> alarm_at_;
    Task stopped_;
};

}  // namespace capstan
