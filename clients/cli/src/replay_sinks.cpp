#include "replay_sinks.hpp"

#include <capstan/importers/line_source.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "event_rows.hpp"

namespace capstan::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFilePrefix = "file:";
constexpr std::size_t kLineBytesMax = 8 << 20;

/// Lines of JSON on stdout.
class StdoutSink final : public ReplaySink {
  public:
    StdoutSink(Output& output, std::string stream) : output_(output), stream_(std::move(stream)) {}
    std::string effects() const override { return "They are written to stdout, a line each."; }
    bool acts() const override { return false; }
    Result<ReplayDone> look() override { return ReplayDone{}; }
    Result<> tell(DeliveredEvent const& event) override {
        output_.write(event_line(stream_, event) + "\n");
        return output_.ok() ? Result<>(success())
                            : Error{Errc::cancelled, "nobody reads stdout any more"};
    }
    Result<> flush() override {
        output_.flush();
        return success();
    }

  private:
    Output& output_;
    std::string stream_;
};

/// The same in a file, which itself tells how far it goes.
class FileSink final : public ReplaySink {
  public:
    FileSink(std::string path, std::string stream)
        : path_(std::move(path)), stream_(std::move(stream)) {}

    std::string effects() const override {
        return "They are written to " + path_ + ", a line each.";
    }
    bool acts() const override { return false; }

    Result<ReplayDone> look() override {
        if (std::error_code unknown; !fs::exists(path_, unknown)) {
            return ReplayDone{};
        }
        CAPSTAN_TRY(auto read, importers::open_bytes(path_));
        importers::LineSource lines(std::move(read), kLineBytesMax);
        ReplayDone done;
        for (;;) {
            CAPSTAN_TRY(auto const line, lines.next());
            if (!line || !line->has_end) {
                return done;
            }
            whole_bytes_ += line->text.size() + 1;
            auto const json = nlohmann::json::parse(line->text, nullptr, false);
            bool const is_ours =
                json.is_object() && json.value("stream", "") == stream_ && json.contains("seq");
            if (!is_ours) {
                return Error{Errc::request_invalid,
                             path_ + " holds something else: line " + std::to_string(line->number)};
            }
            done.last = Seq{json["seq"].get<std::uint64_t>()};
        }
    }

    Result<> begin() override {
        if (std::error_code unknown; fs::exists(path_, unknown)) {
            fs::resize_file(path_, whole_bytes_, unknown);  // a line that was cut off goes
        }
        out_.open(path_, std::ios::binary | std::ios::app);
        return state();
    }
    Result<> tell(DeliveredEvent const& event) override {
        out_ << event_line(stream_, event) << '\n';
        return state();
    }
    Result<> flush() override {
        out_.flush();
        return state();
    }

  private:
    Result<> state() const {
        return out_ ? Result<>(success()) : Error{Errc::disk_io, "cannot write " + path_};
    }

    std::string path_;
    std::string stream_;
    std::ofstream out_;
    std::uint64_t whole_bytes_ = 0;
};

/// An address that gets a POST for each event. What it has taken stands in a file on this machine.
class HttpSink final : public ReplaySink {
  public:
    HttpSink(HttpRequestOptions request, std::string address, std::string stream, std::string path)
        : request_(std::move(request)),
          address_(std::move(address)),
          stream_(std::move(stream)),
          path_(std::move(path)) {}

    std::string effects() const override {
        return "Each is sent to " + address_ +
               " by a POST of its own, and what is behind it acts " +
               "upon it; one whose answer was lost is sent again, under the same Idempotency-Key.";
    }
    bool acts() const override { return true; }

    Result<ReplayDone> look() override {
        ReplayDone done;
        std::ifstream(path_) >> done.last.value;
        return done;
    }
    Result<> begin() override {
        std::error_code failed;
        fs::create_directories(fs::path(path_).parent_path(), failed);
        return success();
    }

    Result<> tell(DeliveredEvent const& event) override {
        auto request = request_;
        request.body = event_line(stream_, event);
        request.content_type = "application/json";
        request.fields.emplace_back("Idempotency-Key",
                                    stream_ + "/" + std::to_string(event.seq.value));
        CAPSTAN_TRY(send(request, event.seq));
        return note(event.seq);
    }
    Result<> flush() override { return success(); }

  private:
    /// What passes is waited for, up to half a minute.
    Result<> send(HttpRequestOptions const& request, Seq seq) const {
        auto pause = std::chrono::milliseconds(250);
        constexpr auto kPauseMax = std::chrono::milliseconds(16'000);
        for (;;) {
            auto const answer = http_request(request);
            if (answer) {
                return success();
            }
            auto const reaction = describe(answer.error().code).reaction;
            bool const passes =
                reaction == Reaction::retry_later || reaction == Reaction::retry_same;
            if (!passes || pause > kPauseMax) {
                return Error{answer.error().code,
                             "event " + std::to_string(seq.value) + " to " + address_ + ": " +
                                 answer.error().detail};
            }
            std::this_thread::sleep_for(pause);
            pause *= 2;
        }
    }
    Result<> note(Seq seq) const {
        auto const fresh = path_ + ".new";
        std::ofstream(fresh) << seq.value << '\n';
        std::error_code failed;
        fs::rename(fresh, path_, failed);
        return failed ? Result<>(Error{Errc::disk_io, path_ + ": " + failed.message()}) : success();
    }

    HttpRequestOptions request_;
    std::string address_;
    std::string stream_;
    std::string path_;
};

Result<std::unique_ptr<ReplaySink>> http_sink(Context& context,
                                              Remote const& remote,
                                              Replay const& command,
                                              ReplayName const& name) {
    auto const scheme_end = command.into.find("://") + 3;
    auto const path = std::min(command.into.find('/', scheme_end), command.into.size());
    auto authority = command.into.substr(0, path);
    CAPSTAN_TRY(ServerUrl::parse(authority));
    if (authority.find(
            ':', authority.rfind(']') == std::string::npos ? scheme_end : authority.rfind(']')) ==
        std::string::npos) {
        authority += authority.starts_with("https") ? ":443" : ":80";
    }
    HttpRequestOptions request;
    request.url = authority;
    request.method = "POST";
    request.path = path == command.into.size() ? "/" : command.into.substr(path);
    request.ca_file = context.globals.ca_file;
    request.timeout = remote.timeout();
    if (!command.sink_token_file.empty()) {
        CAPSTAN_TRY(request.token, read_token_file(context, command.sink_token_file));
    }
    ReplayName with_sink = name;
    with_sink.filter += "\n" + command.into;
    auto const file = remote.device_directory() + "/replays/" + to_string(with_sink.hash());
    return std::unique_ptr<ReplaySink>(
        std::make_unique<HttpSink>(std::move(request), command.into, command.stream, file));
}

}  // namespace

Result<std::unique_ptr<ReplaySink>> make_replay_sink(Context& context,
                                                     Remote const& remote,
                                                     Replay const& command,
                                                     ReplayName const& name) {
    auto const& into = command.into;
    if (into == "-") {
        return std::unique_ptr<ReplaySink>(
            std::make_unique<StdoutSink>(context.output, command.stream));
    }
    if (into.starts_with(kFilePrefix)) {
        return std::unique_ptr<ReplaySink>(
            std::make_unique<FileSink>(into.substr(kFilePrefix.size()), command.stream));
    }
    if (into.starts_with("http://") || into.starts_with("https://")) {
        return http_sink(context, remote, command, name);
    }
    CAPSTAN_TRY(auto stream, StreamName::parse(into));
    return make_stream_sink(context, remote, std::move(stream), name);
}

}  // namespace capstan::cli
