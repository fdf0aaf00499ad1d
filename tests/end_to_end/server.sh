# Sourced by end-to-end tests: a real capstand in a directory of its own, and devices that talk to it.
# shellcheck shell=bash
directory=$(mktemp -d)
server=
port=
trap 'kill_server; rm -rf "$directory"' EXIT

start_server() { # under the same port each time; with what else is said
    local admin
    [[ -n $port ]] || port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    admin=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    echo test-token >"$directory/token"
    "$CAPSTAN_BUILD/bin/capstand" --data-dir "$directory/data" --listen "127.0.0.1:$port" \
        --admin-listen "127.0.0.1:$admin" --auth-dev-token test-token "$@" 2>>"$directory/log" &
    server=$!
    for _ in $(seq 200); do
        "$CAPSTAN_BUILD/bin/capstand" health --admin-listen "127.0.0.1:$admin" >/dev/null 2>&1 && return
        sleep 0.05
    done
    cat "$directory/log"
    return 1
}

kill_server() {
    [[ -z $server ]] || kill -9 "$server" 2>/dev/null || true
    [[ -z $server ]] || wait "$server" 2>/dev/null || true
    server=
}

stop_server() {
    kill "$server"
    wait "$server"
    server=
}

capstan_as() { # device, arguments
    XDG_STATE_HOME=$directory/device-$1 CAPSTAN_SERVER=http://127.0.0.1:$port CAPSTAN_TOKEN_FILE=$directory/token \
        "$CAPSTAN_BUILD/bin/capstan" "${@:2}"
}
