#include <algorithm>
#include <capstan/importers/git_replay.hpp>

#include "git_layout.hpp"
#include "import_layout.hpp"

namespace capstan::importers {
namespace {

Error not_an_import(std::string detail) {
    return Error{Errc::malformed, "no git import: " + std::move(detail)};
}

/// The commit that the event begins or continues.
std::optional<std::string> commit_of(Event const& event) {
    for (auto const& op : event.ops) {
        bool const begins = op.kind == OpKind::insert && op.type == layout::kCommitType;
        bool const continues = op.kind == OpKind::set && op.field == layout::kPart;
        if ((begins || continues) && op.object.starts_with(layout::kCommitPrefix)) {
            return op.object.substr(layout::kCommitPrefix.size());
        }
    }
    return std::nullopt;
}

}  // namespace

Result<> PlainReplay::apply(Event const& event) {
    for (auto const& op : event.ops) {
        CAPSTAN_TRY(apply(op));
    }
    return success();
}

Result<> PlainReplay::apply(Op const& op) {
    if (op.kind == OpKind::insert) {
        objects_[op.object] = Object{op.type, {}};
        return success();
    }
    auto const at = objects_.find(op.object);
    if (at == objects_.end()) {
        return Error{Errc::malformed, "an operation on '" + op.object + "', which isn't there"};
    }
    switch (op.kind) {
        case OpKind::set:
            at->second.fields[op.field] = op.value;
            return success();
        case OpKind::unset:
            at->second.fields.erase(op.field);
            return success();
        case OpKind::remove:
            objects_.erase(at);
            return success();
        default:
            return Error{Errc::malformed,
                         "plain replay knows no operation of kind " +
                             std::to_string(static_cast<unsigned>(op.kind))};
    }
}

PlainReplay::Object const* PlainReplay::find(std::string const& id) const {
    auto const at = objects_.find(id);
    return at == objects_.end() ? nullptr : &at->second;
}

Result<> GitReplay::apply(
    Seq seq, Dot const& dot, Attempt attempt, Seq preceding_seq, Event const& event) {
    CAPSTAN_INVARIANT(seq == head_.next());
    CAPSTAN_TRY(objects_.apply(event));
    head_ = seq;
    if (seq == Seq{1}) {
        CAPSTAN_TRY(read_import());
    }
    CAPSTAN_TRY(read_commit(event));

    if (seq == Seq{1} || dot.device != last_device_) {
        last_device_ = dot.device;
        streak_first_ = seq;
    }
    // It has seen 1..p, and its own device's events before it.
    not_in_order_ += preceding_seq.next() < streak_first_ ? 1 : 0;
    authors_[dot.device] = AuthorState{Link{dot.counter, attempt}, preceding_seq};
    return success();
}

Result<> GitReplay::read_import() {
    auto const* object = objects_.find(std::string(layout::kImport));
    auto const* id = object == nullptr ? nullptr : object->field<std::string>(layout::kId);
    if (id == nullptr) {
        return not_an_import("its first event does not begin one");
    }
    auto const* format = object->field<std::int64_t>(layout::kFormat);
    if (format == nullptr || *format != kGitImportFormat) {
        return Error{Errc::format_unknown,
                     "the import's format is not " + std::to_string(kGitImportFormat)};
    }
    CAPSTAN_TRY(auto const device, parse_device(*id));
    import_ = ImportId{device};
    return success();
}

Result<> GitReplay::read_commit(Event const& event) {
    auto const id = commit_of(event);
    auto const* object = id ? objects_.find(object_of_commit(*id)) : nullptr;
    if (object == nullptr) {
        return not_an_import("event " + std::to_string(head_.value) + " is no commit");
    }
    if (*id != commit_) {
        if (!commit_is_whole()) {
            return not_an_import("commit " + commit_ + " lacks a part");
        }
        auto const* parts = object->field<std::int64_t>(layout::kParts);
        commit_ = *id;
        commits_ += 1;
        parts_ =
            parts == nullptr ? 1 : static_cast<std::uint64_t>(std::max<std::int64_t>(*parts, 1));
        parts_seen_ = 1;
        return success();
    }
    auto const* part = object->field<std::int64_t>(layout::kPart);
    parts_seen_ += 1;
    if (part == nullptr || *part < 0 || static_cast<std::uint64_t>(*part) != parts_seen_ ||
        parts_seen_ > parts_) {
        return not_an_import("parts of commit " + commit_ + " are out of order");
    }
    return success();
}

Result<std::vector<GitTreeEntry>> GitReplay::files() const {
    std::vector<GitTreeEntry> entries;
    for (auto const& [id, object] : objects_.objects()) {
        if (object.type != layout::kFileType) {
            continue;
        }
        auto const* blob = object.field<std::string>(layout::kBlob);
        auto const* mode = object.field<std::int64_t>(layout::kMode);
        if (blob == nullptr || mode == nullptr) {
            return not_an_import("file '" + id + "' lacks a field");
        }
        auto const* path = object.field<Bytes>(layout::kPath);
        entries.push_back({static_cast<std::uint32_t>(*mode),
                           *blob,
                           path == nullptr ? id : std::string(as_text(*path))});
    }
    std::ranges::sort(entries, {}, &GitTreeEntry::path);
    return entries;
}

}  // namespace capstan::importers
