#pragma once
#include <capstan/importers/author.hpp>
#include <capstan/importers/git_commit.hpp>
#include <capstan/schema/event.hpp>
#include <capstan/schema/ids.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// How a git history stands in a stream. A commit is one event:
///
///   /import          Import  id, source, format    in the first event alone
///   /commit/<id>     Commit  author, time, subject; parts if the commit takes several events
///   <path>           File    blob, mode, size
///
/// A path that is longer than an object id may be, or not UTF-8, has the object `/path/<hash>` with
/// a field `path`. No path of git begins with a slash, so ids cannot meet.
///
/// A commit with too many changes for one event becomes several in a row: the first holds the
/// Commit with `parts` = n, the k-th sets the commit's `part` = k. The cut depends on the commit
/// alone, so an import that was cut off between two parts goes on with the next one.
namespace capstan::importers {

inline constexpr std::int64_t kGitImportFormat = 1;

/// The device that an author is in a stream: a hash of the import's id, name and address. Authors
/// with two addresses are two devices, as nothing tells that they are one.
DeviceId author_device(ImportId const& import, GitCommit const& commit);

/// The events of a commit, one or more. `first` names the import in the stream's first event.
std::vector<Event> events_of(GitCommit const& commit, std::optional<ImportId> const& first);

/// The object that stands for a path.
std::string object_of(std::string_view path);
std::string object_of_commit(std::string_view id);

}  // namespace capstan::importers
