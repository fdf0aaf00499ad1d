#include <algorithm>
#include <array>
#include <capstan/importers/git_repository.hpp>
#include <charconv>
#include <iterator>
#include <optional>
#include <utility>

#include "subprocess.hpp"

namespace capstan::importers {
namespace {

/// Questions that are asked before answers are read: what both take stays below a pipe's 64 KiB.
constexpr std::size_t kQuestionsMax = 256;

/// Asks `git cat-file --batch-check` for sizes.
class BlobSizes {
  public:
    static Result<BlobSizes> start(std::vector<std::string> const& words) {
        CAPSTAN_TRY(auto git, Subprocess::start(words));
        return BlobSizes(std::move(git));
    }

    /// Fills in the sizes of what the commit adds or changes.
    Result<> fill(GitCommit& commit) {
        std::vector<GitChange*> asked;
        for (auto& change : commit.changes) {
            bool const has_blob =
                change.kind != GitChange::Kind::removed && change.mode != kGitSubmoduleMode;
            if (has_blob) {
                asked.push_back(&change);
            }
            if (asked.size() == kQuestionsMax ||
                (!asked.empty() && &change == &commit.changes.back())) {
                CAPSTAN_TRY(ask(std::exchange(asked, {})));
            }
        }
        return success();
    }

  private:
    explicit BlobSizes(Subprocess git) : git_(std::move(git)) {}

    Result<> ask(std::vector<GitChange*> const& changes) {
        std::string questions;
        for (auto const* change : changes) {
            questions += change->blob + "\n";
        }
        CAPSTAN_TRY(git_.write(questions));
        for (auto* change : changes) {
            CAPSTAN_TRY(auto const answer, line());
            auto const* const end = answer.data() + answer.size();
            auto const [stopped, error] = std::from_chars(answer.data(), end, change->size);
            if (error != std::errc{} || stopped != end) {
                return Error{Errc::not_found, "git has no size of " + change->blob + ": " + answer};
            }
        }
        return success();
    }

    Result<std::string> line() {
        for (;;) {
            if (auto const end = waiting_.find('\n'); end != std::string::npos) {
                auto text = waiting_.substr(0, end);
                waiting_.erase(0, end + 1);
                return text;
            }
            std::array<char, 16'384> chunk{};
            CAPSTAN_TRY(auto const got, git_.read(chunk));
            if (got == 0) {
                CAPSTAN_TRY(git_.finish());
                return Error{Errc::malformed, "git cat-file ended early"};
            }
            waiting_.append(chunk.data(), got);
        }
    }

    Subprocess git_;
    std::string waiting_;
};

Result<> pass_on(GitLogParser& parser, BlobSizes& sizes, GitRepository::Visit const& visit) {
    while (auto commit = parser.take()) {
        CAPSTAN_TRY(sizes.fill(*commit));
        CAPSTAN_TRY(visit(std::move(*commit)));
    }
    return success();
}

}  // namespace

std::vector<std::string> GitRepository::command(std::vector<std::string> words) const {
    std::vector<std::string> all{
        "git", "-C", path_, "--no-replace-objects", "--no-pager", "--literal-pathspecs"};
    for (auto const* setting : {"core.quotePath=false",
                                "diff.ignoreSubmodules=none",
                                "log.showRoot=true",
                                "log.showSignature=false",
                                "log.follow=false",
                                "i18n.logOutputEncoding=UTF-8"}) {
        all.insert(all.end(), {"-c", setting});
    }
    all.insert(
        all.end(), std::make_move_iterator(words.begin()), std::make_move_iterator(words.end()));
    return all;
}

Result<std::string> GitRepository::answer(std::vector<std::string> words) const {
    CAPSTAN_TRY(auto git, Subprocess::start(command(std::move(words))));
    git.close_input();
    std::string text;
    std::array<char, 65'536> chunk{};
    for (;;) {
        CAPSTAN_TRY(auto const got, git.read(chunk));
        if (got == 0) {
            break;
        }
        text.append(chunk.data(), got);
    }
    CAPSTAN_TRY(git.finish());
    return text;
}

Result<std::string> GitRepository::resolve(std::string const& revision) const {
    CAPSTAN_TRY(auto text,
                answer({"rev-parse", "--verify", "--end-of-options", revision + "^{commit}"}));
    while (!text.empty() && text.back() == '\n') {
        text.pop_back();
    }
    return text;
}

Result<std::vector<std::string>> GitRepository::history(std::string const& revision) const {
    CAPSTAN_TRY(auto const id, resolve(revision));
    CAPSTAN_TRY(auto const text, answer({"rev-list", "--first-parent", "--reverse", id}));
    std::vector<std::string> ids;
    for (std::size_t at = 0; at < text.size();) {
        auto const end = text.find('\n', at);
        ids.push_back(text.substr(at, end - at));
        at = end == std::string::npos ? text.size() : end + 1;
    }
    return ids;
}

Result<> GitRepository::log(std::string const& revision,
                            std::string const& after,
                            Visit const& visit) const {
    CAPSTAN_TRY(auto const id, resolve(revision));
    return read_log({"--reverse", after.empty() ? id : after + ".." + id}, visit);
}

Result<GitCommit> GitRepository::commit(std::string const& id) const {
    std::optional<GitCommit> found;
    CAPSTAN_TRY(read_log({"--max-count=1", id}, [&](GitCommit&& commit) -> Result<> {
        found = std::move(commit);
        return success();
    }));
    if (!found) {
        return Error{Errc::not_found, "commit " + id};
    }
    return std::move(*found);
}

Result<> GitRepository::read_log(std::vector<std::string> range, Visit const& visit) const {
    std::vector<std::string> words{"log",
                                   "-z",
                                   "--raw",
                                   "--no-abbrev",
                                   "--first-parent",
                                   "--diff-merges=first-parent",
                                   "--no-renames",
                                   "--no-color",
                                   "--no-ext-diff",
                                   "-O/dev/null",
                                   "--no-textconv",
                                   "--format=" + std::string(kGitLogFormat)};
    std::ranges::move(range, std::back_inserter(words));
    words.push_back("--");
    CAPSTAN_TRY(auto sizes, BlobSizes::start(command({"cat-file", "--batch-check=%(objectsize)"})));
    CAPSTAN_TRY(auto git, Subprocess::start(command(std::move(words))));
    git.close_input();
    GitLogParser parser;
    std::array<char, 65'536> chunk{};
    for (;;) {
        CAPSTAN_TRY(auto const got, git.read(chunk));
        if (got == 0) {
            break;
        }
        CAPSTAN_TRY(parser.feed({chunk.data(), got}));
        CAPSTAN_TRY(pass_on(parser, sizes, visit));
    }
    CAPSTAN_TRY(git.finish());
    CAPSTAN_TRY(parser.finish());
    return pass_on(parser, sizes, visit);
}

Result<std::vector<GitTreeEntry>> GitRepository::files(std::string const& revision) const {
    CAPSTAN_TRY(auto const id, resolve(revision));
    CAPSTAN_TRY(auto const text, answer({"ls-tree", "-r", "-z", "--full-tree", id}));
    return parse_ls_tree(text);
}

}  // namespace capstan::importers
