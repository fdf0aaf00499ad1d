#pragma once
#include <boost/beast/core/role.hpp>
#include <boost/beast/websocket/teardown.hpp>
#include <capstan/engine/tls/tls_socket.hpp>
#include <utility>

/// What Beast's WebSocket asks of a stream when it ends, for a TlsSocket. Includes Beast.
namespace capstan {

inline void beast_close_socket(TlsSocket& socket) {
    socket.close();
}

inline void teardown(boost::beast::role_type role,
                     TlsSocket& socket,
                     boost::system::error_code& error) {
    socket.say_goodbye();
    boost::beast::websocket::teardown(role, socket.tcp(), error);
}

template <class Handler>
void async_teardown(boost::beast::role_type role, TlsSocket& socket, Handler&& handler) {
    socket.say_goodbye();
    boost::beast::websocket::async_teardown(role, socket.tcp(), std::forward<Handler>(handler));
}

}  // namespace capstan
