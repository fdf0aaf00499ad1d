#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/algorithm/string/predicate.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <capstan/engine/tls/tls_socket.hpp>
#include <capstan/server/net/head_guard.hpp>

#include "connections.hpp"
#include "websocket_upgrade.hpp"

namespace capstan {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr std::size_t kReadBytes = 4'096;
constexpr std::string_view kSyncPath = "/v1/sync";

/// Requests of one connection, one after another.
class HttpConnection final : public Connection {
  public:
    HttpConnection(std::shared_ptr<ConnectionHub> hub, tcp::socket socket)
        : Connection(std::move(hub)), socket_(std::move(socket)) {}

    void start() {
        boost::system::error_code ignored;
        socket_.tcp().set_option(tcp::no_delay(true), ignored);
        if (hub_.options.tls == nullptr) {
            read_head();
            return;
        }
        deadline_ = now().plus(hub_.options.head_max);
        socket_.start_server(*hub_.options.tls);
        socket_.async_handshake([this, self = self()](auto const& error) {
            if (!is_open()) {
                return;
            }
            if (!error) {
                read_head();
            } else if (error != asio::error::operation_aborted) {
                on_no_handshake();
            }
        });
    }

    void on_tick(Instant now) override {
        if (now > deadline_) {
            ++hub_.counters.timed_out;
            abort();
        }
    }

    void abort() override {
        socket_.close();
        flow_.reset();
    }

  private:
    std::shared_ptr<HttpConnection> self() {
        return std::static_pointer_cast<HttpConnection>(shared_from_this());
    }

    /// False once it is aborted. What had succeeded by then is told afterwards, as a success.
    bool is_open() { return socket_.tcp().is_open(); }

    /// Who came with plain HTTP is told so; nobody else would understand an answer.
    void on_no_handshake() {
        ++hub_.counters.refused_handshakes;
        bool const plain_http = socket_.heard_plain_http();
        socket_.forget_tls();
        if (plain_http) {
            respond(problem(400, {Errc::http_refused, "this port speaks HTTPS"}), false, false);
        } else {
            finish();
        }
    }

    void read_head() {
        if (auto const end = find_head_end(input_)) {
            on_head(*end);
            return;
        }
        if (input_.size() > kHttpHeadBytesMax) {
            refuse({431, "a head above the limit"});
            return;
        }
        deadline_ = input_.empty() ? now().plus(hub_.options.idle_max)
                                   : std::min(deadline_, now().plus(hub_.options.head_max));
        read_some([this] { read_head(); });
    }

    template <class Then>
    void read_some(Then then) {
        auto const have = input_.size();
        input_.resize(have + kReadBytes);
        socket_.async_read_some(
            asio::buffer(input_.data() + have, kReadBytes),
            [this, self = self(), have, then](auto const& error, std::size_t bytes) {
                input_.resize(have + bytes);
                if (!error && is_open()) {
                    then();
                }
            });
    }

    void on_head(std::size_t end) {
        auto const head = std::string_view(input_).substr(0, end);
        if (auto const refusal = check_request_head(head)) {
            refuse(*refusal);
            return;
        }
        http::request_parser<http::string_body> parser;
        parser.header_limit(static_cast<std::uint32_t>(kHttpHeadBytesMax));
        parser.body_limit(hub_.options.http_body_bytes_max);
        boost::system::error_code error;
        parser.put(asio::buffer(head), error);
        if (error && error != http::error::need_more) {
            bool const too_large = error == http::error::body_limit;
            refuse(
                {too_large ? 413u : 400u, too_large ? "a body above the limit" : "not a request"});
            return;
        }
        body_bytes_ = parser.content_length().value_or(0);
        request_ = parser.release();
        input_.erase(0, end);
        if (boost::beast::websocket::is_upgrade(request_)) {
            upgrade();
            return;
        }
        body_started_ = now();
        read_body();
    }

    void read_body() {
        if (input_.size() >= body_bytes_) {
            dispatch();
            return;
        }
        // A slow body is let be for a while, then it has to keep up a rate.
        auto const seconds = static_cast<std::int64_t>(input_.size() / hub_.options.body_rate_min);
        deadline_ =
            body_started_.plus(hub_.options.body_grace).plus(std::chrono::seconds(seconds + 1));
        read_some([this] { read_body(); });
    }

    void upgrade() {
        if (hub_.sessions == nullptr || request_.target() != kSyncPath) {
            refuse({404, "no WebSocket here"});
        } else if (!input_.empty()) {
            refuse({400, "bytes behind an upgrade request"});
        } else if (!origin_is_allowed()) {
            refuse({403, "an origin that is not allowed"});
        } else if (request_[http::field::sec_websocket_version] != "13") {
            ++hub_.counters.refused_heads;
            auto refusal =
                problem(426, {Errc::http_refused, "a version of WebSocket that is not 13"});
            refusal.fields.emplace_back("Sec-WebSocket-Version", "13");
            respond(refusal, false, false);
        } else if (auto const accept = websocket_accept(request_[http::field::sec_websocket_key])) {
            upgrading_ = true;
            write(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                "Sec-WebSocket-Accept: " +
                *accept + "\r\n\r\n");
        } else {
            refuse({400, "no Sec-WebSocket-Key"});
        }
    }

    bool origin_is_allowed() const {
        auto const origin = request_[http::field::origin];
        if (origin.empty()) {
            // No browser's page, unless it carries a browser's cookies.
            return request_[http::field::cookie].empty();
        }
        auto const host = std::string(request_[http::field::host]);
        auto const& allowed = hub_.options.origins;
        return boost::algorithm::iequals(origin, "http://" + host) ||
               boost::algorithm::iequals(origin, "https://" + host) ||
               std::ranges::find(allowed, std::string_view(origin)) != allowed.end();
    }

    void dispatch() {
        ++hub_.counters.http_requests;
        HttpRequest request;
        request.method = request_.method_string();
        std::string_view const target = request_.target();
        auto const mark = target.find('?');
        request.path = target.substr(0, mark);
        request.query = mark == std::string_view::npos ? "" : target.substr(mark + 1);
        for (auto const& field : request_) {
            request.fields.emplace_back(field.name_string(), field.value());
        }
        request.body = input_.substr(0, body_bytes_);
        input_.erase(0, body_bytes_);
        deadline_ = Instant{Duration::max()};  // the handler answers in its own time
        hub_.handler.handle(request,
                            [this,
                             self = self(),
                             keep = request_.keep_alive(),
                             head = request_.method() == http::verb::head](HttpResponse response) {
                                respond(response, keep, head);
                            });
    }

    void refuse(HeadRefusal const& refusal) {
        ++hub_.counters.refused_heads;
        respond(
            problem(refusal.status, {Errc::http_refused, std::string(refusal.why)}), false, false);
    }

    void respond(HttpResponse const& response, bool keep_alive, bool head_only) {
        if (!is_open()) {
            return;  // too late; TLS would write it to whatever has the descriptor now
        }
        http::response<http::string_body> message(static_cast<http::status>(response.status), 11);
        for (auto const& [name, value] : response.fields) {
            message.insert(name, value);
        }
        message.set(http::field::content_type, response.content_type);
        message.set("X-Content-Type-Options", "nosniff");
        chunked_ = response.flow != nullptr && request_.version() >= 11;
        keep_alive_ = keep_alive && response.flow == nullptr;
        message.keep_alive(keep_alive_);
        if (chunked_) {
            message.chunked(true);
        } else if (response.flow == nullptr) {
            message.content_length(response.body.size());
        }
        std::ostringstream text;
        text << message.base();
        if (response.flow != nullptr && !head_only) {
            start_flow(response.flow);
        }
        write(text.str() + (head_only || flow_ ? std::string{} : response.body));
    }

    void write(std::string bytes) {
        output_ = std::move(bytes);
        writing_ = true;
        write_started_ = now();
        write_rest(0);
    }

    void on_written() {
        writing_ = false;
        output_ = std::string();  // an idle connection holds no buffer; `{}` would keep it
        if (!is_open()) {
            return;
        }
        if (upgrading_) {
            auto [descriptor, session] = socket_.release();
            start_websocket(shared_hub_,
                            std::make_unique<PeerSocket>(descriptor, std::move(session)));
        } else if (flow_) {
            go_on_flow();
        } else if (keep_alive_) {
            read_head();
        } else {
            finish();
        }
    }

    void start_flow(std::shared_ptr<HttpFlow> flow) {
        flow_ = std::move(flow);
        flow_->start([weak = std::weak_ptr(self())] {
            auto const alive = weak.lock();
            if (alive && alive->flow_ && !alive->writing_) {
                alive->go_on_flow();
            }
        });
        // A peer that vanished acknowledges nothing: what is sent, be it a comment, ends it.
        auto const patience = static_cast<unsigned>(
            std::chrono::ceil<std::chrono::milliseconds>(hub_.options.write_max).count());
        static_cast<void>(::setsockopt(socket_.tcp().native_handle(),
                                       IPPROTO_TCP,
                                       TCP_USER_TIMEOUT,
                                       &patience,
                                       sizeof(patience)));
        watch_peer();
    }

    void go_on_flow() {
        auto piece = flow_->next();
        if (!piece) {
            flow_.reset();
            write(chunked_ ? "0\r\n\r\n" : "");
        } else if (piece->empty()) {
            deadline_ = Instant{Duration::max()};
        } else {
            write(chunked_ ? chunk_of(*piece) : std::move(*piece));
        }
    }

    static std::string chunk_of(std::string const& piece) {
        std::ostringstream size;
        size << std::hex << piece.size();
        return size.str() + "\r\n" + piece + "\r\n";
    }

    /// Reads beside the flow, to notice that the peer is gone. A flow is the last answer of its
    /// connection, so what the peer says is dropped, and a flood of it ends the flow.
    void watch_peer() {
        watching_ = true;
        input_.resize(kReadBytes);
        socket_.async_read_some(asio::buffer(input_),
                                [this, self = self()](auto const& error, std::size_t bytes) {
                                    watching_ = false;
                                    said_beside_ += bytes;
                                    if (error || said_beside_ > kHttpHeadBytesMax) {
                                        abort();
                                    } else if (flow_) {
                                        watch_peer();
                                    } else {
                                        drop_input();
                                    }
                                });
    }

    /// A slow reader is let be for a while, then it has to keep up a rate.
    Instant write_deadline(std::size_t written) const {
        auto const seconds = static_cast<std::int64_t>(written / hub_.options.body_rate_min);
        return write_started_.plus(hub_.options.write_max).plus(std::chrono::seconds(seconds));
    }

    void write_rest(std::size_t written) {
        if (written == output_.size()) {
            on_written();
            return;
        }
        deadline_ = std::min(write_deadline(written), now().plus(hub_.options.write_max));
        socket_.async_write_some(
            asio::buffer(output_.data() + written, output_.size() - written),
            [this, self = self(), written](auto const& error, std::size_t bytes) {
                if (!error) {
                    write_rest(written + bytes);
                } else {
                    flow_.reset();
                }
            });
    }

    /// Closes so that the peer can read the answer: what it still sends is read and dropped for a
    /// moment.
    void finish() {
        socket_.shutdown_send();
        deadline_ = now().plus(std::chrono::seconds(2));
        if (!watching_) {  // else that read ends it
            drop_input();
        }
    }

    void drop_input() {
        input_.resize(kReadBytes);
        socket_.async_read_some(asio::buffer(input_),
                                [this, self = self()](auto const& error, std::size_t) {
                                    if (!error) {
                                        drop_input();
                                    }
                                });
    }

    TlsSocket socket_;
    std::string input_;
    std::string output_;
    http::request<http::string_body> request_;
    std::uint64_t body_bytes_ = 0;
    std::shared_ptr<HttpFlow> flow_;
    bool chunked_ = false;
    bool keep_alive_ = false;
    bool upgrading_ = false;
    bool writing_ = false;
    bool watching_ = false;  // a read beside the flow
    std::size_t said_beside_ = 0;
    Instant write_started_;
    Instant body_started_;
    Instant deadline_{Duration::max()};
};

}  // namespace

void start_http(std::shared_ptr<ConnectionHub> hub, tcp::socket socket) {
    std::make_shared<HttpConnection>(std::move(hub), std::move(socket))->start();
}

}  // namespace capstan
