#include "remote.hpp"

#include <fstream>
#include <iterator>
#include <utility>

namespace capstan::cli {
Result<std::string> read_token_file(Context& context, std::string const& file) {
    std::string token;
    if (file == "-") {
        token = context.surroundings.in.line().value_or("");
    } else {
        std::ifstream in(file, std::ios::binary);
        if (!in) {
            return Error{Errc::not_found, "token file " + file};
        }
        token.assign(std::istreambuf_iterator<char>(in), {});
    }
    token.erase(token.find_last_not_of(" \t\r\n") + 1);
    return token;
}

Result<Remote> Remote::open(Context& context) {
    CAPSTAN_TRY(ServerAddresses::parse(context.globals.server));
    Remote remote(context);
    if (!context.globals.token_file.empty()) {
        CAPSTAN_TRY(remote.token_, read_token_file(context, context.globals.token_file));
    }
    return remote;
}

ClientHandlers Remote::handlers() const {
    auto const remember = [health = health_](Error const& why) {
        std::lock_guard const lock(health->mutex);
        health->why = why;
    };
    return {.on_status =
                [health = health_, remember](Status status, Error const& why) {
                    if (!why.detail.empty()) {
                        remember(why);
                    }
                    std::lock_guard const lock(health->mutex);
                    health->status = status;
                    if (health->is_hopeless() && health->when_hopeless) {
                        health->when_hopeless();
                    }
                },
            .on_stored_write =
                [health = health_](std::string const&, WriteUpdate const& update) {
                    std::lock_guard const lock(health->mutex);
                    health->earlier_confirmed += update.state == WriteState::confirmed ? 1 : 0;
                    if (update.is_final() && update.error) {
                        health->earlier_refused = update.error;
                    }
                },
            .on_trouble = remember};
}

Result<Client> Remote::reader() const {
    return device(make_memory_store());
}

Result<Client> Remote::cold_device(bool snapshots) const {
    auto options = client_options();
    options.snapshots = snapshots;
    return Client::open(std::move(options), handlers());
}

Result<Client> Remote::device(std::unique_ptr<ClientStore> store) const {
    auto options = client_options();
    options.custom_store = std::move(store);
    return Client::open(std::move(options), handlers());
}

ClientOptions Remote::client_options() const {
    ClientOptions options;
    options.url = context_->globals.server;
    options.token = token_;
    options.ca_file = context_->globals.ca_file;
    options.agent = "capstan";
    options.runtime = runtime_;
    return options;
}

std::string Remote::device_directory() const {
    auto const variable = [this](std::string_view name) {
        return context_->surroundings.environment(name).value_or("");
    };
    auto base = variable("XDG_STATE_HOME");
    if (base.empty()) {
        base = variable("HOME") + "/.local/state";
    }
    auto const url = ServerAddresses::parse(context_->globals.server).value().first();
    auto name = url.authority() + url.prefix;
    for (char& c : name) {
        c = c == '/' ? '_' : c;
    }
    return base + "/capstan/" + name;
}

InquiryOptions Remote::inquiry() const {
    InquiryOptions options;
    options.url = context_->globals.server;
    options.token = token_;
    options.ca_file = context_->globals.ca_file;
    options.timeout = timeout();
    options.runtime = runtime_;
    return options;
}

Result<std::vector<StreamSummary>> Remote::find_all(std::vector<std::string> streams) const {
    auto options = inquiry();
    options.streams = std::move(streams);
    CAPSTAN_TRY(auto found, inquire(std::move(options)));
    for (auto const& stream : found) {
        if (stream.denied) {
            return Error{stream.denied->code, stream.name + " " + stream.denied->detail};
        }
    }
    std::erase_if(found, [](StreamSummary const& stream) { return !stream.exists(); });
    return found;
}

Result<std::optional<StreamSummary>> Remote::find(std::string const& stream) const {
    CAPSTAN_TRY(auto found, find_all({stream}));
    return found.empty() ? std::optional<StreamSummary>() : std::move(found.front());
}

Result<StreamSummary> Remote::stat(std::string const& stream) const {
    CAPSTAN_TRY(auto found, find(stream));
    if (!found) {
        return Error{Errc::not_found, "stream " + stream};
    }
    return std::move(*found);
}

Result<std::vector<StreamSummary>> Remote::list(std::string const& pattern) const {
    auto options = inquiry();
    options.patterns = {pattern};
    return inquire(std::move(options));
}

Result<HttpAnswer> Remote::http(std::string method, std::string path) const {
    return http_request(request(std::move(method), std::move(path)));
}

std::string in_path(std::string const& stream) {
    std::string out;
    for (char const c : stream) {
        out += c == '{' ? "%7B" : c == '}' ? "%7D" : std::string(1, c);
    }
    return out;
}

Result<> Remote::append_text(std::string const& stream, std::string text) const {
    auto options = request("POST", "/v1/events/" + in_path(stream));
    options.body = std::move(text);
    options.content_type = "text/plain";
    CAPSTAN_TRY(http_request(options));
    return success();
}

Result<HttpAnswer> Remote::import_runs(std::string const& stream, Seq head, ByteView runs) const {
    auto options = request("POST", "/v1/import/" + in_path(stream));
    options.body = as_text(runs);
    options.content_type = "application/octet-stream";
    options.fields.emplace_back("If-Match", std::to_string(head.value));
    return http_request(options);
}

HttpRequestOptions Remote::request(std::string method, std::string path) const {
    HttpRequestOptions options;
    options.url = context_->globals.server;
    options.method = std::move(method);
    options.path = std::move(path);
    options.token = token_;
    options.ca_file = context_->globals.ca_file;
    options.timeout = timeout();
    return options;
}

std::string Remote::earlier_writes() const {
    std::lock_guard const lock(health_->mutex);
    std::string text;
    if (health_->earlier_confirmed != 0) {
        text = "An earlier `capstan append` had left " +
               std::to_string(health_->earlier_confirmed) + " publishes, which are confirmed now.";
    }
    if (health_->earlier_refused) {
        text += std::string(text.empty() ? "" : " ") +
                "What an earlier `capstan append` had left was refused: " +
                to_string(*health_->earlier_refused);
    }
    return text;
}

bool Remote::Health::is_hopeless() const {
    return status == Status::needs_auth || status == Status::blocked;
}

void Remote::when_hopeless(std::function<void()> call) const {
    std::lock_guard const lock(health_->mutex);
    if (health_->is_hopeless()) {
        call();
    }
    health_->when_hopeless = std::move(call);
}

Error Remote::no_answer() const {
    std::lock_guard const lock(health_->mutex);
    bool const connected =
        health_->status == Status::live || health_->status == Status::catching_up;
    if (connected) {
        return Error{Errc::timed_out, "nothing from " + context_->globals.server + " in time"};
    }
    bool const told = health_->is_hopeless() || health_->why.code == Errc::tls_failed;
    return Error{told ? health_->why.code : Errc::unavailable,
                 health_->why.detail.empty() ? context_->globals.server : health_->why.detail};
}

}  // namespace capstan::cli
