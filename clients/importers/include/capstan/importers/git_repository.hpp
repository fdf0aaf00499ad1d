#pragma once
#include <capstan/importers/git_commit.hpp>
#include <capstan/schema/error.hpp>
#include <functional>
#include <string>
#include <vector>

namespace capstan::importers {

/// A repository as the installed git reads it. Nothing in it is changed, and no configuration of
/// the user's changes what comes out. Calls block until git has answered.
/// Errors of all: `not_found` (git, repository or revision; the detail is what git says),
/// `malformed` (git said what this build does not know), `disk_io`.
class GitRepository {
  public:
    explicit GitRepository(std::string path) : path_(std::move(path)) {}

    /// The id of the commit that a revision names.
    Result<std::string> resolve(std::string const& revision) const;
    /// Ids of the first-parent history up to a revision, oldest first. Of a shallow clone: what is
    /// there.
    Result<std::vector<std::string>> history(std::string const& revision) const;
    /// Commits of that history behind `after`, or all of it, oldest first, with the sizes of their
    /// blobs. The oldest commit of a repository, or of a shallow clone, adds all of its files.
    using Visit = std::function<Result<>(GitCommit&&)>;
    Result<> log(std::string const& revision, std::string const& after, Visit const& visit) const;
    /// One commit of such a history. Errors: also `not_found` where the log does not show it.
    Result<GitCommit> commit(std::string const& id) const;
    /// The files of a revision, by the bytes of their paths.
    Result<std::vector<GitTreeEntry>> files(std::string const& revision) const;

  private:
    Result<> read_log(std::vector<std::string> range, Visit const& visit) const;
    std::vector<std::string> command(std::vector<std::string> words) const;
    Result<std::string> answer(std::vector<std::string> words) const;
    std::string path_;
};

}  // namespace capstan::importers
