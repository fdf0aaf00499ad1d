#include "merge.hpp"

namespace capstan {

Result<> ObjectMerge::run() {
    for (std::size_t i = 0; i < before_.size(); ++i) {
        // The range of a chunk reaches to the next one's first id, the last one's to the end.
        auto const* const end = i + 1 < before_.size() ? &before_[i + 1].first : nullptr;
        bool const changed = at_ != changes_.end() && (end == nullptr || at_->first < *end);
        if (!changed && chunker_.at_boundary()) {
            keep_(i);
        } else {
            CAPSTAN_TRY(merge(i, end));
        }
    }
    CAPSTAN_TRY(add_changes_until(nullptr));
    if (auto const last = chunker_.finish()) {
        CAPSTAN_TRY(write_(*last));
    }
    return success();
}

Result<> ObjectMerge::merge(std::size_t chunk, std::string const* end) {
    CAPSTAN_TRY(auto const bytes, read_(chunk));
    auto const merge_one =
        [&](ObjectHead const& head, ByteView object, ByteView trail) -> Result<> {
        CAPSTAN_TRY(add_changes_before(head.id));
        if (at_ != changes_.end() && at_->first == head.id) {
            return add_change();
        }
        return add(head, object, trail);
    };
    CAPSTAN_TRY(each_trailed(bytes.object, bytes.trail, merge_one));
    return add_changes_until(end);
}

Result<> ObjectMerge::add_changes_before(std::string_view id) {
    while (at_ != changes_.end() && at_->first < id) {
        CAPSTAN_TRY(add_change());
    }
    return success();
}

Result<> ObjectMerge::add_changes_until(std::string const* end) {
    while (at_ != changes_.end() && (end == nullptr || at_->first < *end)) {
        CAPSTAN_TRY(add_change());
    }
    return success();
}

Result<> ObjectMerge::add_change() {
    auto const& bytes = (at_++)->second;
    if (!bytes) {
        return success();
    }
    CAPSTAN_TRY(auto const head, read_object_head(bytes->object));
    return add(head, bytes->object, bytes->trail);
}

Result<> ObjectMerge::add(ObjectHead const& head, ByteView object, ByteView trail) {
    if (auto const chunk = chunker_.add(head, object, trail)) {
        return write_(*chunk);
    }
    return success();
}

}  // namespace capstan
