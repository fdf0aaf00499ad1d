#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "event_rows.hpp"
#include "remote.hpp"

namespace capstan::cli {
namespace {

/// How long a lost connection for discovery stays away.
constexpr auto kLookAgain = std::chrono::seconds(1);

/// What the runtime's thread has for the command's.
class Inbox {
  public:
    struct Found {
        StreamSummary stream;
        bool is_new = false;  // it appeared while we looked
    };

    void put(Delivery&& delivery) {
        std::lock_guard const lock(mutex_);
        deliveries_.push_back(std::move(delivery));
        changed_.notify_all();
    }
    void put(Found found) {
        std::lock_guard const lock(mutex_);
        found_.push_back(std::move(found));
        changed_.notify_all();
    }
    void lose_sight(std::optional<Error> const& why) {
        std::lock_guard const lock(mutex_);
        blind_ = why.value_or(Error{Errc::connection_closed, {}});
        changed_.notify_all();
    }
    void interrupt() {
        std::lock_guard const lock(mutex_);
        interrupted_ = true;
        changed_.notify_all();
    }

    struct Taken {
        std::deque<Delivery> deliveries;
        std::deque<Found> found;
        std::optional<Error> blind;  // discovery has ended
        bool interrupted = false;
    };
    Taken take() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] {
            return !deliveries_.empty() || !found_.empty() || blind_ || interrupted_;
        });
        return {std::exchange(deliveries_, {}),
                std::exchange(found_, {}),
                std::exchange(blind_, std::nullopt),
                interrupted_};
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Delivery> deliveries_;
    std::deque<Found> found_;
    std::optional<Error> blind_;
    bool interrupted_ = false;
};

/// Follows all streams that match, and those that appear.
class Watching {
  public:
    Watching(Context& context, Remote const& remote, Watch const& command, Client client)
        : context_(context),
          remote_(remote),
          command_(command),
          client_(std::move(client)),
          rows_(context.output, EventRows::StreamColumn::yes) {}

    Result<> run() {
        look();
        context_.surroundings.on_interrupt([inbox = inbox_] { inbox->interrupt(); });
        auto const result = show_all();
        context_.surroundings.on_interrupt({});
        return result;
    }

  private:
    Result<> show_all() {
        while (context_.output.ok()) {
            auto const taken = inbox_->take();
            if (taken.interrupted) {
                rows_.end();
                return Error{Errc::cancelled, "interrupted"};
            }
            for (auto const& found : taken.found) {
                follow(found);
            }
            for (auto const& delivery : taken.deliveries) {
                delivery.each_event(
                    [&](DeliveredEvent const& event) { rows_.add(delivery.stream, event); });
                streams_.at(delivery.stream).consumed(delivery.last);
            }
            rows_.flush();
            if (taken.blind) {
                CAPSTAN_TRY(look_again(*taken.blind));
            }
        }
        return success();
    }

    void look() {
        auto options = remote_.inquiry();
        options.patterns = {command_.pattern};
        options.follow = true;
        auto const listed = std::make_shared<bool>(false);
        inquiry_.emplace(Inquiry::start(
            std::move(options),
            {.on_stream =
                 [inbox = inbox_, listed](StreamSummary&& stream) {
                     inbox->put(Inbox::Found{std::move(stream), *listed});
                 },
             .on_listed = [listed] { *listed = true; },
             .on_end = [inbox = inbox_](auto const& why) { inbox->lose_sight(why); }}));
    }

    /// The client connects again by itself; discovery is up to us. Streams that appeared meanwhile
    /// are read from their first event.
    Result<> look_again(Error const& why) {
        auto const& entry = describe(why.code);
        if (entry.reaction == Reaction::fix || entry.reaction == Reaction::fatal) {
            return why;
        }
        if (context_.globals.verbose) {
            context_.output.note("Looking for streams again: " + to_string(why));
        }
        std::this_thread::sleep_for(kLookAgain);
        again_ = true;
        look();
        return success();
    }

    void follow(Inbox::Found const& found) {
        auto const& stream = found.stream;
        if (!stream.exists() || streams_.contains(stream.name)) {
            return;
        }
        auto const handle = client_.stream(stream.name).value();
        streams_.emplace(stream.name, handle);
        ReadFrom from{.kind = ReadFrom::Kind::seq, .seq = stream.head.next()};
        if (found.is_new || again_) {
            from.seq = Seq{1};
        } else if (command_.from) {
            from.seq = command_.from->resolve(Seq{1}, stream.head).value_or(Seq{1});
        }
        handle.subscribe(
            from,
            {.on_events = [inbox =
                               inbox_](Delivery&& delivery) { inbox->put(std::move(delivery)); },
             .consumes_itself = true});
    }

    Context& context_;
    Remote const& remote_;
    Watch const& command_;
    Client client_;
    EventRows rows_;
    std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
    std::map<std::string, Stream> streams_;
    std::optional<Inquiry> inquiry_;
    bool again_ = false;
};

}  // namespace

Result<> execute(Context& context, Watch const& command) {
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    CAPSTAN_TRY(auto client, remote.reader());
    if (command.from && !command.from->resolve(Seq{1}, Seq{1})) {
        return Error{Errc::position_invalid,
                     to_string(*command.from) + ": many streams are not searched by time"};
    }
    return Watching(context, remote, command, std::move(client)).run();
}

}  // namespace capstan::cli
