#pragma once
#include <capstan/engine/model/model.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace capstan {

/// Which objects of one type, in which order, at most how many.
struct Query {
    enum class Order : std::uint8_t {
        causal,   // by insert stamp: what its author had seen, runs kept together
        arrival,  // by the seq of the insert
        field,    // by the value of the register `by`; objects without one come first
    };
    enum class Test : std::uint8_t { equal, not_equal, less, at_most, greater, at_least, absent };
    /// A condition on a register. Only values of one kind compare as less or greater; an absent
    /// value meets `not_equal` and `absent` alone.
    struct Where {
        std::string field;
        Test test = Test::equal;
        Value value;
    };

    std::string type;
    std::vector<Where> where;  // all of them
    Order order = Order::causal;
    std::string by;
    bool descending = false;
    std::size_t limit = ~std::size_t{0};
};

/// Live objects in the query's order; equal ones by insert stamp, then by id. Valid until the next
/// event is applied. The newest k by `causal` cost O(k) where all match; other orders look at all
/// objects of the type and keep the k best.
std::vector<Object const*> query(Model const& model, Query const& query);

}  // namespace capstan
