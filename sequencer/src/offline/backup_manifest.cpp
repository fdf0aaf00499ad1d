#include <capstan/schema/hash.hpp>
#include <capstan/sequencer/backup.hpp>
#include <cstdio>
#include <fstream>
#include <numeric>
#include <set>
#include <sstream>

namespace capstan {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFirstLine = "capstan backup 1";
constexpr std::string_view kManifestPrefix = "backup-";

Error malformed(std::string detail) {
    return {Errc::malformed, "backup manifest: " + std::move(detail)};
}

std::string hex(std::uint64_t value) {
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
    return text;
}

/// One line's words, read by kind. A word that is missing or of another kind makes `ok` false.
class Words {
  public:
    explicit Words(std::string const& line) : line_(line) {}
    std::string word() {
        std::string text;
        ok_ = ok_ && (line_ >> text);
        return text;
    }
    std::uint64_t number(int base = 10) {
        auto const text = word();
        std::size_t read = 0;
        std::uint64_t value = 0;
        try {
            value = std::stoull(text, &read, base);
        } catch (std::exception const&) {
            ok_ = false;
        }
        ok_ = ok_ && read == text.size();
        return value;
    }
    Hash128 hash() {
        auto const low = number(16);
        return {low, number(16)};
    }
    bool done() {
        std::string more;
        return ok_ && !(line_ >> more);
    }

  private:
    std::istringstream line_;
    bool ok_ = true;
};

std::string put_hash(Hash128 const& hash) {
    return hex(hash.low) + " " + hex(hash.high);
}

/// Pieces of a segment follow one another from its first byte.
Result<> check_pieces(BackupManifest const& manifest) {
    BackupPiece before;
    for (auto const& piece : manifest.pieces) {
        bool const goes_on =
            piece.segment == before.segment ? piece.from == before.to : piece.from == 0;
        bool const in_order = before.segment.value == 0 || piece.segment == before.segment ||
                              piece.segment == before.segment.next();
        if (!goes_on || !in_order || piece.to <= piece.from) {
            return malformed("piece " + piece.name() + " does not follow the one before");
        }
        before = piece;
    }
    bool const ends =
        before.segment == manifest.end.segment && before.to == manifest.end.offset.value;
    return ends ? success() : Result<>(malformed("its pieces do not reach its end"));
}

}  // namespace

std::string BackupPiece::name() const {
    char text[64];
    std::snprintf(text,
                  sizeof text,
                  "%010llu-%010llu-%010llu",
                  static_cast<unsigned long long>(segment.value),
                  static_cast<unsigned long long>(from),
                  static_cast<unsigned long long>(to));
    return text;
}

std::uint64_t BackupManifest::bytes() const {
    return std::accumulate(
        pieces.begin(), pieces.end(), std::uint64_t{0}, [](std::uint64_t sum, auto const& piece) {
            return sum + piece.bytes();
        });
}

std::string encode(BackupManifest const& manifest) {
    std::ostringstream out;
    out << kFirstLine << "\nnumber " << manifest.number << "\ncreated " << manifest.created.micros
        << "\npartition " << manifest.partition << "\nlineage " << hex(manifest.lineage.value)
        << "\nadded " << manifest.bytes_added << "\nend " << manifest.end.position.value << ' '
        << put_hash(manifest.end.chain) << ' ' << manifest.end.segment.value << ' '
        << manifest.end.offset.value << '\n';
    for (auto const& piece : manifest.pieces) {
        out << "piece " << piece.segment.value << ' ' << piece.from << ' ' << piece.to << ' '
            << put_hash(piece.hash) << '\n';
    }
    auto text = out.str();
    return text + "checksum " + hex(hash64(as_bytes(text))) + "\n";
}

Result<BackupManifest> decode_backup_manifest(std::string_view text) {
    auto const last = text.rfind("checksum ");
    if (!text.starts_with("capstan backup ") || last == std::string_view::npos) {
        return malformed("not one");
    }
    if (!text.starts_with(kFirstLine)) {
        return Error{Errc::format_unknown, "a backup of a newer format"};
    }
    if (text.substr(last) != "checksum " + hex(hash64(as_bytes(text.substr(0, last)))) + "\n") {
        return malformed("its checksum differs");
    }
    BackupManifest manifest;
    std::istringstream lines{
        std::string(text.substr(kFirstLine.size() + 1, last - kFirstLine.size() - 1))};
    for (std::string line; std::getline(lines, line);) {
        Words words(line);
        auto const key = words.word();
        if (key == "number") {
            manifest.number = static_cast<std::uint32_t>(words.number());
        } else if (key == "created") {
            manifest.created.micros = static_cast<std::int64_t>(words.number());
        } else if (key == "partition") {
            manifest.partition = static_cast<std::uint32_t>(words.number());
        } else if (key == "lineage") {
            manifest.lineage = Lineage{words.number(16)};
        } else if (key == "added") {
            manifest.bytes_added = words.number();
        } else if (key == "end") {
            manifest.end.position = Position{words.number()};
            manifest.end.chain = words.hash();
            manifest.end.segment = SegmentNumber{words.number()};
            manifest.end.offset = Offset{words.number()};
        } else if (key == "piece") {
            auto& piece = manifest.pieces.emplace_back();
            piece.segment = SegmentNumber{words.number()};
            piece.from = words.number();
            piece.to = words.number();
            piece.hash = words.hash();
        } else {
            return malformed("'" + line + "' is no line of one");
        }
        if (!words.done()) {
            return malformed("'" + line + "' has other words");
        }
    }
    CAPSTAN_TRY(check_pieces(manifest));
    return manifest;
}

Result<std::vector<BackupManifest>> list_backups(fs::path const& backups) {
    std::error_code error;
    std::set<fs::path> paths;
    for (auto at = fs::directory_iterator(backups, error); !error && at != fs::directory_iterator();
         at.increment(error)) {
        auto const name = at->path().filename().string();
        if (name.starts_with(kManifestPrefix) && !name.ends_with(".part")) {
            paths.insert(at->path());
        }
    }
    if (error) {
        return Error{Errc::not_found, backups.string() + ": " + error.message()};
    }
    std::vector<BackupManifest> manifests;
    for (auto const& path : paths) {
        std::ifstream file(path, std::ios::binary);
        std::ostringstream text;
        text << file.rdbuf();
        auto manifest = decode_backup_manifest(text.str());
        if (!manifest) {
            return Error{manifest.error().code, path.string() + ": " + manifest.error().detail};
        }
        manifests.push_back(std::move(manifest).value());
    }
    return manifests;
}

Result<BackupManifest> find_backup(fs::path const& backups, std::optional<std::uint32_t> number) {
    CAPSTAN_TRY(auto all, list_backups(backups));
    for (auto manifest = all.rbegin(); manifest != all.rend(); ++manifest) {
        if (!number || manifest->number == *number) {
            return std::move(*manifest);
        }
    }
    return Error{Errc::not_found,
                 backups.string() + (number ? " has no backup " + std::to_string(*number)
                                            : std::string(" holds no backup"))};
}

}  // namespace capstan
