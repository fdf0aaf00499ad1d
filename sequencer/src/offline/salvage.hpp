#pragma once
#include <capstan/engine/runtime/storage.hpp>
#include <functional>
#include <vector>

#include "repair_losses.hpp"

namespace capstan {

/// The history that is left of a journal with lost positions, each submission at its old position:
/// what was lost, and what a touched stream has behind its first loss, is a heartbeat, which
/// changes nothing. Where nobody knows which streams were touched, it ends before the first loss.
class Salvage {
  public:
    /// Lifetime: all outlive this.
    Salvage(Storage& journal,
            VerifyReport const& report,
            std::vector<FrameExtent> const& frames,
            std::vector<LostRange> const& lost,
            Touched const& touched)
        : journal_(journal), report_(report), frames_(frames), lost_(lost), touched_(touched) {}

    using Take = std::function<Result<>(Position position, ByteView record)>;
    using TakeAside = std::function<void(Position position, ByteView record)>;
    /// Hands the history on; `aside` gets what is left out of it. Errors: `disk_io`, of `take`.
    Result<> run(Take const& take, TakeAside const& aside = {});

    /// Its last position.
    Position end() const;

  private:
    Result<> take_frame(FrameExtent const& frame, Take const& take, TakeAside const& aside);
    Result<> fill(Position through, Take const& take);
    bool is_lost(Position position) const;
    bool is_aside(Position position, ByteView record) const;

    Storage& journal_;
    VerifyReport const& report_;
    std::vector<FrameExtent> const& frames_;
    std::vector<LostRange> const& lost_;
    Touched const& touched_;
    Position at_;  // the last one handed on
};

}  // namespace capstan
