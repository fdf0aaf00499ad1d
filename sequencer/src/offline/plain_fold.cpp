#include "plain_fold.hpp"

namespace capstan {

Result<> PlainFold::add(ByteView record) {
    auto const view = SubmissionView::decode(record);
    if (!view && view.error().code == Errc::format_unknown) {
        return view.error();
    }
    if (!view) {
        fold_malformed(partition_, record);
        return success();
    }
    auto const verdict = fold_known(view.value(), record);
    if (verdict.outcome == Verdict::stopped) {
        return Error{verdict.reason.value_or(Errc::format_unknown),
                     "behind position " + std::to_string(partition_.position.value)};
    }
    events_ += verdict.outcome == Verdict::accepted ? verdict.count : 0;
    return success();
}

Verdict PlainFold::fold_known(SubmissionView const& view, ByteView record) {
    StreamRow new_stream;
    DeviceRow new_device;
    StreamRow* stream = &new_stream;
    DeviceRow* device = &new_device;
    if (names_stream(view.kind)) {
        new_stream.name = view.stream;
        auto const found = streams_.find(view.stream);
        stream = found == streams_.end() ? stream : &found->second;
    }
    if (names_device(view.kind) && stream->known()) {
        auto const found = devices_.find({stream->number, view.device});
        device = found == devices_.end() ? device : &found->second;
    }
    auto const verdict = fold({partition_, *stream, *device}, view, record);
    // Rows that were never seen are no part of the state.
    if (device == &new_device && new_device.known()) {
        devices_.emplace(std::pair(stream->number, view.device), new_device);
    }
    if (stream == &new_stream && new_stream.known()) {
        streams_.emplace(new_stream.name, new_stream);
    }
    return verdict;
}

StreamRow const* PlainFold::find(std::string_view stream) const {
    auto const found = streams_.find(stream);
    return found == streams_.end() ? nullptr : &found->second;
}

}  // namespace capstan
