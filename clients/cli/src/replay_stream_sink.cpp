#include <capstan/schema/hash.hpp>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <utility>

#include "author_devices.hpp"
#include "replay_sinks.hpp"
#include "stream_reading.hpp"

namespace capstan::cli {
namespace {

/// A publish is as large as this, or holds so many events.
constexpr std::size_t kRunBytes = 64 * 1'024;
constexpr std::size_t kRunEvents = 256;
/// Under way at a time.
constexpr std::size_t kEventsUnderWay = 16 * kRunEvents;

DeviceId device_of(ReplayName const& name) {
    auto const hash = name.hash();
    DeviceId device;
    std::memcpy(device.bytes.data(), &hash.low, sizeof hash.low);
    std::memcpy(device.bytes.data() + sizeof hash.low, &hash.high, sizeof hash.high);
    return device;
}

class StreamSink final : public ReplaySink {
  public:
    StreamSink(Context& context, Remote const& remote, StreamName stream, ReplayName const& name)
        : context_(context),
          remote_(remote),
          stream_(std::move(stream)),
          is_own_stream_(name.stream == stream_.str()),
          device_(device_of(name)),
          devices_(remote) {}
    ~StreamSink() override {
        if (handle_) {
            devices_.end(device_);
        }
    }

    std::string effects() const override {
        return "They are published to " + stream_.str() + " as new events of device " +
               to_string(device_) + ", with new seqs and times of now; everybody who follows it " +
               "gets them, and its models change.";
    }
    bool acts() const override { return true; }

    /// The device's last counter is the number of events that are there.
    Result<ReplayDone> look() override {
        if (is_own_stream_) {
            return Error{Errc::usage, "a stream cannot be replayed into itself"};
        }
        CAPSTAN_TRY(auto const known, remote_.find(stream_.str()));
        if (!known) {
            return ReplayDone{};
        }
        generation_ = known->generation;
        CAPSTAN_TRY(auto const reader, remote_.reader());
        auto const visit = [this](DeliveredEvent const& event, Attempt attempt) -> Result<> {
            if (event.dot.device == device_) {
                state_ = importers::AuthorState{{event.dot.counter, attempt}, event.preceding_seq};
            }
            return success();
        };
        CAPSTAN_TRY(read_whole_stream(context_, remote_, reader, *known, visit, [](Seq) {}));
        return ReplayDone{{}, state_ ? state_->last.counter.value : 0};
    }

    Result<> begin() override {
        if (state_) {
            devices_.know(stream_, generation_, {{device_, *state_}});
        }
        CAPSTAN_TRY(handle_, devices_.begin(device_, stream_));
        return success();
    }

    Result<> accepts(DeliveredEvent const& event) const override {
        if ((event.flags & RunFlags::needs_window) == 0) {
            return success();
        }
        return Error{Errc::request_invalid,
                     "event " + std::to_string(event.seq.value) +
                         " edits a text or list at places that only its own stream has: leave it "
                         "out by a filter, or move the stream by `capstan export` and `import`"};
    }

    Result<> tell(DeliveredEvent const& event) override {
        bytes_ += event.bytes.size();
        run_.emplace_back(event.bytes.begin(), event.bytes.end());
        return run_.size() >= kRunEvents || bytes_ >= kRunBytes ? send() : success();
    }

    Result<> flush() override {
        CAPSTAN_TRY(send());
        return wait_down_to(0);
    }

    void interrupt() override {
        std::lock_guard const lock(answers_->mutex);
        answers_->error = answers_->error.value_or(Error{Errc::cancelled, "interrupted"});
        answers_->changed.notify_all();
    }

  private:
    /// Told on the runtime's thread.
    struct Answers {
        std::mutex mutex;
        std::condition_variable changed;
        std::size_t under_way = 0;  // events
        std::optional<Error> error;
    };

    Result<> send() {
        if (run_.empty()) {
            return success();
        }
        CAPSTAN_TRY(wait_down_to(kEventsUnderWay));
        auto run = std::exchange(run_, {});
        bytes_ = 0;
        {
            std::lock_guard const lock(answers_->mutex);
            answers_->under_way += run.size();
        }
        auto const on_write = [answers = answers_, events = run.size()](WriteUpdate const& update) {
            if (update.is_final()) {
                std::lock_guard const lock(answers->mutex);
                answers->under_way -= events;
                answers->error = answers->error ? answers->error : update.error;
                answers->changed.notify_all();
            }
        };
        handle_->publish(std::move(run), {.preceding = kAtHead}, on_write);
        return success();
    }

    Result<> wait_down_to(std::size_t events) {
        std::unique_lock lock(answers_->mutex);
        while (!answers_->error && answers_->under_way > events) {
            auto const before = answers_->under_way;
            answers_->changed.wait_for(lock, remote_.timeout(), [&] {
                return answers_->error || answers_->under_way < before;
            });
            if (!answers_->error && answers_->under_way == before) {
                return remote_.no_answer();
            }
        }
        return answers_->error ? Result<>(*answers_->error) : success();
    }

    Context& context_;
    Remote const& remote_;
    StreamName stream_;
    bool is_own_stream_;
    DeviceId device_;
    Generation generation_;
    std::optional<importers::AuthorState> state_;
    AuthorDevices devices_;
    std::optional<Stream> handle_;
    std::vector<Bytes> run_;
    std::size_t bytes_ = 0;
    std::shared_ptr<Answers> answers_ = std::make_shared<Answers>();
};

}  // namespace

Hash128 ReplayName::hash() const {
    auto const text =
        "capstan replay\n" + stream + "\n" + std::to_string(from.value) + "\n" + filter;
    return hash128(as_bytes(text));
}

std::unique_ptr<ReplaySink> make_stream_sink(Context& context,
                                             Remote const& remote,
                                             StreamName stream,
                                             ReplayName const& name) {
    return std::make_unique<StreamSink>(context, remote, std::move(stream), name);
}

}  // namespace capstan::cli
