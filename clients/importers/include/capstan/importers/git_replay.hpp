#pragma once
#include <capstan/importers/author.hpp>
#include <capstan/importers/git_commit.hpp>
#include <capstan/importers/git_events.hpp>
#include <capstan/schema/event.hpp>
#include <capstan/schema/ids.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace capstan::importers {

/// Objects as plain replay leaves them: operations in seq order, the last one wins. Right for a
/// stream whose every event has seen all before it.
class PlainReplay {
  public:
    struct Object {
        std::string type;
        std::map<std::string, Value> fields;
        /// Nothing if there is no such field or it holds another kind of value.
        template <class T>
        T const* field(std::string_view name) const {
            auto const at = fields.find(std::string(name));
            return at == fields.end() ? nullptr : std::get_if<T>(&at->second);
        }
    };

    /// Errors: `malformed`: an operation on an object that isn't there, or one that plain replay
    /// doesn't know.
    Result<> apply(Event const& event);
    std::map<std::string, Object> const& objects() const { return objects_; }
    Object const* find(std::string const& id) const;

  private:
    Result<> apply(Op const& op);
    std::map<std::string, Object> objects_;
};

/// Reads a stream that `import git` wrote: the files after each event, how far the import has come,
/// and what each author's device has done, so that it can go on.
class GitReplay {
  public:
    /// Events 1, 2, 3, … in order. Errors: `malformed` (no such stream), `format_unknown`.
    Result<> apply(Seq seq, Dot const& dot, Attempt attempt, Seq preceding_seq, Event const& event);

    Seq head() const { return head_; }
    /// Events whose author has not seen all events before it; 0 in a stream that is sound.
    std::uint64_t not_in_order() const { return not_in_order_; }
    std::uint64_t commits() const { return commits_; }
    std::optional<ImportId> const& import() const { return import_; }
    std::map<DeviceId, AuthorState> const& authors() const { return authors_; }

    /// The newest commit, and how many of its parts there are. Empty before the first.
    std::string const& commit() const { return commit_; }
    std::uint64_t parts() const { return parts_; }  // of the newest commit
    std::uint64_t parts_seen() const { return parts_seen_; }
    bool commit_is_whole() const { return parts_seen_ == parts_; }

    /// Sorted as `git ls-tree -r` does: by the bytes of the path. Errors: `malformed` (a file lacks
    /// a field).
    Result<std::vector<GitTreeEntry>> files() const;

  private:
    Result<> read_import();
    Result<> read_commit(Event const& event);

    PlainReplay objects_;
    Seq head_;
    DeviceId last_device_;
    Seq streak_first_;  // since when every event is last_device_'s
    std::uint64_t not_in_order_ = 0;
    std::uint64_t commits_ = 0;
    std::optional<ImportId> import_;
    std::map<DeviceId, AuthorState> authors_;
    std::string commit_;
    std::uint64_t parts_ = 0;
    std::uint64_t parts_seen_ = 0;
};

}  // namespace capstan::importers
