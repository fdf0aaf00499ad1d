#pragma once
#include <capstan/sdk.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "commands.hpp"

namespace capstan::cli {

/// A stream's name in a path: its slashes stay, and only braces need an escape.
std::string in_path(std::string const& stream);

/// A token as it stands in a file; `-` is a line of stdin. Errors: `not_found`.
Result<std::string> read_token_file(Context& context, std::string const& file);

/// How a command reaches the server of its command line.
class Remote {
  public:
    /// Reads the token. Errors: `request_invalid` (the address), `not_found` (the token's file).
    static Result<Remote> open(Context& context);

    /// A client that is another device each time, in memory.
    Result<Client> reader() const;
    /// The same, whose models begin with a snapshot, or do not.
    Result<Client> cold_device(bool snapshots) const;
    /// A client with a store of its own.
    Result<Client> device(std::unique_ptr<ClientStore> store) const;
    /// Where this machine's device keeps its id and its outbox for this server: of several
    /// addresses, the first one names it.
    std::string device_directory() const;

    /// Errors: `not_found` if there is no such stream.
    Result<StreamSummary> stat(std::string const& stream) const;
    /// Nothing if there is no such stream.
    Result<std::optional<StreamSummary>> find(std::string const& stream) const;
    /// Those of the streams that there are, at most kHelloStreamsMax. Errors: also why one is
    /// denied.
    Result<std::vector<StreamSummary>> find_all(std::vector<std::string> streams) const;
    Result<std::vector<StreamSummary>> list(std::string const& pattern) const;
    InquiryOptions inquiry() const;
    Result<HttpAnswer> http(std::string method, std::string path) const;
    /// Runs that follow the stream's head. Errors: as `http_request`.
    Result<HttpAnswer> import_runs(std::string const& stream, Seq head, ByteView runs) const;
    /// One event, keyless: tried once. Errors: as `http_request`.
    Result<> append_text(std::string const& stream, std::string text) const;

    /// What became of writes that an earlier `capstan append` left behind, for people; empty if
    /// there were none.
    std::string earlier_writes() const;

    Duration timeout() const { return context_->globals.timeout; }
    /// Calls once the server has turned this device down: waiting is in vain.
    /// Threading: the runtime's thread, or at once.
    void when_hopeless(std::function<void()> call) const;
    /// Nothing came in time: why, as far as the last client's status tells.
    Error no_answer() const;

  private:
    struct Health {
        std::mutex mutex;
        Status status = Status::offline;
        Error why{Errc::unavailable, {}};
        std::uint64_t earlier_confirmed = 0;
        std::optional<Error> earlier_refused;
        std::function<void()> when_hopeless;

        bool is_hopeless() const;
    };

    explicit Remote(Context& context) : context_(&context) {}
    ClientOptions client_options() const;
    ClientHandlers handlers() const;
    HttpRequestOptions request(std::string method, std::string path) const;

    Context* context_;
    std::string token_;
    std::shared_ptr<Runtime> runtime_ = Runtime::start();
    std::shared_ptr<Health> health_ = std::make_shared<Health>();
};

}  // namespace capstan::cli
