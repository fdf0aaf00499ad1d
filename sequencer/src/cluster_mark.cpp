#include <capstan/engine/runtime/storage.hpp>
#include <capstan/schema/bytes.hpp>
#include <capstan/sequencer/cluster_mark.hpp>
#include <sstream>

namespace capstan {
namespace {

constexpr char const* kFile = "cluster";
constexpr char const* kPart = "cluster.part";
constexpr std::size_t kBytesMax = 1'024;

}  // namespace

Result<std::optional<ClusterMark>> read_cluster_mark(Storage& data) {
    auto opened = data.open(kFile, OpenMode::read);
    if (!opened && opened.error().code == Errc::not_found) {
        return std::optional<ClusterMark>{};
    }
    CAPSTAN_TRY(auto const file, std::move(opened));
    std::string text(kBytesMax, '\0');
    CAPSTAN_TRY(auto const bytes, file->pread(std::as_writable_bytes(std::span(text)), 0));
    text.resize(bytes);
    std::istringstream words(text);
    std::string cluster_word;
    std::string kafka_word;
    ClusterMark mark;
    words >> cluster_word >> mark.cluster >> kafka_word >> mark.kafka_id;
    if (!words || cluster_word != "cluster" || kafka_word != "kafka") {
        return Error{Errc::format_unknown, data.describe() + "/" + kFile};
    }
    return std::optional(std::move(mark));
}

Result<> write_cluster_mark(Storage& data, ClusterMark const& mark) {
    // What a crash left of an earlier attempt.
    if (auto const removed = data.remove(kPart);
        !removed && removed.error().code != Errc::not_found) {
        return removed;
    }
    auto const text = "cluster " + mark.cluster + "\nkafka " + mark.kafka_id + "\n";
    CAPSTAN_TRY(auto const file, data.open(kPart, OpenMode::create));
    CAPSTAN_TRY(file->pwrite(as_bytes(text), 0));
    CAPSTAN_TRY(file->datasync());
    CAPSTAN_TRY(data.rename(kPart, kFile));
    return data.sync();
}

}  // namespace capstan
