// Random networks: the client against the real fold, over real messages. Copies arrive late,
// doubled or never, answers get lost, gateways refuse on their own account, connections break,
// processes end between a write and its effects, disks forget what was not flushed; stores are
// restored from old images, servers from backups. Then the faults end, and all must get through.
#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "history.hpp"
#include "quiesce.hpp"
#include "test_device.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;
using fold_internal::AllRules;

struct WithoutHalt : AllRules {
    static constexpr bool halted_attempts_stay_halted = false;
};
struct WithoutOlderAttempts : AllRules {
    static constexpr bool older_attempts_are_settled = false;
};

struct NetworkOptions {
    char const* name;
    std::size_t devices = 1;
    bool images = false;
    bool backups = false;
    bool consumes = true;
    bool moody = true;  // gateways refuse runs on their own account
};

GatewayHabits const kBadHabits{.turns_away_for_load = 40,
                               .turns_away_for_good = 40,
                               .answers_gaps_itself = 200,
                               .passes_copies_on = 300,
                               .loses_answers = 60,
                               .drops_events = 20,
                               .repeats_events = 20,
                               .declares_holes = 20};

std::vector<std::string> const kStreams{"acme/room/1", "acme/room/2"};

class Network {
  public:
    Network(std::uint64_t seed, NetworkOptions options, FoldBed::Decide decide)
        : dice_(seed), options_(options), server_(dice_, habits(options), decide) {
        mood_one_in = 12;
        mood_dice = Dice(seed + 1);
        sync::ClientOptions client;
        if (options.consumes) {
            client.credit_bytes = static_cast<std::uint32_t>(300 + dice_.below(3'000));
        }
        for (std::size_t n = 0; n < options.devices; ++n) {
            std::string const name(1, static_cast<char>('a' + n));
            devices_.push_back(
                std::make_unique<TestDevice>(name, dice_, server_, ledger_, client, kStreams));
        }
        images_.resize(options.devices);
    }

    /// What is wrong with it; empty if nothing is.
    std::string run() {
        for (int n = 0; n < 500; ++n) {
            step();
        }
        if (auto wrong = quiesce(); !wrong.empty()) {
            return wrong;
        }
        return check();
    }

    std::map<std::string, std::uint64_t> counts() const {
        auto counts = server_.counts();
        for (auto const& device : devices_) {
            counts["recoveries"] += device->recoveries;
            counts["histories lost"] += device->losses;
            counts["confirmed with seq"] += device->confirmed_with_seq;
            counts["coalesced"] += device->coalesced;
        }
        return counts;
    }

  private:
    static GatewayHabits habits(NetworkOptions const& options) {
        auto habits = kBadHabits;
        habits.turns_away_for_good *= options.moody ? 1 : 0;
        return habits;
    }

    void step() {
        auto const which = static_cast<std::size_t>(dice_.below(devices_.size()));
        TestDevice& device = *devices_[which];
        switch (dice_.below(20)) {
            case 0:
            case 1:
            case 2:
                device.publish();
                break;
            case 3:
                if (options_.consumes) {
                    device.consume();
                }
                if (dice_.one_in(4)) {
                    device.discard();
                }
                break;
            case 4:
            case 5:
            case 6:
                device.advance(std::chrono::milliseconds(dice_.below(400)));
                break;
            case 7:
            case 8:
            case 9:
                device.receive();
                break;
            case 10:
            case 11:
                device.deliver_to_server();
                break;
            case 12:
            case 13:
                server_.fold_one();
                break;
            case 14:
                server_.push();
                break;
            case 15:
                server_.copy_arrives();
                break;
            case 16:
                if (dice_.one_in(4)) {
                    device.break_connection();
                }
                break;
            case 17:
                if (dice_.one_in(6)) {
                    device.effects_until_crash = 1 + dice_.below(6);
                }
                break;
            case 18:
                image(which);
                break;
            default:
                backup();
        }
    }

    void image(std::size_t which) {
        if (!options_.images || !dice_.one_in(6)) {
            return;
        }
        auto& device = *devices_[which];
        auto& image = images_[which];
        if (!image) {
            image = Image{device.disk(), device.frozen_forms(), {}, {}};
            for (auto const& [number, entry] : ledger_.writes) {
                if (entry.stored) {
                    image->stored.insert(number);
                }
                if (!entry.confirmed && !entry.refused) {
                    image->open.insert(number);
                }
            }
            return;
        }
        for (auto const number : image->open) {
            ledger_.writes.at(number).may_double = true;
            if (!image->frozen.contains(number)) {
                not_frozen_.insert(number);
            }
        }
        for (auto const& [number, form] : image->frozen) {
            forms_[number] = form;
        }
        device.become(image->disk, image->stored);
        image.reset();
    }

    void backup() {
        if (!options_.backups || !dice_.one_in(6)) {
            return;
        }
        if (!backup_) {
            backup_ = server_.backup();
            return;
        }
        server_.restore(*backup_);
        backup_.reset();
        for (auto& device : devices_) {
            device->break_connection();
        }
        // What a reader has passed, the device no longer keeps.
        for (auto& [number, entry] : ledger_.writes) {
            entry.may_vanish = entry.may_vanish || (options_.consumes && entry.confirmed);
        }
    }

    std::string quiesce() {
        server_.stop_misbehaving();
        mood_one_in = 0;
        for (auto& device : devices_) {
            device->effects_until_crash = 0;
        }
        return test::quiesce(server_, devices_, [this](TestDevice& device) {
            if (options_.consumes) {
                device.consume();
            }
        });
    }

    std::string check() const {
        for (auto const& device : devices_) {
            if (!device->wrong().empty()) {
                return device->wrong();
            }
        }
        std::map<WriteNumber, std::size_t> found;
        for (auto const& stream : kStreams) {
            std::map<std::string, WriteNumber> last;  // by device
            std::vector<std::string> names;
            for (auto const& taped : server_.tape(stream)) {
                std::ranges::move(names_in(taped.bytes), std::back_inserter(names));
            }
            for (std::size_t at = 0; at < names.size();) {
                auto const number = std::strtoull(names[at].c_str() + 1, nullptr, 10);
                auto const& entry = ledger_.writes.at(number);
                for (std::size_t i = 0; i < entry.events; ++i, ++at) {
                    auto const name = "w" + std::to_string(number) + "." + std::to_string(i);
                    if (at >= names.size() || names[at] != name) {
                        return "write " + std::to_string(number) + " is torn";
                    }
                }
                ++found[number];
                if (!options_.images && std::exchange(last[entry.device], number) >= number) {
                    return "write " + std::to_string(number) + " is out of order";
                }
            }
        }
        for (auto const& [number, entry] : ledger_.writes) {
            auto const name = "write " + std::to_string(number);
            auto const times = found[number];
            if (times > 1 && !entry.may_double) {
                return name + " is doubled";
            }
            if (times > 1 && !options_.moody && went_through_as_frozen(number)) {
                return name + " is doubled, though the server told that it went through";
            }
            if (times > 0 && entry.refused && !entry.may_double) {
                return name + " was refused for good, and is sequenced";
            }
            if (times == 0 && !entry.refused && !entry.may_vanish) {
                return name + (entry.confirmed ? " was confirmed, and is missing" : " is lost");
            }
        }
        return {};
    }

    /// A write was frozen in an image, and sequenced in that form: asked for it, the server tells.
    /// (One that was not frozen yet may have been sent by the store that went on.)
    bool went_through_as_frozen(WriteNumber number) const {
        auto const found = forms_.find(number);
        if (found == forms_.end() || not_frozen_.contains(number)) {
            return false;
        }
        auto const& form = found->second;
        return server_.bed()
            .find_run(form.stream, form.device, form.attempt, form.first)
            .has_value();
    }

    struct Image {
        TestDisk disk;
        std::map<WriteNumber, TestDevice::Form> frozen;
        std::set<WriteNumber> stored;
        std::set<WriteNumber> open;
    };

    Dice dice_;
    NetworkOptions options_;
    WriteLedger ledger_;
    TestServer server_;
    std::vector<std::unique_ptr<TestDevice>> devices_;
    std::vector<std::optional<Image>> images_;
    std::map<WriteNumber, TestDevice::Form> forms_;  // in images that took a disk's place
    std::set<WriteNumber> not_frozen_;               // in one of them
    std::optional<TestServer::Backup> backup_;
};

NetworkOptions const kKinds[] = {
    {.name = "one device"},
    {.name = "three devices", .devices = 3},
    {.name = "an old image", .devices = 2, .images = true, .moody = false},
    {.name = "an old image, moody gateways", .devices = 2, .images = true},
    {.name = "a restored server", .devices = 2, .backups = true, .consumes = false},
    {.name = "a restored server with readers", .devices = 2, .backups = true},
};

/// CAPSTAN_HISTORIES=100000 looks further than the daily run.
std::uint64_t histories() {
    char const* const value = std::getenv("CAPSTAN_HISTORIES");
    return value == nullptr ? 60 : std::strtoull(value, nullptr, 10);
}

/// Runs networks of one kind until one goes wrong. Returns what is wrong, or nothing.
template <class Rules>
std::string look(NetworkOptions const& options,
                 std::uint64_t count,
                 std::map<std::string, std::uint64_t>& counts) {
    for (std::uint64_t seed = 1; seed <= count; ++seed) {
        Network network(seed, options, &decide_in_a_mood<Rules>);
        auto const wrong = network.run();
        for (auto const& [what, times] : network.counts()) {
            counts[what] += times;
        }
        if (!wrong.empty()) {
            return "seed " + std::to_string(seed) + ": " + wrong;
        }
    }
    return {};
}

template <class Rules>
bool breaks(std::uint64_t count) {
    std::map<std::string, std::uint64_t> counts;
    return std::ranges::any_of(kKinds, [&](NetworkOptions const& options) {
        return !look<Rules>(options, count, counts).empty();
    });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(networks)

BOOST_AUTO_TEST_CASE(every_write_is_sequenced_once_in_order_or_refused_and_nothing_gets_stuck) {
    std::map<std::string, std::uint64_t> counts;
    for (auto const& options : kKinds) {
        BOOST_TEST_CONTEXT(options.name) {
            auto const wrong = look<AllRules>(options, histories(), counts);
            BOOST_TEST(wrong.empty(), wrong);
        }
    }
    // The networks go where they should.
    for (auto const& [what, times] : counts) {
        BOOST_TEST(times > 0U, what);
        BOOST_TEST_MESSAGE(what << ": " << times);
    }
}

// The test of the test: a server without one of the fold's rules loses or doubles writes.

BOOST_AUTO_TEST_CASE(leaving_out_the_halt_breaks_networks) {
    BOOST_TEST(breaks<WithoutHalt>(100));
}

BOOST_AUTO_TEST_CASE(leaving_out_the_rule_for_older_attempts_breaks_networks) {
    BOOST_TEST(breaks<WithoutOlderAttempts>(100));
}

BOOST_AUTO_TEST_SUITE_END()
