#include <algorithm>
#include <array>
#include <capstan/importers/git_commit.hpp>
#include <charconv>
#include <utility>

namespace capstan::importers {
namespace {

constexpr std::string_view kCommitWord = "commit ";
/// SHA-1 and SHA-256 in hex.
constexpr std::array<std::size_t, 2> kIdLengths{40, 64};

Error bad_output(std::string_view what, std::string_view text) {
    return Error{Errc::malformed,
                 "git printed no " + std::string(what) + ": " + std::string(text.substr(0, 80))};
}

bool is_hex(std::string_view text) {
    return std::ranges::all_of(
        text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_id(std::string_view text) {
    return std::ranges::find(kIdLengths, text.size()) != kIdLengths.end() && is_hex(text);
}

template <class Number>
bool read_number(std::string_view text, Number& target, int base = 10) {
    auto const* const end = text.data() + text.size();
    auto const [stopped, error] = std::from_chars(text.data(), end, target, base);
    return error == std::errc{} && stopped == end;
}

/// The text up to the next separator, which is dropped; `rest` becomes what follows.
std::string_view cut(std::string_view& rest, char separator) {
    auto const at = rest.find(separator);
    auto const word = rest.substr(0, at);
    rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
    return word;
}

std::optional<GitChange::Kind> kind_of(std::string_view letter) {
    if (letter == "A") {
        return GitChange::Kind::added;
    }
    if (letter == "M" || letter == "T") {  // T: a file became a link, or the like
        return GitChange::Kind::modified;
    }
    if (letter == "D") {
        return GitChange::Kind::removed;
    }
    return std::nullopt;
}

std::string octal(std::uint32_t mode) {
    std::array<char, 16> digits{};
    auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), mode, 8).ptr;
    std::string const text(digits.data(), end);
    return text.size() < 6 ? std::string(6 - text.size(), '0') + text : text;
}

}  // namespace

Result<> GitLogParser::feed(std::string_view piece) {
    for (;;) {
        auto const end = piece.find('\0');
        if (end == std::string_view::npos) {
            unfinished_ += piece;
            return success();
        }
        auto const part = piece.substr(0, end);
        if (unfinished_.empty()) {
            CAPSTAN_TRY(token(part));
        } else {
            unfinished_ += part;
            CAPSTAN_TRY(token(std::exchange(unfinished_, {})));
        }
        piece.remove_prefix(end + 1);
    }
}

Result<> GitLogParser::finish() {
    if (!unfinished_.empty() || (expect_ != Expect::commit && expect_ != Expect::change)) {
        return bad_output("whole log", unfinished_);
    }
    if (open_) {
        whole_.push_back(*std::exchange(open_, std::nullopt));
    }
    expect_ = Expect::commit;
    return success();
}

std::optional<GitCommit> GitLogParser::take() {
    if (whole_.empty()) {
        return std::nullopt;
    }
    GitCommit commit = std::move(whole_.front());
    whole_.pop_front();
    return commit;
}

Result<> GitLogParser::token(std::string_view text) {
    switch (expect_) {
        case Expect::commit:
            return begin_commit(text);
        case Expect::name:
            open_->author_name = text;
            expect_ = Expect::email;
            return success();
        case Expect::email:
            open_->author_email = text;
            expect_ = Expect::time;
            return success();
        case Expect::time:
            // A broken date comes out empty; the commit has a place all the same.
            if (!text.empty() && !read_number(text, open_->author_time)) {
                return bad_output("time", text);
            }
            expect_ = Expect::subject;
            return success();
        case Expect::subject:
            open_->subject = text;
            expect_ = Expect::change;
            return success();
        case Expect::change:
            text.remove_prefix(text.starts_with('\n') ? 1 : 0);  // before the first change
            return text.starts_with(':') ? begin_change(text) : begin_commit(text);
        case Expect::path:
            open_->changes.back().path = text;
            expect_ = Expect::change;
            return success();
    }
    return success();
}

Result<> GitLogParser::begin_commit(std::string_view text) {
    if (!text.starts_with(kCommitWord) || !is_id(text.substr(kCommitWord.size()))) {
        return bad_output("commit", text);
    }
    if (open_) {
        whole_.push_back(*std::exchange(open_, std::nullopt));
    }
    open_.emplace().id = text.substr(kCommitWord.size());
    expect_ = Expect::name;
    return success();
}

Result<> GitLogParser::begin_change(std::string_view text) {
    auto rest = text.substr(1);
    GitChange change;
    bool const modes = read_number(cut(rest, ' '), change.mode_before, 8) &
                       read_number(cut(rest, ' '), change.mode, 8);
    change.blob_before = cut(rest, ' ');
    change.blob = cut(rest, ' ');
    auto const kind = kind_of(rest);
    if (!modes || !is_id(change.blob_before) || !is_id(change.blob) || !kind) {
        return bad_output("change that this build knows", text);
    }
    change.kind = *kind;
    open_->changes.push_back(std::move(change));
    expect_ = Expect::path;
    return success();
}

std::string to_string(GitTreeEntry const& entry) {
    auto const* const type = entry.mode == kGitSubmoduleMode ? " commit " : " blob ";
    return octal(entry.mode) + type + entry.blob + "\t" + entry.path;
}

Result<std::vector<GitTreeEntry>> parse_ls_tree(std::string_view text) {
    std::vector<GitTreeEntry> entries;
    while (!text.empty()) {
        auto const line = cut(text, '\0');
        auto rest = line;
        GitTreeEntry entry;
        bool const mode = read_number(cut(rest, ' '), entry.mode, 8);
        cut(rest, ' ');  // the type follows from the mode
        entry.blob = cut(rest, '\t');
        entry.path = rest;
        if (!mode || !is_id(entry.blob) || entry.path.empty()) {
            return bad_output("tree", line);
        }
        entries.push_back(std::move(entry));
    }
    return entries;
}

}  // namespace capstan::importers
