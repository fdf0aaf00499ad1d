#pragma once
#include <capstan/schema/error.hpp>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace capstan::importers {

inline constexpr std::uint32_t kGitSubmoduleMode = 0160000;

/// What a commit did to one path, against its first parent. Renames are a removal and an addition.
struct GitChange {
    enum class Kind : std::uint8_t { added, modified, removed };
    Kind kind = Kind::added;
    std::string path;  // any bytes but NUL, as git stores it
    std::uint32_t mode_before = 0;
    std::uint32_t mode = 0;
    std::string blob_before;
    std::string blob;        // hex; a submodule's commit
    std::uint64_t size = 0;  // of the blob; 0 for a submodule
    friend bool operator==(GitChange const&, GitChange const&) = default;
};

struct GitCommit {
    std::string id;  // hex
    std::string author_name;
    std::string author_email;
    std::int64_t author_time = 0;  // seconds since 1970
    std::string subject;
    std::vector<GitChange> changes;  // in git's order of paths; sizes are not known to the log
    friend bool operator==(GitCommit const&, GitCommit const&) = default;
};

/// Reads what `git log` prints with kGitLogFormat, `-z`, `--raw` and `--no-abbrev`, in pieces of
/// any size:
///
///   log    := commit*
///   commit := "commit " id NUL name NUL email NUL seconds NUL subject NUL (LF change+)?
///   change := ":" mode SP mode SP blob SP blob SP letter NUL path NUL
class GitLogParser {
  public:
    /// Errors: `malformed`.
    Result<> feed(std::string_view piece);
    /// No more pieces come: what is there is whole, or `malformed`.
    Result<> finish();
    /// The next commit that is known to be whole.
    std::optional<GitCommit> take();

  private:
    enum class Expect : std::uint8_t { commit, name, email, time, subject, change, path };
    Result<> token(std::string_view text);
    Result<> begin_commit(std::string_view text);
    Result<> begin_change(std::string_view text);

    std::string unfinished_;  // a token whose end has not come
    Expect expect_ = Expect::commit;
    std::optional<GitCommit> open_;
    std::deque<GitCommit> whole_;
};
inline constexpr std::string_view kGitLogFormat = "tformat:commit %H%x00%an%x00%ae%x00%at%x00%s";

/// One file of a tree.
struct GitTreeEntry {
    std::uint32_t mode = 0;
    std::string blob;
    std::string path;
    friend auto operator<=>(GitTreeEntry const&, GitTreeEntry const&) = default;
};
/// As `git ls-tree -r -z` prints it, without the NUL: `100644 blob 8ab686… path`, a tab before the
/// path.
std::string to_string(GitTreeEntry const& entry);
/// Reads `git ls-tree -r -z`. Errors: `malformed`.
Result<std::vector<GitTreeEntry>> parse_ls_tree(std::string_view text);

}  // namespace capstan::importers
