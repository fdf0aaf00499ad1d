#include <algorithm>
#include <capstan/importers/git_events.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/schema/limits.hpp>
#include <utility>

#include "git_layout.hpp"
#include "import_layout.hpp"
#include "utf8.hpp"

namespace capstan::importers {
namespace {

/// Room for the head of an event and for one change more.
constexpr std::size_t kPartOpsMax = kEventOpsMax - 64;
constexpr std::size_t kPartBytesMax = kEventBytesMax - 100'000;
constexpr std::size_t kTextBytesMax = 4'096;
/// Upper bound of what FlatBuffers adds to the words of an operation.
constexpr std::size_t kOpOverheadBytes = 96;

Op on_object(OpKind kind, std::string const& object) {
    return Op{.kind = kind, .object = object};
}

Op insert(std::string const& object, std::string_view type) {
    auto op = on_object(OpKind::insert, object);
    op.type = type;
    return op;
}

Op set(std::string const& object, std::string_view field, Value value) {
    auto op = on_object(OpKind::set, object);
    op.field = field;
    op.value = std::move(value);
    return op;
}

/// A subject or a name may be as long as its author liked; here it is for people.
std::string shortened(std::string_view text) {
    return valid_utf8(text.substr(0, kTextBytesMax));
}

bool is_object_id(std::string_view path) {
    return path.size() <= kObjectIdBytesMax && is_utf8(path);
}

void add_commit(std::vector<Op>& ops, GitCommit const& commit) {
    auto const object = object_of_commit(commit.id);
    auto const author = commit.author_name + " <" + commit.author_email + ">";
    ops.push_back(insert(object, layout::kCommitType));
    ops.push_back(set(object, layout::kAuthor, shortened(author)));
    ops.push_back(set(object, layout::kTime, commit.author_time));
    ops.push_back(set(object, layout::kSubject, shortened(commit.subject)));
}

void add_blob(std::vector<Op>& ops, std::string const& object, GitChange const& change) {
    ops.push_back(set(object, layout::kBlob, change.blob));
    ops.push_back(set(object, layout::kSize, static_cast<std::int64_t>(change.size)));
}

void add_mode(std::vector<Op>& ops, std::string const& object, GitChange const& change) {
    ops.push_back(set(object, layout::kMode, std::int64_t{change.mode}));
}

std::vector<Op> ops_of(GitChange const& change) {
    auto const object = object_of(change.path);
    std::vector<Op> ops;
    switch (change.kind) {
        case GitChange::Kind::removed:
            ops.push_back(on_object(OpKind::remove, object));
            break;
        case GitChange::Kind::added:
            ops.push_back(insert(object, layout::kFileType));
            if (!is_object_id(change.path)) {
                auto const raw = as_bytes(change.path);
                ops.push_back(set(object, layout::kPath, Bytes(raw.begin(), raw.end())));
            }
            add_blob(ops, object, change);
            add_mode(ops, object, change);
            break;
        case GitChange::Kind::modified:
            if (change.blob != change.blob_before) {
                add_blob(ops, object, change);
            }
            if (change.mode != change.mode_before) {
                add_mode(ops, object, change);
            }
            break;
    }
    return ops;
}

/// At least what the operations, which are all on one object, take in an event.
std::size_t bytes_of(std::vector<Op> const& ops) {
    std::size_t sum = ops.empty() ? 0 : ops.front().object.size();
    for (auto const& op : ops) {
        auto const* text = std::get_if<std::string>(&op.value);
        auto const* bytes = std::get_if<Bytes>(&op.value);
        sum += kOpOverheadBytes + op.field.size() + op.type.size() +
               (text != nullptr ? text->size() : 0) + (bytes != nullptr ? bytes->size() : 0);
    }
    return sum;
}

/// Cuts operations into parts; those of one change stay together.
class Parts {
  public:
    explicit Parts(std::vector<Op> head) : bytes_(bytes_of(head)) {
        events_.push_back(Event{.ops = std::move(head)});
    }
    void add(std::vector<Op> ops, Op const& continued) {
        auto const bytes = bytes_of(ops);
        if (events_.back().ops.size() + ops.size() > kPartOpsMax ||
            bytes_ + bytes > kPartBytesMax) {
            Op part = continued;
            part.value = static_cast<std::int64_t>(events_.size() + 1);
            events_.push_back(Event{.ops = {std::move(part)}});
            bytes_ = kOpOverheadBytes;
        }
        bytes_ += bytes;
        auto& target = events_.back().ops;
        target.insert(
            target.end(), std::make_move_iterator(ops.begin()), std::make_move_iterator(ops.end()));
    }
    std::vector<Event> take() { return std::move(events_); }

  private:
    std::vector<Event> events_;
    std::size_t bytes_;  // of the last event
};

}  // namespace

std::string object_of(std::string_view path) {
    return is_object_id(path)
               ? std::string(path)
               : std::string(layout::kPathPrefix) + to_string(hash128(as_bytes(path)));
}

std::string object_of_commit(std::string_view id) {
    return std::string(layout::kCommitPrefix) + std::string(id);
}

DeviceId author_device(ImportId const& import, GitCommit const& commit) {
    return author_device(
        import, "capstan import git author", {commit.author_name, commit.author_email});
}

std::vector<Event> events_of(GitCommit const& commit, std::optional<ImportId> const& first) {
    std::vector<Op> head;
    if (first) {
        head = import_ops(*first, layout::kGitSource, kGitImportFormat);
    }
    add_commit(head, commit);
    auto const object = object_of_commit(commit.id);
    auto const parts_at = head.size();
    Parts parts(std::move(head));
    Op const continued = set(object, layout::kPart, {});
    for (auto const& change : commit.changes) {
        parts.add(ops_of(change), continued);
    }
    auto events = parts.take();
    if (events.size() > 1) {
        auto& ops = events.front().ops;
        ops.insert(ops.begin() + static_cast<std::ptrdiff_t>(parts_at),
                   set(object, layout::kParts, static_cast<std::int64_t>(events.size())));
    }
    return events;
}

}  // namespace capstan::importers
