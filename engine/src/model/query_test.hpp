#pragma once
#include <capstan/engine/model/query.hpp>
#include <capstan/engine/model/stored_value.hpp>

namespace capstan {

/// Whether a register's value passes the test against the wanted one.
bool holds(Query::Test test, StoredValue const& value, StoredValue const& wanted);

}  // namespace capstan
