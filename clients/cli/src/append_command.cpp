#include <algorithm>
#include <capstan/schema/body.hpp>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "remote.hpp"

namespace capstan::cli {
namespace {

/// Bytes of events that wait for the server's answer; then reading stdin waits, too.
constexpr std::size_t kWaitingBytesMax = 8 << 20;
/// Then whoever waits is told that nothing comes.
constexpr Duration kSilenceMax = std::chrono::seconds(1);

bool is_json_composite(std::string const& text) {
    auto const start = text.find_first_not_of(" \t\r\n");
    return start != std::string::npos && (text[start] == '{' || text[start] == '[') &&
           nlohmann::json::accept(text);
}

Result<Body> body_from(std::string content, Append const& command) {
    Body body{.content = std::move(content), .type = command.type};
    switch (command.form) {
        case BodyForm::automatic:
            body.kind = !is_utf8(body.content)            ? Body::Kind::bytes
                        : is_json_composite(body.content) ? Body::Kind::json
                                                          : Body::Kind::text;
            return body;
        case BodyForm::text:
            if (!is_utf8(body.content)) {
                return Error{Errc::request_invalid, "a body is not UTF-8; give --as bytes"};
            }
            return body;
        case BodyForm::json:
            if (!nlohmann::json::accept(body.content)) {
                return Error{Errc::request_invalid, "not JSON: " + body.content.substr(0, 80)};
            }
            body.kind = Body::Kind::json;
            return body;
        case BodyForm::bytes:
            body.kind = Body::Kind::bytes;
            return body;
    }
    return body;
}

/// What became of the writes so far. Told on the runtime's thread, asked on the command's.
class Tally {
  public:
    void sent(std::size_t bytes) {
        std::lock_guard const lock(mutex_);
        waiting_ += 1;
        waiting_bytes_ += bytes;
    }
    void on_write(WriteUpdate const& update, std::size_t events, std::size_t bytes) {
        std::lock_guard const lock(mutex_);
        last_sign_ = std::chrono::steady_clock::now();
        if (!update.is_final()) {
            note_denial(update);
            return;
        }
        waiting_ -= 1;
        waiting_bytes_ -= bytes;
        if (update.error) {
            error_ = error_ ? error_ : update.error;
        } else {
            events_ += events;
            note_place(update.first, update.last);
        }
        changed_.notify_all();
    }
    void interrupt() {
        std::lock_guard const lock(mutex_);
        interrupted_ = true;
        changed_.notify_all();
    }
    /// No answer is to be expected, so waiting is in vain.
    void give_up() {
        std::lock_guard const lock(mutex_);
        hopeless_ = true;
        changed_.notify_all();
    }
    /// Until at most so much waits, or something was refused. False: nothing has moved for
    /// `timeout`, or nothing will.
    bool wait(std::size_t waiting_bytes_max, Duration timeout) {
        std::unique_lock lock(mutex_);
        last_sign_ = std::max(last_sign_, std::chrono::steady_clock::now());
        auto const enough = [&] {
            return waiting_bytes_ <= waiting_bytes_max || error_ || interrupted_;
        };
        while (!enough()) {
            if (hopeless_) {
                return false;
            }
            auto const deadline = last_sign_ + timeout;
            if (changed_.wait_until(lock, deadline) == std::cv_status::timeout && !enough() &&
                last_sign_ + timeout <= std::chrono::steady_clock::now()) {
                return false;
            }
        }
        return true;
    }

    bool is_hopeless() const {
        std::lock_guard const lock(mutex_);
        return hopeless_;
    }
    std::optional<Error> error() const {
        std::lock_guard const lock(mutex_);
        return interrupted_ && !error_ ? Error{Errc::cancelled, "interrupted"} : error_;
    }
    struct Sum {
        std::uint64_t events;
        Seq first;
        Seq last;
        std::size_t waiting;
    };
    Sum sum() const {
        std::lock_guard const lock(mutex_);
        return {events_, first_, last_, waiting_};
    }

  private:
    /// Not for good, since the token may get the right; but not in this command's time.
    void note_denial(WriteUpdate const& update) {
        if (update.error && update.error->code == Errc::denied) {
            error_ = error_ ? error_ : update.error;
            changed_.notify_all();
        }
    }
    /// Of a duplicate nobody may know the place any more.
    void note_place(Seq first, Seq last) {
        if (first != Seq{}) {
            first_ = first_ == Seq{} ? first : std::min(first_, first);
            last_ = std::max(last_, last);
        }
    }

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::chrono::steady_clock::time_point last_sign_;
    std::size_t waiting_ = 0;
    std::size_t waiting_bytes_ = 0;
    std::uint64_t events_ = 0;
    Seq first_;
    Seq last_;
    std::optional<Error> error_;
    bool interrupted_ = false;
    bool hopeless_ = false;
};

/// Publishes bodies as they come, `batch` of them together.
class Appender {
  public:
    Appender(Stream stream, Append const& command, Context& context)
        : stream_(std::move(stream)),
          command_(command),
          context_(context),
          expect_(command.expect) {}

    Result<> add(std::string content) {
        CAPSTAN_TRY(auto body, body_from(std::move(content), command_));
        auto bytes = encode_event(to_event(std::move(body)));
        if (batch_bytes_ + bytes.size() > sync::kRunBytesTarget ||
            batch_.size() == command_.batch) {
            CAPSTAN_TRY(flush());
        }
        batch_bytes_ += bytes.size();
        batch_.push_back(std::move(bytes));
        return batch_.size() == command_.batch ? flush() : success();
    }

    /// Errors: what was refused so far; `timed_out`.
    Result<> flush() {
        if (batch_.empty()) {
            return success();
        }
        PublishOptions const options{.expect_head = expect_, .preceding = kAtHead};
        if (expect_) {
            expect_ = expect_->plus(batch_.size());
        }
        auto const bytes = std::exchange(batch_bytes_, 0);
        auto const events = batch_.size();
        tally_->sent(bytes);
        stream_.publish(std::exchange(batch_, {}),
                        options,
                        [tally = tally_, events, bytes](WriteUpdate const& update) {
                            tally->on_write(update, events, bytes);
                        });
        return settle(kWaitingBytesMax);
    }
    Result<> finish() {
        CAPSTAN_TRY(flush());
        return settle(0);
    }
    std::shared_ptr<Tally> const& tally() { return tally_; }

  private:
    Result<> settle(std::size_t waiting_bytes_max) {
        if (!wait(waiting_bytes_max, context_.globals.timeout)) {
            return Error{Errc::timed_out, {}};
        }
        auto const error = tally_->error();
        return error ? Result<>(*error) : success();
    }
    bool wait(std::size_t waiting_bytes_max, Duration timeout) {
        if (timeout > kSilenceMax && !is_silence_told_) {
            if (tally_->wait(waiting_bytes_max, kSilenceMax)) {
                return true;
            }
            tell_silence();
            timeout -= kSilenceMax;
        }
        return tally_->wait(waiting_bytes_max, timeout);
    }
    void tell_silence() {
        is_silence_told_ = true;
        if (!tally_->is_hopeless()) {
            auto const rest =
                std::chrono::ceil<std::chrono::seconds>(context_.globals.timeout - kSilenceMax);
            context_.output.note("No answer from " + context_.globals.server +
                                 " yet; waiting for another " + std::to_string(rest.count()) +
                                 " s.");
        }
    }

    Stream stream_;
    Append const& command_;
    Context& context_;
    std::optional<Seq> expect_;
    bool is_silence_told_ = false;
    std::vector<Bytes> batch_;
    std::size_t batch_bytes_ = 0;
    std::shared_ptr<Tally> tally_ = std::make_shared<Tally>();
};

Result<> add_all(Context& context, Append const& command, Appender& appender) {
    if (command.body) {
        CAPSTAN_TRY(appender.add(*command.body));
    } else if (!command.file.empty()) {
        std::ifstream in(command.file, std::ios::binary);
        if (!in) {
            return Error{Errc::not_found, "file " + command.file};
        }
        CAPSTAN_TRY(appender.add(std::string(std::istreambuf_iterator<char>(in), {})));
    } else {
        while (auto line = context.surroundings.in.line()) {
            CAPSTAN_TRY(appender.add(std::move(*line)));
        }
    }
    return appender.finish();
}

/// The store of this machine's device; in memory where it is in use, or another one is wanted.
struct ChosenStore {
    std::unique_ptr<ClientStore> store;
    bool lasts = false;
};

Result<ChosenStore> choose_store(Context& context,
                                 Remote const& remote,
                                 DeviceChoice const& choice) {
    if (choice.fresh) {
        return ChosenStore{make_memory_store(), false};
    }
    if (choice.id) {
        auto key = sync::device_key();
        auto value = sync::encode(key, sync::DeviceRecord{.device = *choice.id});
        std::vector<ClientStore::Record> records;
        records.push_back({std::move(key), std::move(value)});
        return ChosenStore{make_memory_store(std::move(records)), false};
    }
    auto const directory = remote.device_directory();
    std::error_code failed;
    std::filesystem::create_directories(directory, failed);
    auto store = open_disk_store(directory);
    if (store) {
        return ChosenStore{std::move(store.value()), true};
    }
    if (store.error().code != Errc::journal_locked) {
        return store.error();
    }
    if (context.globals.verbose) {
        context.output.note("This machine's device is in use (" + store.error().detail +
                            "); appending as a new one.");
    }
    return ChosenStore{make_memory_store(), false};
}

void report(Context& context, Append const& command, Tally::Sum const& sum) {
    show(context.output,
         {{.key = "stream"}, {.key = "events"}, {.key = "first"}, {.key = "last"}},
         {command.stream, sum.events, sum.first.value, sum.last.value});
    if (context.surroundings.err_is_terminal && sum.events != 0) {
        context.output.note("Read them: capstan read " + command.stream +
                            " --from=" + std::to_string(sum.first.value));
    }
}

/// With the head that was met instead of the expected one.
Error with_head(Remote const& remote, Append const& command, Tally::Sum const& sum, Error why) {
    if (why.code == Errc::position_conflict && command.expect) {
        if (auto const stream = remote.find(command.stream)) {
            auto const head = stream.value() ? stream.value()->head : Seq{};
            why.detail = "expected head " + std::to_string(command.expect->plus(sum.events).value) +
                         ", server has " + std::to_string(head.value);
        }
    }
    return why;
}

constexpr char kStored[] =
    "the events are stored on this machine, and the next `capstan append` to this server sends "
    "them: do not append them again";

/// What is to be said when no answer came.
Error unanswered(Remote const& remote, Tally::Sum const& sum, bool store_lasts) {
    auto why = remote.no_answer();
    why.detail += "; ";
    why.detail += store_lasts ? kStored : std::to_string(sum.waiting) + " publishes have no answer";
    return why;
}

/// What is to be said when the token does not allow it.
Error not_allowed(Append const& command, Error why, bool store_lasts) {
    why.detail = command.stream + (why.detail.empty() ? "" : " " + why.detail);
    if (store_lasts) {
        why.detail +=
            "; the events stay on this machine, and the next `capstan append` to this server whose "
            "token may write there sends them: do not append them again";
    }
    return why;
}

}  // namespace

Result<> execute(Context& context, Append const& command) {
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    CAPSTAN_TRY(auto chosen, choose_store(context, remote, command.device));
    CAPSTAN_TRY(auto const client, remote.device(std::move(chosen.store)));
    CAPSTAN_TRY(auto stream, client.stream(command.stream));
    Appender appender(std::move(stream), command, context);
    context.surroundings.on_interrupt([&appender] { appender.tally()->interrupt(); });
    remote.when_hopeless([tally = appender.tally()] { tally->give_up(); });
    auto added = add_all(context, command, appender);
    context.surroundings.on_interrupt({});
    auto const sum = appender.tally()->sum();
    if (auto const earlier = remote.earlier_writes(); !earlier.empty()) {
        context.output.note(earlier);
    }
    if (sum.events > 0 || added) {
        report(context, command, sum);
    }
    if (added) {
        return success();
    }
    if (sum.events > 0) {
        context.code = ExitCode::partial;
    }
    switch (added.error().code) {
        case Errc::timed_out:
            return unanswered(remote, sum, chosen.lasts);
        case Errc::cancelled:
            if (sum.waiting > 0 && chosen.lasts) {
                context.output.note(std::string("Interrupted; ") + kStored + ".");
            }
            return added.error();
        case Errc::denied:
            return not_allowed(command, added.error(), chosen.lasts);
        default:
            return with_head(remote, command, sum, added.error());
    }
}

}  // namespace capstan::cli
