#pragma once
#include <capstan/schema/event.hpp>

namespace capstan::coalesce {

/// Whether two values are the same one. Doubles are compared by their bits: a NaN equals itself,
/// two NaNs with different bits differ, and so do 0.0 and -0.0. Kinds differ: 1 is not 1.0.
bool same(Value const& a, Value const& b);

/// A total order that agrees with `same`, for sorted containers. It means nothing else.
struct ValueLess {
    bool operator()(Value const& a, Value const& b) const;
};

}  // namespace capstan::coalesce
