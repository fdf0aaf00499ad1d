// The kit for those who test what they build on Capstan: time, faults and repetition as it promises
// them.
#include <boost/test/unit_test.hpp>
#include <capstan/testing.hpp>

namespace {

using namespace capstan;
using namespace capstan::testing;
using namespace std::chrono_literals;

constexpr char kRoom[] = "demo/room";

ModelStream room_of(Device& device) {
    return device.client().model(kRoom).value();
}

/// An object of that id, as the device's user makes it.
std::future<Result<Published>> insert(ModelStream& room, std::string const& id) {
    auto write = room.mutate([&](auto& m) { m.insert("Note", id, {{"by", id}}); });
    BOOST_TEST_REQUIRE(write.has_value());
    return std::move(write.value().confirmed);
}

bool is_confirmed(World& world, std::future<Result<Published>>& write) {
    auto const done = world.wait(write);
    return done && done->has_value();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(testing_kit)

BOOST_AUTO_TEST_CASE(nothing_happens_but_within_calls_that_let_time_pass) {
    World world;
    auto& device = world.add_device("a");
    auto room = room_of(device);
    auto write = insert(room, "1");
    BOOST_TEST(room.get("1").has_value());  // the user sees it at once
    BOOST_TEST(world.server().head(kRoom).value == 0U);
    BOOST_TEST(world.now().since_start.count() == 0);
    BOOST_TEST(is_confirmed(world, write));
    BOOST_TEST(world.server().head(kRoom).value == 1U);
    BOOST_TEST(world.now().since_start.count() > 0);
    BOOST_TEST((world.now().since_start < 1s));
}

BOOST_AUTO_TEST_CASE(one_seed_is_one_run) {
    auto const run = [](std::uint64_t seed) {
        World world({.seed = seed});
        std::vector<ModelStream> rooms;
        for (auto const* name : {"a", "b", "c"}) {
            rooms.push_back(room_of(world.add_device(name)));
        }
        for (int round = 0; round < 5; ++round) {
            for (std::size_t n = 0; n < rooms.size(); ++n) {
                insert(rooms[n], std::to_string(n) + "/" + std::to_string(round));
            }
        }
        BOOST_TEST_REQUIRE(world.settle());
        return std::pair(world.server().events(kRoom), world.now().since_start);
    };
    auto const first = run(1);
    BOOST_TEST(first.first.size() == 15U);
    BOOST_TEST((run(1) == first));
    bool differs = false;
    for (std::uint64_t seed = 2; seed < 8; ++seed) {
        differs = differs || run(seed) != first;
    }
    BOOST_TEST(differs);
}

BOOST_AUTO_TEST_CASE(who_is_cut_off_goes_on_alone_and_both_sides_meet_when_it_heals) {
    World world;
    auto& a = world.add_device("a");
    auto& b = world.add_device("b");
    auto at_a = room_of(a);
    auto at_b = room_of(b);
    BOOST_TEST_REQUIRE(world.settle());

    b.partition();
    auto of_a = insert(at_a, "of a");
    auto of_b = insert(at_b, "of b");
    BOOST_TEST(is_confirmed(world, of_a));
    BOOST_TEST(!world.wait(of_b, 24h).has_value());
    BOOST_TEST(!at_b.get("of a").has_value());
    BOOST_TEST(world.what_is_left().starts_with("b: "));

    b.heal();
    BOOST_TEST(is_confirmed(world, of_b));
    BOOST_TEST_REQUIRE(world.settle());
    BOOST_TEST(at_a.get("of b").has_value());
    BOOST_TEST(at_b.get("of a").has_value());
    BOOST_TEST(at_a.state_hash() == world.server().model(kRoom).state_hash());
    BOOST_TEST(at_b.state_hash() == at_a.state_hash());
}

BOOST_AUTO_TEST_CASE(who_is_offline_for_days_comes_back_by_itself) {
    World world;
    auto& device = world.add_device("a");
    auto room = room_of(device);
    BOOST_TEST_REQUIRE(world.settle());
    device.offline(14 * 24h);
    auto write = insert(room, "1");
    world.run_for(14 * 24h - 1s);
    BOOST_TEST(world.server().head(kRoom).value == 0U);
    BOOST_TEST(world.wait(write, 3min).has_value());
}

BOOST_AUTO_TEST_CASE(F1_app_that_is_killed_goes_on_with_what_it_had_stored) {
    World world;
    auto& device = world.add_device("a");
    world.partition();
    auto room = room_of(device);
    auto write = insert(room, "1");
    world.run_for(1s);
    device.kill();
    BOOST_TEST(!device.is_open());
    BOOST_TEST(!room.get("1").has_value());  // its handles know that it is gone
    auto const told = world.wait(write);
    BOOST_TEST_REQUIRE((told && !told->has_value()));
    BOOST_CHECK(told->error().code == Errc::cancelled);

    device.open();
    auto again = room_of(device);
    BOOST_TEST(again.get("1").has_value());
    BOOST_TEST_REQUIRE(world.settle());
    BOOST_TEST(world.server().head(kRoom).value == 1U);
}

BOOST_AUTO_TEST_CASE(F2_what_was_confirmed_survives_any_power_failure_of_the_server) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            World world({.seed = seed});
            auto& device = world.add_device("a");
            auto room = room_of(device);
            std::uint64_t confirmed = 0;
            for (int n = 0; n < 10; ++n) {
                auto write = insert(room, std::to_string(n));
                world.run_for(std::chrono::milliseconds(10 * n));
                world.server().lose_power();
                world.run_for(1s);
                world.server().start();
                BOOST_TEST(world.server().head(kRoom).value >= confirmed);
                confirmed += is_confirmed(world, write) ? 1 : 0;
            }
            BOOST_TEST(confirmed == 10U);
            BOOST_TEST(world.server().events(kRoom).size() == 10U);  // each of them once
        }
    }
}

BOOST_AUTO_TEST_CASE(F53_server_that_hears_nothing_of_a_dead_device_lets_it_go_on_when_it_is_back) {
    World world;
    auto& device = world.add_device("a");
    BOOST_TEST_REQUIRE(world.settle());
    device.lose_power();
    world.run_for(1s);
    auto& client = device.open();
    BOOST_TEST(world.run_until([&] { return client.status() == Status::live; }, 30s));
}

BOOST_AUTO_TEST_CASE(F23_device_that_is_set_back_to_an_image_goes_on_as_another_one) {
    World world;
    auto& device = world.add_device("a");
    auto room = room_of(device);
    auto first = insert(room, "1");
    BOOST_TEST(is_confirmed(world, first));
    auto const image = device.image();
    auto second = insert(room, "2");
    BOOST_TEST(is_confirmed(world, second));
    auto const before = device.client().device();
    device.kill();
    device.restore(image);

    bool new_device = false;
    device.open({.on_new_device = [&](DeviceId const&, DeviceId const&) { new_device = true; }});
    auto again = room_of(device);
    auto third = insert(again, "3");
    BOOST_TEST(is_confirmed(world, third));
    BOOST_TEST(new_device);
    BOOST_TEST((device.client().device() != before));
    BOOST_TEST_REQUIRE(world.settle());
    BOOST_TEST(again.get("2").has_value());
    BOOST_TEST(world.server().head(kRoom).value == 3U);
}

BOOST_AUTO_TEST_CASE(F54_connection_that_only_one_way_passes_is_given_up) {
    World world;
    auto& device = world.add_device("a");
    auto room = room_of(device);
    BOOST_TEST_REQUIRE(world.settle());
    device.partition_down();
    auto write = insert(room, "1");
    BOOST_TEST(world.run_until([&] { return world.server().head(kRoom).value == 1; }));
    BOOST_TEST(world.run_until([&] { return device.client().status() != Status::live; }));
    BOOST_TEST(!world.wait(write, 1min).has_value());
    device.heal();
    auto const done = world.wait(write);
    BOOST_TEST_REQUIRE((done && done->has_value()));
    BOOST_TEST(done->value().first.value == 1U);  // it was sent again, and is there once
    BOOST_TEST(world.server().head(kRoom).value == 1U);
}

BOOST_AUTO_TEST_CASE(clocks_may_say_anything) {
    World world;
    auto& a = world.add_device("a");
    auto& b = world.add_device("b");
    a.jump_clock(24h * 365 * 10);
    b.jump_clock(-24h * 365 * 10);
    auto at_a = room_of(a);
    auto at_b = room_of(b);
    auto of_a = insert(at_a, "1");
    auto of_b = insert(at_b, "2");
    BOOST_TEST(is_confirmed(world, of_a));
    BOOST_TEST(is_confirmed(world, of_b));
    BOOST_TEST_REQUIRE(world.settle());
    BOOST_TEST(at_a.state_hash() == at_b.state_hash());
}

BOOST_AUTO_TEST_SUITE_END()
