#pragma once
#include <boost/intrusive/list.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <capstan/schema/ids.hpp>
#include <cstdint>
#include <memory>
#include <string>

namespace capstan {

class DeviceSession;
struct Topic;

namespace bi = boost::intrusive;

/// A stream in a session: the handle is known to the peer; events may be wanted.
/// It stands in exactly one list, or in none where `state` is `known`:
///   live      -> its topic's; cursor is the head
///   lagging   -> its session's; what follows the cursor is on the tape
///   appeared  -> its session's; the peer hasn't been told the handle yet
///   found     -> its session's; the same, and it belongs into the answer to Hello
struct Subscription : bi::list_base_hook<bi::link_mode<bi::auto_unlink>> {
    enum class State : std::uint8_t { known, appeared, found, lagging, live };

    Subscription(DeviceSession& of, Topic& in) : session(of), topic(in) {}

    DeviceSession& session;
    Topic& topic;
    Seq cursor;  // the last event handed to the connection, or held by the device before
    Seq acked;   // what the device says it holds durably
    State state = State::known;
    bool may_read = false;
    bool may_write = false;
    bool wanted = false;  // events are sent; `appeared` remembers it
};
using SubscriptionList = bi::list<Subscription, bi::constant_time_size<false>>;

/// A stream that sessions have a handle of.
struct Topic {
    StreamNumber number;
    std::string name;
    SubscriptionList live;
    std::size_t users = 0;  // subscriptions, live or not
};

class Topics {
  public:
    Topic* find(StreamNumber number) {
        auto const at = topics_.find(number.value);
        return at == topics_.end() ? nullptr : at->second.get();
    }
    /// Precondition of both: each `enter` has its `leave`.
    Topic& enter(StreamNumber number, std::string_view name) {
        auto& topic = topics_[number.value];
        if (topic == nullptr) {
            topic = std::make_unique<Topic>();
            topic->number = number;
            topic->name = name;
        }
        topic->users += 1;
        return *topic;
    }
    void leave(Topic& topic) {
        if (--topic.users == 0) {
            topics_.erase(topic.number.value);
        }
    }

  private:
    boost::unordered_flat_map<std::uint32_t, std::unique_ptr<Topic>> topics_;
};

}  // namespace capstan
