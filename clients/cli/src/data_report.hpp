#pragma once
#include <capstan/cli/output.hpp>
#include <capstan/sequencer/data_check.hpp>
#include <string>
#include <vector>

namespace capstan::cli {

/// A report as its schema says: schema/verify_report.schema.json beside this room's sources.
std::string to_json(DataReport const& report, std::string const& directory);

}  // namespace capstan::cli
