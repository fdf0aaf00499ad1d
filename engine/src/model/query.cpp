#include <algorithm>
#include <capstan/engine/model/query.hpp>

#include "model/query_test.hpp"

namespace capstan {
namespace {

using Entry = InsertOrder::Entry;

class Search {
  public:
    Search(Model const& model, Query const& query) : model_(model), query_(query) {
        for (Query::Where const& where : query.where) {
            conditions_.push_back({name(where.field), where.test, StoredValue(where.value)});
        }
        by_ = name(query.by);
    }

    std::vector<Object const*> run() {
        auto const type = model_.tables().names.find(query_.type);
        auto const at = type ? model_.by_insert().find(*type) : model_.by_insert().end();
        if (at == model_.by_insert().end()) {
            return {};
        }
        if (query_.order == Query::Order::causal) {
            walk(at->second);
        } else {
            select(at->second);
        }
        std::vector<Object const*> out;
        for (Entry const& entry : found_) {
            out.push_back(&object(entry));
        }
        return out;
    }

  private:
    struct Condition {
        std::optional<NameNumber> field;
        Query::Test test;
        StoredValue value;
    };

    std::optional<NameNumber> name(std::string const& field) const {
        return model_.tables().names.find(field);
    }
    Object const& object(Entry const& entry) const { return model_.objects().at(entry.slot); }

    StoredValue const& value(Entry const& entry, std::optional<NameNumber> field) const {
        static StoredValue const kAbsent;
        auto const* const found =
            field ? object(entry).fields.find(*field, FieldKind::reg) : nullptr;
        return found == nullptr ? kAbsent : found->value.value;
    }

    bool matches(Entry const& entry) const {
        return std::ranges::all_of(conditions_, [&](Condition const& condition) {
            return holds(condition.test, value(entry, condition.field), condition.value);
        });
    }

    /// In the order of the index, until there are enough.
    void walk(InsertOrder const& order) {
        auto const take = [&](Entry const& entry) {
            if (found_.size() < query_.limit && matches(entry)) {
                found_.push_back(entry);
            }
            return found_.size() < query_.limit;
        };
        auto const& chunks = order.chunks();
        if (query_.descending) {
            std::any_of(chunks.rbegin(), chunks.rend(), [&](auto const& chunk) {
                return !std::all_of(chunk.rbegin(), chunk.rend(), take);
            });
        } else {
            std::any_of(chunks.begin(), chunks.end(), [&](auto const& chunk) {
                return !std::all_of(chunk.begin(), chunk.end(), take);
            });
        }
    }

    bool before(Entry const& x, Entry const& y) const {
        auto const by_key = query_.order == Query::Order::arrival ? x.seq <=> y.seq
                                                                  : value(x, by_) <=> value(y, by_);
        bool const less = by_key != 0 ? by_key < 0 : InsertOrder::before(x, y, model_.objects());
        return query_.descending ? x.slot != y.slot && !less : less;
    }

    /// The best `limit` of all, in a heap whose top is the worst of them.
    void select(InsertOrder const& order) {
        auto const less = [&](Entry const& x, Entry const& y) { return before(x, y); };
        for (auto const& chunk : order.chunks()) {
            for (Entry const& entry : chunk) {
                if (query_.limit == 0 || !matches(entry)) {
                    continue;
                }
                if (found_.size() == query_.limit) {
                    if (!less(entry, found_.front())) {
                        continue;
                    }
                    std::pop_heap(found_.begin(), found_.end(), less);
                    found_.pop_back();
                }
                found_.push_back(entry);
                std::push_heap(found_.begin(), found_.end(), less);
            }
        }
        std::sort_heap(found_.begin(), found_.end(), less);
    }

    Model const& model_;
    Query const& query_;
    std::vector<Condition> conditions_;
    std::optional<NameNumber> by_;
    std::vector<Entry> found_;
};

}  // namespace

bool holds(Query::Test test, StoredValue const& value, StoredValue const& wanted) {
    using Test = Query::Test;
    auto const order = value <=> wanted;
    bool const comparable = value.kind() == wanted.kind();
    switch (test) {
        case Test::equal:
            return order == 0;
        case Test::not_equal:
            return order != 0;
        case Test::less:
            return comparable && order < 0;
        case Test::at_most:
            return comparable && order <= 0;
        case Test::greater:
            return comparable && order > 0;
        case Test::at_least:
            return comparable && order >= 0;
        case Test::absent:
            return value.absent();
    }
    return false;
}

std::vector<Object const*> query(Model const& model, Query const& query) {
    return Search(model, query).run();
}

}  // namespace capstan
