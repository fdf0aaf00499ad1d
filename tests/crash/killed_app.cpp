// F21, F22: an application that is killed: it writes to a model as fast as it can and says what is
// stored.
//
//   killed_app write URL TOKEN STORE FIRST COUNT    writes notes FIRST .. FIRST + COUNT - 1, prints
//   each
//                                                   once it is stored; waits for the server if
//                                                   COUNT is reached
//   killed_app check URL TOKEN STORE                sends what is left; prints how many notes there
//                                                   are and what was counted, then the notes, as a
//                                                   device sees them that has nothing stored. A
//                                                   text has each of them as a line, or it fails
#include <algorithm>
#include <capstan/sdk.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace capstan;

constexpr char kStream[] = "storm/app";
constexpr char kLog[] = "log";
constexpr char kBook[] = "book";

template <class T>
T must(Result<T> result) {
    if (!result) {
        std::fprintf(stderr, "%s\n", to_string(result.error()).c_str());
        std::exit(1);
    }
    return std::move(result).value();
}

struct App {
    Client client;
    ModelStream model;

    App(std::string url, std::string token, std::string store)
        : client(must(Client::open(
              {.url = std::move(url), .token = std::move(token), .store = std::move(store)}))),
          model(must(client.model(kStream))) {}
};

void note(MutationBuilder& m, std::int64_t number) {
    if (!m.view().type(kLog)) {
        m.insert("Log", kLog);
    }
    auto const name = std::to_string(number);
    m.insert("Note", name);
    m.add(kLog, "count", 1);
    m.edit_text(kLog, kBook, m.view().size(kLog, kBook, FieldKind::text), 0, name + "\n");
}

/// What was written down, one note a line, each at the end of what its author saw.
std::vector<std::string> lines_of(ModelObject const& log) {
    std::istringstream book(log.text(kBook));
    std::vector<std::string> lines;
    for (std::string line; std::getline(book, line);) {
        lines.push_back(line);
    }
    return lines;
}

bool wait_until(auto condition) {
    for (int tries = 0; tries < 12'000; ++tries) {
        if (condition()) {
            return true;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
}

int write(App& app, std::int64_t first, std::int64_t count) {
    for (auto number = first; number < first + count; ++number) {
        auto const taken =
            app.model.mutate([number](auto& m) { note(m, number); },
                             [number](WriteUpdate const& update) {
                                 if (update.state == WriteState::stored) {
                                     std::printf("%lld\n", static_cast<long long>(number));
                                     std::fflush(stdout);
                                 }
                             });
        if (!taken) {
            std::fprintf(stderr, "%s\n", to_string(taken.error()).c_str());
            return 1;
        }
    }
    return 0;
}

int check(App& app, std::string const& url, std::string const& token) {
    if (!wait_until([&] { return app.model.status().model.pending == 0; })) {
        std::fprintf(stderr, "%zu writes do not get through\n", app.model.outbox().size());
        return 1;
    }
    App fresh(url, token, {});
    auto const agree = [&] {
        return app.model.status().model.applied == fresh.model.status().model.applied &&
               app.model.state_hash() == fresh.model.state_hash();
    };
    if (!wait_until(agree)) {
        std::fprintf(stderr, "the stored model is not what the stream makes\n");
        return 1;
    }
    auto const log = fresh.model.get(kLog).value_or(ModelObject{});  // nothing was ever stored
    auto notes = fresh.model.query("Note").ids();
    auto lines = lines_of(log);
    std::ranges::sort(notes);
    std::ranges::sort(lines);
    if (lines != notes) {
        std::fprintf(stderr, "%zu notes, and %zu lines\n", notes.size(), lines.size());
        return 1;
    }
    std::printf(
        "%zu notes, %lld counted\n", notes.size(), static_cast<long long>(log.number("count")));
    for (auto const& each : notes) {
        std::printf("%s\n", each.c_str());
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 5) {
        std::fprintf(stderr, "see the head of killed_app.cpp\n");
        return 2;
    }
    App app(argv[2], argv[3], argv[4]);
    if (std::string(argv[1]) == "check") {
        return check(app, argv[2], argv[3]);
    }
    return write(app, std::atoll(argv[5]), std::atoll(argv[6]));
}
