#pragma once
#include <capstan/engine/sync/client.hpp>
#include <capstan/engine/sync/replica.hpp>
#include <capstan/sdk/model_stream.hpp>
#include <capstan/sdk/store.hpp>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace capstan {

/// The models that a client keeps, who watches them, and who waits for them.
/// Threading: the loop. Lifetime: client and store outlive it.
class Models {
  public:
    Models(sync::Client& client, ClientStore& store) : client_(client), store_(store) {}

    /// Opening again changes nothing. Errors: those of the store.
    Result<> open(StreamName const& stream);
    /// Nothing if the stream was not opened as a model.
    sync::Replica* find(std::string_view stream);

    /// Effects that name a stream with a model are for it. True if they need no other reader.
    bool on(sync::Delivery const& delivery);
    bool on(sync::HoleDeclared const& hole);
    bool on(sync::SnapshotArrived const& arrived);
    bool on(sync::HistoryLost const& lost);
    bool on(sync::WriteMoved const& moved);
    void on(sync::Recovered const& recovered);
    void on(sync::StatusChanged const& changed);

    struct Watcher {
        ModelObserver observer;
        std::weak_ptr<void> watch;  // gone: so is whoever observed
    };
    void watch(std::string_view stream, Watcher watcher);
    using Reached = std::function<bool(sync::ReplicaStatus const&)>;
    /// Ready when the condition holds after some change; `cancelled` if the model goes first.
    std::future<Result<>> wait(std::string_view stream, Reached reached);

    /// The application has done something with it.
    void moved(std::string_view stream) { moved_.emplace_back(stream); }
    /// Nobody is told anything any more.
    void close() { seats_.clear(); }
    /// Tells observers what has changed since the last time, and those who wait.
    void tell();

  private:
    struct Waiter {
        Reached reached;
        std::promise<Result<>> done;
    };
    struct Seat {
        std::unique_ptr<sync::Replica> replica;
        std::vector<std::shared_ptr<Watcher>> watchers;
        std::vector<Waiter> waiters;

        ~Seat();
        void tell_watchers();
        void tell_waiters();
    };
    template <class Effect>
    bool give(Effect const& effect);

    sync::Client& client_;
    ClientStore& store_;
    std::map<std::string, Seat, std::less<>> seats_;
    std::vector<std::string> moved_;  // to be told
    bool telling_ = false;
};

}  // namespace capstan
