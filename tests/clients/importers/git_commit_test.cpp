#include <rapidcheck.h>
#include <rapidcheck/boost_test.h>

#include <boost/test/unit_test.hpp>
#include <capstan/importers/git_commit.hpp>
#include <string>
#include <vector>

namespace capstan::importers {
namespace {

std::string const kA(40, 'a');
std::string const kB(40, 'b');
std::string const kNone(40, '0');

/// NUL written as |.
std::string nul(std::string text) {
    for (char& c : text) {
        c = c == '|' ? '\0' : c;
    }
    return text;
}

std::string const kLog =
    nul("commit " + kA + "|Ada|ada@x|1700000000|first|\n:000000 100644 " + kNone + " " + kB +
        " A|a file|:000000 120000 " + kNone + " " + kA + " A|:link|commit " + kB +
        "|B\xc3\xb6||1700000060||commit " + kA + "|C|c@x||commit " + kA + "|\n:100644 100755 " +
        kB + " " + kB + " M|a file|:120000 000000 " + kA + " " + kNone + " D|:link|");

std::vector<GitCommit> const kCommits{
    {.id = kA,
     .author_name = "Ada",
     .author_email = "ada@x",
     .author_time = 1'700'000'000,
     .subject = "first",
     .changes = {{.path = "a file", .mode = 0100644, .blob_before = kNone, .blob = kB},
                 {.path = ":link", .mode = 0120000, .blob_before = kNone, .blob = kA}}},
    {.id = kB, .author_name = "B\xc3\xb6", .author_time = 1'700'000'060},
    {.id = kA,
     .author_name = "C",
     .author_email = "c@x",
     .subject = "commit " + kA,
     .changes = {{.kind = GitChange::Kind::modified,
                  .path = "a file",
                  .mode_before = 0100644,
                  .mode = 0100755,
                  .blob_before = kB,
                  .blob = kB},
                 {.kind = GitChange::Kind::removed,
                  .path = ":link",
                  .mode_before = 0120000,
                  .blob_before = kA,
                  .blob = kNone}}},
};

std::vector<GitCommit> take_all(GitLogParser& parser) {
    std::vector<GitCommit> commits;
    while (auto commit = parser.take()) {
        commits.push_back(std::move(*commit));
    }
    return commits;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(git_commit)

RC_BOOST_PROP(a_log_is_read_in_pieces_of_any_size, (std::vector<std::uint8_t> const& sizes)) {
    GitLogParser parser;
    std::string_view rest = kLog;
    for (auto const size : sizes) {
        RC_ASSERT(parser.feed(rest.substr(0, size)).has_value());
        rest.remove_prefix(std::min<std::size_t>(size, rest.size()));
    }
    RC_ASSERT(parser.feed(rest).has_value());
    RC_ASSERT(parser.finish().has_value());
    RC_ASSERT(take_all(parser) == kCommits);
}

BOOST_AUTO_TEST_CASE(a_commit_is_given_out_once_the_next_one_begins) {
    GitLogParser parser;
    BOOST_TEST(parser.feed(kLog.substr(0, kLog.find("commit " + kB))).has_value());
    BOOST_TEST(!parser.take().has_value());
    BOOST_TEST(parser.feed(nul("commit " + kB + "|")).has_value());
    BOOST_TEST((parser.take() == kCommits.front()));
}

BOOST_AUTO_TEST_CASE(an_empty_log_has_no_commits) {
    GitLogParser parser;
    BOOST_TEST(parser.finish().has_value());
    BOOST_TEST(!parser.take().has_value());
}

struct BadRow {
    std::string name;
    std::string log;
};

BOOST_AUTO_TEST_CASE(what_is_no_log_is_refused) {
    auto const head = "commit " + kA + "|Ada|ada@x|1700000000|first|";
    for (auto const& row : {
             BadRow{"words", "fatal: not a repository|"},
             BadRow{"a short id", "commit aaaa|"},
             BadRow{"no end", head + ":000000 100644 " + kNone + " " + kB + " A|a fi"},
             BadRow{"no path", head + ":000000 100644 " + kNone + " " + kB + " A|"},
             BadRow{"a time of words", "commit " + kA + "|Ada|ada@x|noon|"},
             BadRow{"a rename", head + ":100644 100644 " + kA + " " + kB + " R100|a|b|"},
             BadRow{"a mode that is no number", head + ":1006x4 100644 " + kA + " " + kB + " M|a|"},
             BadRow{"a short blob", head + ":100644 100644 " + kA + " bbbb M|a|"},
             BadRow{"a path without a change", head + "a file|"},
         }) {
        BOOST_TEST_CONTEXT(row.name) {
            GitLogParser parser;
            bool const read = parser.feed(nul(row.log)).has_value() && parser.finish().has_value();
            BOOST_TEST(!read);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_tree_is_read_and_written_as_git_prints_it) {
    auto const text = nul("100644 blob " + kA + "\ta file|120000 blob " + kB +
                          "\ttab\there|160000 commit " + kB + "\tmodule|");
    auto const entries = parse_ls_tree(text);
    BOOST_TEST_REQUIRE(entries.has_value());
    std::string written;
    for (auto const& entry : entries.value()) {
        written += to_string(entry) + '\0';
    }
    BOOST_TEST(written == text);
    BOOST_TEST(!parse_ls_tree(nul("100644 blob aaaa\ta|")).has_value());
    BOOST_TEST(!parse_ls_tree("what").has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan::importers
