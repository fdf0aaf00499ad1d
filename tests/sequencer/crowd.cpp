#include "crowd.hpp"

#include <boost/test/unit_test.hpp>

namespace capstan::test {
namespace {

/// A text of a few to a few thousand bytes that tells which event it is.
std::string event_text(Random& random, std::string const& stream, std::size_t number) {
    auto text = stream + "#" + std::to_string(number) + ":";
    text.append(random.below(8) == 0 ? random.below(3'000) : random.below(100), 'x');
    return text;
}

}  // namespace

Crowd::Crowd(PartitionWorld& world,
             std::size_t streams,
             std::size_t devices,
             std::string const& room,
             std::uint64_t first_device)
    : world_(world) {
    for (std::size_t i = 0; i < devices; ++i) {
        auto const stream = room + std::to_string(i % streams);
        authors_.push_back({.author = {.stream = stream, .device = device(first_device + i)}});
    }
}

void Crowd::publish(std::size_t runs) {
    for (std::size_t i = 0; i < runs; ++i) {
        auto& one = authors_[world_.random.below(authors_.size())];
        std::vector<std::string> events;
        for (auto n = 1 + world_.random.below(4); n > 0; --n) {
            events.push_back(event_text(world_.random, one.author.stream, made_++));
        }
        auto record = one.author.record(events);
        one.sent.push_back({events, record, world_.submit(record)});
        one.author.sent(events.size());
        if (world_.random.chance(1, 3)) {
            world_.run();
        }
    }
}

void Crowd::send_again() {
    for (auto& one : authors_) {
        for (auto& run : one.sent) {
            if (!run.first) {
                run.token = world_.submit(run.record);
            }
        }
    }
    world_.run();
}

void Crowd::take_answers() {
    for (auto& one : authors_) {
        for (auto& run : one.sent) {
            auto const answer = world_.heard.verdicts.find(run.token);
            if (run.first || answer == world_.heard.verdicts.end()) {
                continue;
            }
            auto const& verdict = answer->second;
            BOOST_TEST(
                (verdict.outcome == Verdict::accepted || verdict.outcome == Verdict::duplicate));
            BOOST_TEST(verdict.count == run.events.size());
            run.first = verdict.first;
        }
    }
}

void Crowd::check() {
    std::map<std::string, std::vector<std::string>> tapes;
    for (auto& one : authors_) {
        if (!tapes.contains(one.author.stream)) {
            tapes[one.author.stream] = world_.read_all(one.author.stream);
        }
        auto const& tape = tapes[one.author.stream];
        std::size_t after = 0;
        for (auto const& run : one.sent) {
            if (!run.first) {
                continue;
            }
            for (std::size_t i = 0; i < run.events.size(); ++i) {
                auto const at = run.first->value - 1 + i;
                BOOST_TEST_REQUIRE(at < tape.size());
                BOOST_TEST(tape[at] == run.events[i]);
                BOOST_TEST(at >= after);
                after = at + 1;
            }
        }
    }
    check_no_phantom(tapes);
}

/// I2, I9.
void Crowd::check_no_phantom(std::map<std::string, std::vector<std::string>> const& tapes) {
    std::map<std::string, int> there;
    for (auto const& [stream, tape] : tapes) {
        for (auto const& event : tape) {
            BOOST_TEST(++there[event] == 1);
        }
    }
    for (auto const& one : authors_) {
        for (auto const& run : one.sent) {
            for (auto const& event : run.events) {
                there.erase(event);
            }
        }
    }
    BOOST_TEST(there.empty());
}

}  // namespace capstan::test
