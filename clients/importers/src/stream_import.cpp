#include <algorithm>
#include <capstan/importers/stream_import.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/schema/limits.hpp>
#include <capstan/schema/submission.hpp>
#include <cstring>
#include <utility>

namespace capstan::importers {
namespace {

/// A request's body. A run that is larger goes alone; the largest one is still taken by servers.
constexpr std::size_t kBatchBytes = 768 * 1'024;
static_assert(kBatchBytes < kSubmissionBytesMax && kSubmissionBytesMax < kMessageBytesMax);
constexpr FoldPolicy kPolicy;
/// A device that says nothing for so long is soon no member any more.
constexpr std::uint64_t kHoldEvery = kPolicy.window / 2;

/// The same each time, so that an import goes on as the device that it was.
DeviceId holder_of(std::string const& stream) {
    auto const hash = hash128(as_bytes("capstan import, the merge mark of " + stream));
    DeviceId device;
    std::memcpy(device.bytes.data(), &hash.low, sizeof hash.low);
    std::memcpy(device.bytes.data() + sizeof hash.low, &hash.high, sizeof hash.high);
    return device;
}

}  // namespace

StreamImport::StreamImport(Target target)
    : target_(std::move(target)),
      chain_(chain_start(target_.stream)),
      holder_(holder_of(target_.stream)) {}

Error StreamImport::other(std::string const& what) const {
    return {Errc::position_conflict, target_.stream + " " + what};
}

Result<> StreamImport::begin(ExportedStream const& stream) {
    if (stream.after == at_) {
        return success();
    }
    if (at_ != Seq{} || stream.name != target_.stream) {
        return other("cannot begin with event " + std::to_string(stream.after.next().value) +
                     ": what stands before it is not here");
    }
    at_ = stream.after;
    chain_ = stream.chain;
    already_there_ = at_.value;
    return at_ <= target_.head
               ? success()
               : Result<>(other("ends with event " + std::to_string(target_.head.value) +
                                ", and the file goes on behind " + std::to_string(at_.value)));
}

Result<> StreamImport::take(ExportedRun run) {
    if (auto const before = std::exchange(waiting_, {})) {
        CAPSTAN_TRY(place(*before, run.mark_before));
    }
    waiting_ = std::move(run);
    return success();
}

Result<> StreamImport::end() {
    if (auto const last = std::exchange(waiting_, {})) {
        CAPSTAN_TRY(place(*last, last->mark_before));
    }
    close_batch();
    return success();
}

Result<> StreamImport::finish() const {
    return target_.head <= at_
               ? success()
               : Result<>(other("has " + std::to_string(target_.head.value) +
                                " events, the file only " + std::to_string(at_.value)));
}

Result<> StreamImport::place(ExportedRun const& run, Seq mark_after) {
    ByteReader in(run.delivered);
    CAPSTAN_TRY(auto const view, DeliveredRunView::take(in));
    if (run.first != at_.next()) {
        return Error{Errc::malformed, "a run that does not follow the one before"};
    }
    bool const is_there = run.first <= target_.head;
    auto const last = at_.plus(view.run().count());
    if (!is_there) {
        if (batch_.runs.size() + view.bytes().size() > kBatchBytes) {
            close_batch();
        }
        if (batch_.runs.empty()) {
            batch_.head = at_;
        }
        hold_mark(run.first, last, mark_after, view.gateway_time());
        ByteWriter(batch_.runs).put(view.bytes());
    }
    chain_ = chain_behind(chain_, run.first, view);
    at_ = last;
    already_there_ += is_there ? view.run().count() : 0;
    batch_.head_after = at_;
    batch_.chain_after = chain_;
    bool const crosses = is_there && at_ > target_.head;
    if (crosses || (at_ == target_.head && chain_ != target_.chain)) {
        return other("holds other events than the file");
    }
    return success();
}

/// Where nobody holds the mark back it stands `grace` behind the head, and can't come out higher.
void StreamImport::hold_mark(Seq first, Seq last, Seq mark_after, WallTime time) {
    bool const is_held = mark_after.value + kPolicy.grace < last.value;
    bool const is_said = held_ && *held_ >= mark_after && first.value - held_at_.value < kHoldEvery;
    if (!is_held || is_said) {
        return;
    }
    held_ = std::min(std::max(mark_after, held_.value_or(Seq{})), Seq{first.value - 1});
    held_at_ = first;
    auto const floor = encode_run(
        {.attempt = Attempt::of(1, 1), .after = {}, .preceding_seq = *held_, .flags = 0}, {});
    encode_delivered_run(batch_.runs, holder_, time, floor);
}

void StreamImport::close_batch() {
    if (!batch_.runs.empty()) {
        ready_.push_back(std::exchange(batch_, {}));
    }
}

std::optional<StreamImport::Batch> StreamImport::take_batch() {
    if (ready_.empty()) {
        return std::nullopt;
    }
    auto batch = std::move(ready_.front());
    ready_.pop_front();
    return batch;
}

}  // namespace capstan::importers
