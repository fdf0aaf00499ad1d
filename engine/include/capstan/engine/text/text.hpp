#pragma once
#include <capstan/engine/text/merging.hpp>
#include <capstan/engine/text/rope.hpp>

namespace capstan {

extern template class Merging<Rope>;

/// Text that merges: items are Unicode code points, pieces are UTF-8. `content()` converts places.
using Text = Merging<Rope>;
using TextSplice = Text::Edit;
using RebasedEdit = Text::Rebased;
using TextSnapshot = Text::Snapshot;

}  // namespace capstan
