#include "refold.hpp"

namespace capstan::cli {

Result<> Refold::add(ByteView record) {
    auto const view = SubmissionView::decode(record);
    if (!view && view.error().code == Errc::format_unknown) {
        return view.error();
    }
    if (!view) {
        malformed_ += 1;
        fold_malformed(partition_, record);
    } else if (auto const verdict = fold_known(view.value(), record);
               verdict.outcome == Verdict::stopped) {
        return Error{verdict.reason.value_or(Errc::format_unknown),
                     "behind position " + std::to_string(partition_.position.value)};
    } else {
        events_ += verdict.outcome == Verdict::accepted ? verdict.count : 0;
    }
    if (state_mark_due(partition_.position)) {
        state_hash();
        note_state(partition_);
    }
    return success();
}

Verdict Refold::fold_known(SubmissionView const& view, ByteView record) {
    StreamRow no_stream;
    DeviceRow no_device;
    Stream* stream = nullptr;
    std::pair<DeviceRow, HashShare>* device = nullptr;
    if (names_stream(view.kind)) {
        auto const [at, added] = streams_.try_emplace(std::string(view.stream));
        stream = &at->second;
        stream->row.name = added ? at->first : stream->row.name;
    }
    if (stream != nullptr && names_device(view.kind)) {
        device = &stream->devices[view.device];
    }
    auto const verdict = fold({partition_,
                               stream == nullptr ? no_stream : stream->row,
                               device == nullptr ? no_device : device->first},
                              view,
                              record);
    // Rows that were never seen are no part of the state.
    if (device != nullptr && !device->first.known()) {
        stream->devices.erase(view.device);
    }
    if (stream != nullptr && !stream->row.known()) {
        streams_.erase(stream->row.name);
    }
    return verdict;
}

std::uint64_t Refold::state_hash() {
    for (auto& [name, stream] : streams_) {
        stream.share.settle(partition_, row_hash(stream.row));
        for (auto& [id, device] : stream.devices) {
            device.second.settle(partition_, row_hash(name, id, device.first));
        }
    }
    return partition_.state_hash;
}

}  // namespace capstan::cli
