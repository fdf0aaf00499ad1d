#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <capstan/engine/tls/tls_socket.hpp>
#include <capstan/sdk/http.hpp>
#include <capstan/sdk/server_url.hpp>
#include <nlohmann/json.hpp>
#include <optional>

namespace capstan {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

constexpr std::size_t kAnswerBytesMax = 64 * 1'024 * 1'024;

/// The catalogued error in problem details.
std::optional<Error> problem_in(std::string const& body) {
    auto const json = nlohmann::json::parse(body, nullptr, false);
    if (!json.is_object() || !json.contains("code")) {
        return std::nullopt;
    }
    auto const& code = json["code"];
    auto text = code.is_string() ? code.get<std::string>() : std::string();
    if (text.starts_with("CAP-")) {
        text.erase(0, 4);
    }
    bool const numeric = !text.empty() && text.size() < 6 &&
                         text.find_first_not_of("0123456789") == std::string::npos;
    auto const number = code.is_number_unsigned() ? code.get<std::uint64_t>()
                        : numeric                 ? std::stoul(text)
                                                  : 0;
    auto const* known = number != 0 && number < 10'000
                            ? find_error(static_cast<std::uint16_t>(number))
                            : find_error(std::string_view(text));
    if (known == nullptr) {
        return std::nullopt;
    }
    auto const detail = json.find("detail");
    return Error{known->code,
                 detail != json.end() && detail->is_string() ? detail->get<std::string>() : ""};
}

Error error_from(HttpAnswer const& answer) {
    if (auto const problem = problem_in(answer.body)) {
        return *problem;
    }
    auto const text = "the server answered " + std::to_string(answer.status);
    switch (answer.status) {
        case 401:
            return Error{Errc::token_invalid, text};
        case 403:
            return Error{Errc::denied, text};
        case 404:
            return Error{Errc::not_found, text};
        case 429:
            return Error{Errc::rate_limited, text};
        case 502:
        case 503:
        case 504:
            return Error{Errc::not_ready, text};
        default:
            return Error{Errc::http_refused, text};
    }
}

/// One exchange, step by step on a context of its own.
class Exchange {
  public:
    Exchange(HttpRequestOptions const& options,
             ServerUrl const& url,
             std::shared_ptr<TlsContext const> tls)
        : options_(options), url_(url), tls_(std::move(tls)) {
        parser_.body_limit(kAnswerBytesMax);
        auto const method = http::string_to_verb(options.method);
        request_.method(method == http::verb::unknown ? http::verb::get : method);
        request_.target(url.prefix + options.path);
        request_.version(11);
        request_.set(http::field::host, url.authority());
        request_.set(http::field::connection, "close");
        if (!options.token.empty()) {
            request_.set(http::field::authorization, "Bearer " + options.token);
        }
        if (!options.content_type.empty()) {
            request_.set(http::field::content_type, options.content_type);
        }
        for (auto const& [name, value] : options.fields) {
            request_.set(name, value);
        }
        request_.body() = options.body;
        request_.prepare_payload();
    }

    Result<HttpAnswer> run() {
        resolver_.async_resolve(url_.host, url_.port, [this](ErrorCode error, auto const& found) {
            next(error, "looking up " + url_.host, [&] {
                asio::async_connect(
                    stream_.tcp(), found, [this](ErrorCode failed, tcp::endpoint const&) {
                        on_connected(failed);
                    });
            });
        });
        context_.run_for(options_.timeout);
        if (error_) {
            return *error_;
        }
        if (!done_) {
            return Error{Errc::timed_out, "no answer from " + url_.authority()};
        }
        auto& message = parser_.get();
        return HttpAnswer{message.result_int(), std::move(message.body())};
    }

    /// Something may have been sent.
    bool was_connected() const { return was_connected_; }

  private:
    void on_connected(ErrorCode error) {
        next(error, "connecting to " + url_.authority(), [this] {
            was_connected_ = true;
            if (!url_.secure) {
                return write();
            }
            stream_.start_client(*tls_, url_.host);
            stream_.async_handshake([this](ErrorCode failed) {
                next(failed, "greeting " + url_.authority(), [this] { write(); });
            });
        });
    }
    void write() {
        http::async_write(
            stream_, request_, [this](ErrorCode failed, std::size_t) { on_written(failed); });
    }
    void on_written(ErrorCode error) {
        next(error, "writing to " + url_.authority(), [this] {
            http::async_read(stream_, buffer_, parser_, [this](ErrorCode failed, std::size_t) {
                next(failed, "reading from " + url_.authority(), [this] { done_ = true; });
            });
        });
    }
    template <class Then>
    void next(ErrorCode error, std::string const& doing, Then then) {
        if (!error) {
            then();
        } else if (auto const why = stream_.why(); !why.empty()) {
            error_ = Error{Errc::tls_failed, url_.authority() + ": " + why};
        } else {
            error_ = Error{Errc::unavailable, doing + ": " + error.message()};
        }
    }

    HttpRequestOptions const& options_;
    ServerUrl const& url_;
    std::shared_ptr<TlsContext const> tls_;
    asio::io_context context_{1};
    tcp::resolver resolver_{context_};
    TlsSocket stream_{tcp::socket(context_)};
    http::request<http::string_body> request_;
    beast::flat_buffer buffer_;
    http::response_parser<http::string_body> parser_;
    std::optional<Error> error_;
    bool was_connected_ = false;
    bool done_ = false;
};

/// The first one that can be reached: what was sent once is not sent again.
Result<HttpAnswer> ask_one(HttpRequestOptions const& options,
                           ServerAddresses& servers,
                           std::shared_ptr<TlsContext const> const& tls) {
    for (std::size_t tries = 1;; ++tries, servers.next()) {
        Exchange exchange(options, servers.url(), tls);
        auto answer = exchange.run();
        if (answer || exchange.was_connected() || tries == servers.count()) {
            return answer;
        }
    }
}

}  // namespace

Result<HttpAnswer> http_request(HttpRequestOptions const& options) {
    CAPSTAN_TRY(auto servers, ServerAddresses::parse(options.url));
    std::shared_ptr<TlsContext const> tls;
    if (servers.url().secure) {
        CAPSTAN_TRY(tls, TlsContext::client(options.ca_file));
    }
    CAPSTAN_TRY(auto answer, ask_one(options, servers, tls));
    if (answer.status >= 400) {
        return error_from(answer);
    }
    return answer;
}

}  // namespace capstan
