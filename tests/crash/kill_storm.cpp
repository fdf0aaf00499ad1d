// Writers and observers on a real capstand that is killed again and again with SIGKILL, under load.
// In the end every write has to be decided and the tapes have to agree with all that anyone was
// told.
//
//   kill_storm --capstand PROGRAM --dir DIR [--kills N] [--writers N] [--streams N] [--seed N]
//   kill_storm --at URL --nodes URL,URL --dir DIR --seconds N [--writers N] …
//
// The second form starts and kills nothing: clients talk to nodes of a cluster through `--at`,
// which moves them about, and each node's tapes are looked at in the end.
#include <fmt/core.h>

#include <atomic>
#include <capstan/engine/os/posix_storage.hpp>
#include <capstan/engine/sim/sim_random.hpp>
#include <capstan/schema/body.hpp>
#include <capstan/schema/event.hpp>
#include <capstan/sdk.hpp>
#include <capstan/sequencer/file_journal.hpp>
#include <chrono>
#include <filesystem>
#include <sstream>
#include <string>
#include <thread>

#include "server_process.hpp"
#include "storm_history.hpp"

namespace capstan::test {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

struct Options {
    std::string capstand;
    std::filesystem::path directory;
    std::size_t kills = 20;
    std::size_t writers = 8;
    std::size_t streams = 3;
    std::uint64_t seed = 1;
    std::string at;
    std::vector<std::string> nodes;
    std::size_t seconds = 10;
};

constexpr std::size_t kInFlight = 8;

std::string stream_name(std::size_t index) {
    return "storm/stream-" + std::to_string(index);
}

Bytes event_of(std::string const& text) {
    return encode_event(to_event(Body{.content = text}));
}

std::string text_of(ByteView event) {
    auto const decoded = decode_event(event);
    auto const body = decoded ? body_of(decoded.value()) : std::nullopt;
    return body ? body->content : "?";
}

/// Keeps a few writes under way until told to stop; its outbox carries them over the kills.
class Writer {
  public:
    Writer(Options const& options, std::string const& url, StormHistory& history, std::size_t index)
        : history_(history),
          index_(index),
          random_(SimRandom(options.seed).child("writer" + std::to_string(index))),
          client_(open(options, url, index)),
          stream_(client_.stream(stream_name(index % options.streams)).value()) {}

    void write_one() {
        if (in_flight_ >= kInFlight) {
            return;
        }
        ++in_flight_;
        std::vector<std::string> events;
        std::vector<Bytes> encoded;
        for (auto n = 1 + random_.below(4); n > 0; --n) {
            events.push_back(fmt::format("w{}-{}", index_, made_++));
            encoded.push_back(event_of(events.back()));
        }
        auto const write = history_.invoke(stream_.name().str(), index_, std::move(events));
        stream_.publish(std::move(encoded), {}, [this, write](WriteUpdate const& update) {
            if (!update.is_final()) {
                return;
            }
            update.state == WriteState::confirmed
                ? history_.confirm(write, update.first, update.last)
                : history_.refuse(write);
            --in_flight_;
        });
    }
    void retry() { client_.retry(); }

  private:
    /// Every other writer keeps its outbox on disk.
    static Client open(Options const& options, std::string const& url, std::size_t index) {
        ClientOptions client{.url = url, .token = ServerProcess::kToken};
        if (index % 2 == 1) {
            client.store = (options.directory / ("writer-" + std::to_string(index))).string();
        }
        return Client::open(std::move(client)).value();
    }

    StormHistory& history_;
    std::size_t index_;
    SimRandom random_;
    std::size_t made_ = 0;
    std::atomic<std::size_t> in_flight_ = 0;
    Client client_;
    Stream stream_;
};

/// Follows every stream from its start, over all kills.
class Observer {
  public:
    Observer(Options const& options, std::string const& url, StormHistory& history)
        : client_(Client::open({.url = url, .token = ServerProcess::kToken}).value()) {
        for (std::size_t i = 0; i < options.streams; ++i) {
            auto const stream = client_.stream(stream_name(i)).value();
            stream.subscribe(
                {}, {.on_events = [&history, name = stream.name().str()](Delivery&& delivery) {
                    delivery.each_event([&](DeliveredEvent const& event) {
                        history.observe(name, event.seq, text_of(event.bytes));
                    });
                }});
        }
    }

  private:
    Client client_;
};

/// A device that was never here before reads a stream whole.
std::vector<std::string> read_cold(std::string const& url,
                                   std::string const& name,
                                   std::size_t at_least) {
    std::vector<std::string> events;
    auto const client = Client::open({.url = url, .token = ServerProcess::kToken}).value();
    Reader reader(client.stream(name).value(), {});
    while (true) {
        auto const patience =
            events.size() < at_least ? std::chrono::seconds(30) : std::chrono::seconds(1);
        auto item = reader.next(patience);
        if (!item || !item.value()) {
            return events;
        }
        if (auto const* delivery = std::get_if<Delivery>(&*item.value())) {
            delivery->each_event(
                [&](DeliveredEvent const& event) { events.push_back(text_of(event.bytes)); });
        }
    }
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        std::string_view const name = argv[i];
        std::string const value = argv[i + 1];
        if (name == "--capstand") {
            options.capstand = value;
        } else if (name == "--dir") {
            options.directory = value;
        } else if (name == "--kills") {
            options.kills = std::stoul(value);
        } else if (name == "--writers") {
            options.writers = std::stoul(value);
        } else if (name == "--streams") {
            options.streams = std::stoul(value);
        } else if (name == "--seed") {
            options.seed = std::stoull(value);
        } else if (name == "--at") {
            options.at = value;
        } else if (name == "--seconds") {
            options.seconds = std::stoul(value);
        } else if (name == "--nodes") {
            std::istringstream urls(value);
            for (std::string url; std::getline(urls, url, ',');) {
                options.nodes.push_back(url);
            }
        }
    }
    return options;
}

/// All who talk to the server at `url`.
class Storm {
  public:
    Storm(Options const& options, std::string const& url) : observer_(options, url, history_) {
        for (std::size_t i = 0; i < options.writers; ++i) {
            writers_.push_back(std::make_unique<Writer>(options, url, history_, i));
        }
    }

    /// `impatient`: no writer waits for its back-off.
    void load_for(milliseconds time, bool impatient) {
        for (auto const until = SteadyClock::now() + time; SteadyClock::now() < until;) {
            for (auto& writer : writers_) {
                writer->write_one();
                impatient ? writer->retry() : void();
            }
            std::this_thread::sleep_for(milliseconds(1));
        }
    }

    void settle() {
        auto const give_up = SteadyClock::now() + std::chrono::seconds(60);
        while (history_.undecided() > 0 && SteadyClock::now() < give_up) {
            for (auto& writer : writers_) {
                writer->retry();
            }
            std::this_thread::sleep_for(milliseconds(20));
        }
    }

    StormHistory const& history() const { return history_; }

  private:
    StormHistory history_;
    Observer observer_;
    std::vector<std::unique_ptr<Writer>> writers_;
};

std::map<std::string, std::vector<std::string>> read_tapes(Options const& options,
                                                           std::string const& url) {
    std::map<std::string, std::vector<std::string>> tapes;
    for (std::size_t i = 0; i < options.streams; ++i) {
        tapes[stream_name(i)] = read_cold(url, stream_name(i), 1);
    }
    return tapes;
}

int tell(std::vector<std::string> const& problems) {
    for (auto const& problem : problems) {
        fmt::print("{}\n", problem);
    }
    return problems.empty() ? 0 : 1;
}

int run_server(Options const& options) {
    ServerProcess server(options.capstand, (options.directory / "data").string());
    SimRandom random(options.seed);
    server.start();
    Storm storm(options, server.url());
    for (std::size_t kill = 0; kill < options.kills; ++kill) {
        storm.load_for(milliseconds(150 + random.below(350)), true);
        server.kill_now();
        server.start();
    }
    storm.load_for(milliseconds(300), true);
    storm.settle();
    auto const& history = storm.history();
    auto problems = history.check(read_tapes(options, server.url()));
    if (auto const code = server.stop(); code != 0) {
        problems.push_back(fmt::format("SIGTERM ended with exit code {}", code));
    }
    auto storage = PosixStorage::open((options.directory / "data" / "journal").string()).value();
    auto const report = verify_journal(*storage).value();
    for (auto const& problem : report.problems) {
        problems.push_back(to_string(problem));
    }
    fmt::print("{} kills, {} writes, {} events confirmed, {} submissions in {} segments\n",
               options.kills,
               history.writes(),
               history.confirmed_events(),
               report.submissions,
               report.segments);
    if (history.confirmed_events() < options.kills) {
        problems.push_back("the storm had no load");
    }
    return tell(problems);
}

int run_nodes(Options const& options) {
    Storm storm(options, options.at);
    storm.load_for(std::chrono::seconds(options.seconds), false);
    storm.settle();
    auto const& history = storm.history();
    std::vector<std::string> problems;
    for (auto const& node : options.nodes) {
        for (auto const& problem : history.check(read_tapes(options, node))) {
            problems.push_back(node + ": " + problem);
        }
    }
    fmt::print("{} writes, {} events confirmed, the slowest write took {} ms\n",
               history.writes(),
               history.confirmed_events(),
               history.slowest().count());
    if (history.confirmed_events() < options.seconds) {
        problems.push_back("the storm had no load");
    }
    return tell(problems);
}

int run(Options const& options) {
    std::filesystem::create_directories(options.directory);
    return options.at.empty() ? run_server(options) : run_nodes(options);
}

}  // namespace
}  // namespace capstan::test

int main(int argc, char** argv) {
    return capstan::test::run(capstan::test::parse(argc, argv));
}
