#include "health.hpp"

#include <fmt/core.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <capstan/server/config/settings.hpp>

namespace capstan {

ExitCode probe_health(ServerConfig const& config) {
    namespace beast = boost::beast;
    namespace http = beast::http;
    auto const address = parse_host_port(config.admin.listen).value();
    boost::asio::io_context context;
    beast::tcp_stream stream(context);
    boost::system::error_code error;
    stream.socket().connect({boost::asio::ip::make_address(address.host), address.port}, error);
    http::request<http::empty_body> request(http::verb::get, "/readyz", 11);
    request.set(http::field::host, config.admin.listen);
    request.keep_alive(false);
    http::response<http::string_body> response;
    if (!error) {
        http::write(stream, request, error);
    }
    beast::flat_buffer buffer;
    if (!error) {
        http::read(stream, buffer, response, error);
    }
    if (error) {
        fmt::print(
            stderr,
            "error {}\n",
            to_string(Error{Errc::unavailable, config.admin.listen + ": " + error.message()}));
        return ExitCode::unreachable;
    }
    fmt::print("{}", response.body());
    return response.result() == http::status::ok ? ExitCode::clean : ExitCode::other;
}

}  // namespace capstan
