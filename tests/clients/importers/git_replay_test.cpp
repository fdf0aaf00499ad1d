#include <boost/test/unit_test.hpp>
#include <capstan/importers.hpp>
#include <capstan/schema/limits.hpp>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace capstan::importers {
namespace {

ImportId const kImport{parse_device("000102030405060708090a0b0c0d0e0f").value()};
Attempt const kAttempt = Attempt::of(1, 7);

template <class T>
boost::test_tools::assertion_result ok(Result<T> const& result) {
    boost::test_tools::assertion_result answer(result.has_value());
    if (!result) {
        answer.message() << to_string(result.error());
    }
    return answer;
}

/// The small repository of make_repository, in a folder that goes with this.
class Repository {
  public:
    Repository() {
        static int made = 0;
        folder_ = std::filesystem::temp_directory_path() /
                  ("capstan-git-" + std::to_string(::getpid()) + "-" + std::to_string(++made));
        auto const command = "tests/clients/importers/make_repository '" + path() + "' 2>/dev/null";
        BOOST_TEST_REQUIRE(std::system(command.c_str()) == 0);
    }
    ~Repository() { std::filesystem::remove_all(folder_); }
    std::string path() const { return folder_.string(); }

  private:
    std::filesystem::path folder_;
};

/// A server of one stream: gives events their places, and knows what each device did.
class Sequencer {
  public:
    explicit Sequencer(GitReplay& replay) : replay_(replay) {}
    void publish(DeviceId const& device, Event const& event) {
        auto const before = replay_.head();
        auto const bytes = encode_event(event);
        BOOST_TEST_REQUIRE(bytes.size() <= kEventBytesMax);
        auto const read_back = decode_event(bytes);
        BOOST_TEST_REQUIRE(ok(read_back));
        auto& counter = counters_[device];
        counter = counter.next();
        auto const applied =
            replay_.apply(before.next(), {device, counter}, kAttempt, before, read_back.value());
        BOOST_TEST_REQUIRE(ok(applied));
    }

  private:
    GitReplay& replay_;
    std::map<DeviceId, Counter> counters_;
};

Result<> import_all(GitRepository const& repository,
                    GitReplay& replay,
                    std::function<Result<>(GitCommit const&)> const& after_each) {
    Sequencer sequencer(replay);
    return repository.log("HEAD", replay.commit(), [&](GitCommit&& commit) -> Result<> {
        auto const first = replay.import() ? std::nullopt : std::optional(kImport);
        for (auto const& event : events_of(commit, first)) {
            sequencer.publish(author_device(kImport, commit), event);
        }
        return after_each(commit);
    });
}

GitCommit big_commit(std::size_t files) {
    GitCommit commit{.id = std::string(40, 'c'), .author_name = "Ada", .subject = "all of it"};
    for (std::size_t i = 0; i < files; ++i) {
        auto const number = std::to_string(i);
        commit.changes.push_back({.path = std::string(200, 'p') + number,
                                  .mode = 0100644,
                                  .blob_before = std::string(40, '0'),
                                  .blob = std::string(40 - number.size(), 'b') + number,
                                  .size = i});
    }
    return commit;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(git_replay)

BOOST_AUTO_TEST_CASE(the_files_after_each_commit_are_rebuilt_from_the_events_alone) {
    Repository const folder;
    GitRepository const repository(folder.path());
    GitReplay replay;
    std::uint64_t commits = 0;
    auto const imported = import_all(repository, replay, [&](GitCommit const& commit) -> Result<> {
        BOOST_TEST_CONTEXT(commit.subject) {
            commits += 1;
            CAPSTAN_TRY(auto const files, repository.files(commit.id));
            BOOST_TEST((replay.files().value() == files));
        }
        return success();
    });
    BOOST_TEST_REQUIRE(ok(imported));
    auto const history = repository.history("HEAD").value();
    BOOST_TEST(commits == history.size());
    BOOST_TEST(replay.commits() == history.size());
    BOOST_TEST(replay.commit() == history.back());
    BOOST_TEST(replay.head().value == history.size());
    BOOST_TEST(replay.not_in_order() == 0u);
    // Ada with two addresses, Bjørn, and one whose name is not UTF-8; the side branch's author is
    // not on the first-parent history.
    BOOST_TEST(replay.authors().size() == 4u);
    BOOST_TEST(replay.files().value().size() == 9u);
}

BOOST_AUTO_TEST_CASE(a_shallow_clone_begins_with_all_the_files_that_are_there) {
    Repository const folder;
    auto const clone = folder.path() + "/shallow";
    auto const command =
        "git clone -q --depth 3 'file://" + folder.path() + "' '" + clone + "' 2>/dev/null";
    BOOST_TEST_REQUIRE(std::system(command.c_str()) == 0);
    GitRepository const repository(clone);
    GitReplay replay;
    BOOST_TEST_REQUIRE(import_all(repository, replay, [](auto const&) -> Result<> {
                           return success();
                       }).has_value());
    BOOST_TEST(replay.commits() == 3u);
    BOOST_TEST((replay.files().value() == repository.files("HEAD").value()));
}

BOOST_AUTO_TEST_CASE(the_log_goes_on_behind_a_commit) {
    Repository const folder;
    GitRepository const repository(folder.path());
    auto const history = repository.history("HEAD").value();
    for (std::size_t i = 0; i < history.size(); ++i) {
        std::vector<std::string> rest;
        auto const logged = repository.log("HEAD", history[i], [&](GitCommit&& commit) -> Result<> {
            rest.push_back(commit.id);
            return success();
        });
        BOOST_TEST(ok(logged));
        BOOST_TEST((rest == std::vector(history.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                        history.end())));
    }
}

BOOST_AUTO_TEST_CASE(a_commit_too_large_for_one_event_becomes_several) {
    for (std::size_t const files : {1'000u, 1'100u, 5'000u}) {
        BOOST_TEST_CONTEXT(files) {
            auto const commit = big_commit(files);
            auto const events = events_of(commit, kImport);
            BOOST_TEST((events == events_of(commit, kImport)));
            BOOST_TEST((events.size() > 1) == (files > 1'007));
            GitReplay replay;
            Sequencer sequencer(replay);
            for (std::size_t i = 0; i < events.size(); ++i) {
                sequencer.publish(author_device(kImport, commit), events[i]);
                BOOST_TEST(replay.parts() == events.size());
                BOOST_TEST(replay.parts_seen() == i + 1);
            }
            BOOST_TEST(replay.commit_is_whole());
            BOOST_TEST(replay.commits() == 1u);
            BOOST_TEST(replay.files().value().size() == files);
        }
    }
}

BOOST_AUTO_TEST_CASE(an_event_that_has_not_seen_all_before_it_is_counted) {
    auto const commit = big_commit(1);
    auto other = commit;
    other.id = std::string(40, 'd');
    auto third = commit;
    third.id = std::string(40, 'e');
    DeviceId const ada = parse_device("0000000000000000000000000000000a").value();
    DeviceId const bob = parse_device("0000000000000000000000000000000b").value();
    GitReplay replay;
    auto const apply = [&](std::uint64_t seq,
                           DeviceId const& device,
                           std::uint64_t counter,
                           std::uint64_t p,
                           GitCommit const& what) {
        auto const first = seq == 1 ? std::optional(kImport) : std::nullopt;
        BOOST_TEST(replay
                       .apply(Seq{seq},
                              {device, Counter{counter}},
                              kAttempt,
                              Seq{p},
                              events_of(what, first).front())
                       .has_value());
    };
    apply(1, ada, 1, 0, commit);
    apply(2, ada, 2, 0, other);  // it follows its own device's event
    BOOST_TEST(replay.not_in_order() == 0u);
    apply(3, bob, 1, 1, third);  // it has not seen event 2
    BOOST_TEST(replay.not_in_order() == 1u);
    BOOST_TEST((replay.authors().at(ada).last == Link{Counter{2}, kAttempt}));
    BOOST_TEST(replay.authors().at(bob).preceding_seq.value == 1u);
}

BOOST_AUTO_TEST_CASE(a_stream_that_is_no_import_is_told_apart) {
    GitReplay replay;
    Event const other{.ops = {{.kind = OpKind::insert, .object = "note", .type = "Note"}}};
    auto const applied = replay.apply(Seq{1}, {kImport.value, Counter{1}}, kAttempt, Seq{0}, other);
    BOOST_TEST_REQUIRE(!applied.has_value());
    BOOST_TEST((applied.error().code == Errc::malformed));
}

BOOST_AUTO_TEST_CASE(git_says_what_is_wrong_with_a_repository) {
    GitRepository const nowhere("/nonexistent/repository");
    auto const id = nowhere.resolve("HEAD");
    BOOST_TEST_REQUIRE(!id.has_value());
    BOOST_TEST((id.error().code == Errc::not_found));
    BOOST_TEST(id.error().detail.find("/nonexistent/repository") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan::importers
