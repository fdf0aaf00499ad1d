// One or two devices with a model, and the server that they meet, for tests case by case.
#pragma once
#include <boost/test/unit_test.hpp>

#include "history.hpp"
#include "replica_device.hpp"

namespace capstan::test {

inline constexpr char kStream[] = "acme/room/1";

/// One device that starts offline, and the server that it will meet.
struct Bed {
    Dice dice{7};
    TestServer server{dice, {}, &fold_internal::decide<fold_internal::AllRules>};
    ReplicaDevice device{"a", dice, server, {}, kStream};
    std::map<std::uint64_t, std::vector<sync::WriteState>> states;  // of each write

    Bed() {
        device.on_write = [this](sync::WriteMoved const& moved) {
            states[moved.mutation.value].push_back(moved.state);
        };
    }

    sync::MutationId write(std::vector<Op> ops, sync::MutateOptions const& options = {}) {
        auto const id = device.mutate({std::move(ops), {}}, options);
        BOOST_REQUIRE(id.has_value());
        device.run();
        return *id;
    }
    Errc refuses(std::vector<Op> ops) {
        auto const id = device.replica().mutate({std::move(ops), {}});
        BOOST_REQUIRE(!id);
        BOOST_TEST(device.replica().status().pending == pending_before);
        return id.error().code;
    }
    void settle() {
        for (int round = 0; round < 200 && !(device.idle() && device.has_read_all()); ++round) {
            device.advance(std::chrono::milliseconds(500));
            while (device.deliver_to_server() || server.fold_one()) {
            }
            server.push();
            while (device.receive()) {
            }
        }
        BOOST_TEST(device.idle());
        BOOST_TEST(device.has_read_all());
        BOOST_TEST(device.wrong().empty(), device.wrong());
    }
    bool was_refused(sync::MutationId id) {
        return states[id.value].back() == sync::WriteState::refused;
    }

    std::size_t pending_before = 0;
};

inline Op insert(std::string id) {
    return {.kind = OpKind::insert, .object = std::move(id), .type = "Thing"};
}
inline Op set(std::string id, std::string field, Value value) {
    return {.kind = OpKind::set,
            .object = std::move(id),
            .field = std::move(field),
            .value = std::move(value)};
}
inline Op splice(std::string id, std::uint64_t at, std::uint64_t count, std::string content) {
    return {.kind = OpKind::splice,
            .object = std::move(id),
            .field = "t",
            .value = std::move(content),
            .at = at,
            .count = count};
}
inline Op list_insert(std::string id, std::uint64_t at, Value value) {
    return {.kind = OpKind::list_insert,
            .object = std::move(id),
            .field = "l",
            .value = std::move(value),
            .at = at};
}

/// Two devices and their server; whoever is away hears nothing.
struct Pair {
    Dice dice{7};
    TestServer server{dice, {}, &fold_internal::decide<fold_internal::AllRules>};
    ReplicaDevice a{"a", dice, server, {}, kStream};
    ReplicaDevice b{"b", dice, server, {}, kStream};

    void settle(std::vector<ReplicaDevice*> present) {
        for (int round = 0; round < 60; ++round) {
            for (auto* device : present) {
                device->advance(std::chrono::milliseconds(500));
                while (device->deliver_to_server() || server.fold_one()) {
                }
                server.push();
                while (device->receive()) {
                }
                BOOST_TEST(device->wrong().empty(), device->wrong());
            }
        }
    }
    void settle() { settle({&a, &b}); }
    static void write(ReplicaDevice& device, std::vector<Op> ops) {
        BOOST_REQUIRE(device.mutate({std::move(ops), {}}).has_value());
        device.run();
    }
    static std::string text(ReplicaDevice& device) { return device.view().text("x", "t"); }
};

}  // namespace capstan::test
