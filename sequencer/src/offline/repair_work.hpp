#pragma once
#include <capstan/engine/os/posix_storage.hpp>
#include <capstan/sequencer/backup.hpp>
#include <capstan/sequencer/lmdb_checkpoint_store.hpp>
#include <capstan/sequencer/repair.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "overlay_storage.hpp"
#include "plain_fold.hpp"
#include "salvage.hpp"

namespace capstan {

/// One repair: what planning finds out, applying uses. Files: repair_plan.cpp, repair_apply.cpp.
class Repair {
  public:
    Repair(std::filesystem::path const& directory, RepairOptions const& options)
        : directory_(directory), options_(options) {}

    Result<RepairPlan> plan();
    Result<RepairReport> apply(Random& random);

  private:
    Result<> open();
    Result<> refuse_newer() const;
    Result<> look_at_backup();
    std::set<SegmentNumber> damaged_segments(std::set<SegmentNumber> const& there) const;
    Result<> read_overlay();
    Result<> plan_loss();
    Result<> find_touched();
    Result<bool> predict(PlainFold& fold);
    Result<bool> agrees_with_index(PlainFold const& fold);
    Result<> name_losses(PlainFold const& fold);
    Result<> plan_in_place();
    void add(RepairAction action) { plan_.actions.push_back(std::move(action)); }
    void add_rebuild() {
        RepairAction rebuild;
        rebuild.kind = RepairKind::rebuild_derived;
        rebuild.detail = "index and footers, from the journal alone";
        add(std::move(rebuild));
    }
    void finish_plan();
    Salvage salvage() { return {*overlay_, sound_part_, frames_, lost_, touched_}; }

    Result<> keep_what_changes();
    Result<> take_segments();
    Result<> write_salvaged(Random& random);
    Result<> put_salvaged_in_place();

    std::filesystem::path const& directory_;
    RepairOptions const& options_;
    RepairPlan plan_;
    DataReport found_;
    std::unique_ptr<PosixStorage> journal_;
    std::unique_ptr<BackupStorage> backup_;
    std::unique_ptr<OverlayStorage> overlay_;
    std::set<SegmentNumber> taken_;               // from the backup
    VerifyReport sound_part_;                     // of the overlay
    std::vector<FrameExtent> frames_;             // of the overlay, in order
    std::unique_ptr<LmdbCheckpointStore> index_;  // null: none, or of no use
    std::optional<Checkpoint> checkpoint_;
    std::vector<LostRange> lost_;
    Touched touched_;
    std::filesystem::path kept_;
};

}  // namespace capstan
