#include "models.hpp"

#include <algorithm>
#include <capstan/engine/sync/model_records.hpp>
#include <utility>

namespace capstan {

Result<> Models::open(StreamName const& stream) {
    if (find(stream.str()) != nullptr) {
        return success();
    }
    CAPSTAN_TRY(auto const records, store_.load(sync::model_prefix(stream.str())));
    std::vector<sync::StoredRecord> views;
    for (auto const& record : records) {
        views.push_back({record.key, record.value});
    }
    seats_[stream.str()].replica = sync::Replica::open(client_, stream, views);
    return success();
}

sync::Replica* Models::find(std::string_view stream) {
    auto const found = seats_.find(stream);
    return found == seats_.end() ? nullptr : found->second.replica.get();
}

template <class Effect>
bool Models::give(Effect const& effect) {
    auto const found = seats_.find(effect.stream);
    if (found == seats_.end()) {
        return false;
    }
    found->second.replica->on(effect);
    moved(effect.stream);
    return true;
}

bool Models::on(sync::Delivery const& delivery) {
    return give(delivery);
}
bool Models::on(sync::HoleDeclared const& hole) {
    return give(hole);
}
bool Models::on(sync::SnapshotArrived const& arrived) {
    return give(arrived);
}
bool Models::on(sync::HistoryLost const& lost) {
    return give(lost);
}

bool Models::on(sync::WriteMoved const& write) {
    auto const found = seats_.find(write.stream);
    if (found == seats_.end()) {
        return false;
    }
    moved(write.stream);
    return found->second.replica->on(write);
}

void Models::on(sync::Recovered const& recovered) {
    for (auto& [stream, seat] : seats_) {
        seat.replica->on(recovered);
        moved(stream);
    }
}

void Models::on(sync::StatusChanged const&) {
    for (auto const& [stream, seat] : seats_) {
        seat.replica->resolve();  // it may be that nothing was missed
        moved(stream);
    }
}

void Models::watch(std::string_view stream, Watcher watcher) {
    auto const found = seats_.find(stream);
    if (found != seats_.end()) {
        found->second.watchers.push_back(std::make_shared<Watcher>(std::move(watcher)));
    }
}

std::future<Result<>> Models::wait(std::string_view stream, Reached reached) {
    Waiter waiter{std::move(reached), {}};
    auto done = waiter.done.get_future();
    auto const found = seats_.find(stream);
    if (found == seats_.end()) {
        waiter.done.set_value(Error{Errc::cancelled, "the client was closed"});
    } else {
        found->second.waiters.push_back(std::move(waiter));
        found->second.tell_waiters();
    }
    return done;
}

/// Observers may mutate what they observe: that is told when they have returned.
void Models::tell() {
    if (std::exchange(telling_, true)) {
        return;
    }
    while (!moved_.empty()) {
        for (auto const& stream : std::exchange(moved_, {})) {
            if (auto const at = seats_.find(stream); at != seats_.end()) {
                at->second.tell_watchers();
                at->second.tell_waiters();
            }
        }
    }
    telling_ = false;
}

Models::Seat::~Seat() {
    for (Waiter& waiter : waiters) {
        waiter.done.set_value(Error{Errc::cancelled, "the client was closed"});
    }
}

void Models::Seat::tell_watchers() {
    auto const changes = replica->take_changes();
    if (changes.empty()) {
        return;
    }
    std::erase_if(watchers, [](auto const& watcher) { return watcher->watch.expired(); });
    for (auto const& watcher : std::vector(watchers)) {
        auto const& observer = watcher->observer;
        auto const each = [&watcher](auto const& call, auto const& items) {
            for (auto const& item : items) {
                if (call && !watcher->watch.expired()) {
                    call(item);
                }
            }
        };
        each(observer.on_change, changes.changes);
        each(observer.on_conflict, changes.conflicts);
        each(observer.on_void, changes.voids);
        if (observer.on_settled && !watcher->watch.expired()) {
            observer.on_settled();
        }
    }
}

void Models::Seat::tell_waiters() {
    auto const status = replica->status();
    std::erase_if(waiters, [&status](Waiter& waiter) {
        bool const reached = waiter.reached(status);
        if (reached) {
            waiter.done.set_value(success());
        }
        return reached;
    });
}

}  // namespace capstan
