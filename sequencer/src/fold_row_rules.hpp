#pragma once
#include <capstan/sequencer/fold_rows.hpp>
#include <string_view>

namespace capstan {

/// The first rule that does not hold of a row, or nothing. Decoders refuse such a row,
/// `check_invariants` aborts.
std::string_view broken_rule(PartitionRow const& row);
std::string_view broken_rule(StreamRow const& row);
std::string_view broken_rule(DeviceRow const& row);

}  // namespace capstan
