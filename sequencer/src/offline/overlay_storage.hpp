#pragma once
#include <capstan/schema/ids.hpp>
#include <capstan/sequencer/read_only_storage.hpp>
#include <set>

namespace capstan {

/// A journal, where some segments are read from a backup as far as it has them. For reading only.
/// Lifetime: both storages outlive it.
class OverlayStorage final : public ReadOnlyStorage {
  public:
    explicit OverlayStorage(Storage& journal) : journal_(journal) {}
    void take(Storage& backup, SegmentNumber segment);

    Result<std::unique_ptr<File>> open(std::string_view name, OpenMode mode) override;
    Result<std::vector<std::string>> list() override;
    Result<std::uint64_t> free_bytes() override;
    std::string describe() const override { return journal_.describe(); }

  private:
    Storage& journal_;
    Storage* backup_ = nullptr;
    std::set<std::string, std::less<>> taken_;  // names of segments
};

}  // namespace capstan
