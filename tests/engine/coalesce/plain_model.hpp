// What operations mean to their author, written down as plainly as possible: the oracle for
// coalescing. One author, no concurrency; what is empty is not there.
#pragma once
#include <capstan/engine/coalesce.hpp>
#include <capstan/engine/coalesce/value_order.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace capstan::test {

class PlainModel {
  public:
    struct Object {
        std::string type;
        std::map<std::string, Value> registers;
        std::map<std::string, std::uint64_t> counters;  // modulo 2^64
        std::map<std::string, std::set<Value, coalesce::ValueLess>> sets;
        std::map<std::string, std::map<std::string, Value>> maps;
        std::map<std::string, std::vector<Value>> lists;
        std::map<std::string, std::u32string> texts;
        friend bool operator==(Object const&, Object const&) = default;
    };

    /// An operation on an object that is not there is void; a place must be inside.
    void apply(Op const& op);
    void apply(std::vector<Op> const& ops);
    void apply(std::vector<Event> const& events);

    std::map<std::string, Object> const& objects() const { return objects_; }
    /// Ids in the order in which they were inserted; those of one event are equal in order.
    std::vector<std::set<std::string>> const& order() const { return order_; }
    friend bool operator==(PlainModel const& a, PlainModel const& b) {
        return a.objects_ == b.objects_ && a.order_ == b.order_;
    }

  private:
    void apply_to(Object& object, Op const& op);

    std::map<std::string, Object> objects_;
    std::vector<std::set<std::string>> order_;
};

/// As `coalesce::assign` takes it.
coalesce::ObjectValue value_of(PlainModel::Object const& object);

}  // namespace capstan::test
