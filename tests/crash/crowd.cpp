// F64, I26, I28: thousands of devices on real sockets come at once, hear every event of one stream
// while one of them has stopped reading, are all cut off at once and come back.
//
//   crowd --capstand PROGRAM --dir DIR [--members N] [--events N]
//
// Prints how long joining and publishing took; fails where anyone misses an event, gets one twice
// or waits longer than the rate of accepting explains. Skipped (77) where the limit of descriptors
// is too low for so many.
#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <capstan/sdk/http.hpp>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "crowd_members.hpp"
#include "server_process.hpp"

namespace capstan::test {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr char const* kStream = "crowd/room";
constexpr rlim_t kOtherDescriptors = 200;
constexpr double kAcceptsPerSecond = 2'000;  // what capstand lets in
constexpr double kPatienceSeconds = 60;
constexpr double kUnfairMax = 10;  // the last one waits no longer than so many times the median

struct Options {
    std::string capstand;
    std::filesystem::path directory;
    std::size_t members = 10'000;
    std::uint64_t events = 50;
};

[[noreturn]] void fail(std::string const& why) {
    fmt::print("FAILED: {}\n", why);
    std::exit(1);
}

bool raise_descriptor_limit(std::size_t members) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur >= members + kOtherDescriptors;
}

class Run {
  public:
    explicit Run(Options const& options)
        : options_(options), server_(options.capstand, options.directory.string()) {
        server_.start();
        while (!http_request(
            {.url = server_.url(), .path = "/v1/streams", .token = ServerProcess::kToken})) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    }

    void go() {
        publish();
        Crowd crowd(options_.members, server_.port(), ServerProcess::kToken, kStream);
        report("joining", join(crowd));
        wait_for(crowd, options_.members, "what was there before");

        crowd.stop_reading(0);
        auto latencies = publish_to(crowd);
        std::ranges::sort(latencies);
        fmt::print("publishing to {}: median {:.1f} ms, longest {:.1f} ms\n",
                   options_.members,
                   latencies[latencies.size() / 2] * 1e3,
                   latencies.back() * 1e3);

        crowd.drop_all();
        report("coming back", join(crowd));
        publish();
        wait_for(crowd, options_.members, "what came when they were back");
        crowd.drop_all();
        if (server_.stop() != 0) {
            fail("capstand did not end well");
        }
    }

  private:
    double publish() {
        auto const start = SteadyClock::now();
        auto const answer = http_request({.url = server_.url(),
                                          .method = "POST",
                                          .path = std::string("/v1/events/") + kStream,
                                          .token = ServerProcess::kToken,
                                          .body = std::string(1'000, 'x')});
        if (!answer) {
            fail("publishing: " + to_string(answer.error()));
        }
        published_ += 1;
        return Seconds(SteadyClock::now() - start).count();
    }

    /// Publishes from a thread of its own, while the crowd reads.
    std::vector<double> publish_to(Crowd& crowd) {
        std::vector<double> latencies;
        std::jthread publisher([&] {
            for (std::uint64_t i = 0; i < options_.events; ++i) {
                latencies.push_back(publish());
            }
        });
        auto const last = published_ + options_.events;
        wait_until(crowd, last, options_.members - 1, "an event while one reads nothing");
        publisher.join();
        return latencies;
    }

    std::vector<double> join(Crowd& crowd) {
        crowd.join();
        double const longest =
            static_cast<double>(options_.members) / kAcceptsPerSecond + kPatienceSeconds;
        auto const give_up = SteadyClock::now() +
                             std::chrono::duration_cast<SteadyClock::duration>(Seconds(longest));
        while (crowd.joined() < options_.members) {
            crowd.poll();
            if (SteadyClock::now() > give_up) {
                fail(fmt::format("I28: {} of {} got in", crowd.joined(), options_.members));
            }
        }
        return crowd.waits();
    }

    void report(std::string const& what, std::vector<double> waits) const {
        std::ranges::sort(waits);
        auto const median = waits[waits.size() / 2];
        fmt::print("{}: median {:.2f} s, longest {:.2f} s\n", what, median, waits.back());
        if (waits.back() > kUnfairMax * median) {
            fail("I28: the last one waited too long");
        }
    }

    void wait_for(Crowd& crowd, std::size_t members, std::string const& what) const {
        wait_until(crowd, published_, members, what);
    }
    static void wait_until(Crowd& crowd,
                           std::uint64_t seq,
                           std::size_t members,
                           std::string const& what) {
        auto const give_up = SteadyClock::now() + std::chrono::seconds(120);
        while (crowd.holding(seq) < members) {
            crowd.poll();
            if (SteadyClock::now() > give_up) {
                fail(fmt::format("{} reached {} of {}", what, crowd.holding(seq), members));
            }
        }
    }

    Options const& options_;
    ServerProcess server_;
    std::uint64_t published_ = 0;
};

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        std::string const name = argv[i];
        if (name == "--capstand") {
            options.capstand = argv[i + 1];
        } else if (name == "--dir") {
            options.directory = argv[i + 1];
        } else if (name == "--members") {
            options.members = std::stoul(argv[i + 1]);
        } else if (name == "--events") {
            options.events = std::stoul(argv[i + 1]);
        }
    }
    return options;
}

}  // namespace
}  // namespace capstan::test

int main(int argc, char** argv) {
    using namespace capstan::test;
    auto const options = parse(argc, argv);
    if (!raise_descriptor_limit(options.members)) {
        fmt::print("the limit of descriptors (ulimit -Hn) is too low for {} members\n",
                   options.members);
        return 77;
    }
    Run(options).go();
    return 0;
}
