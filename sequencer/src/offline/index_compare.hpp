#pragma once
#include <capstan/schema/error.hpp>
#include <capstan/sequencer/checkpoint_store.hpp>
#include <string>
#include <vector>

namespace capstan {

/// Compares a store with the truth, folded up to the same position: streams with their numbers,
/// rows and last changes, links, and runs of segments that are not sealed. (Rows of devices are in
/// the state hash.) Returns what differs, the first few. Errors: those of the stores.
Result<std::vector<std::string>> compare_stores(CheckpointStore const& truth,
                                                CheckpointStore const& kept);

}  // namespace capstan
