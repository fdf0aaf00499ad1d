#include <capstan/sdk/model_stream.hpp>

namespace capstan {

std::string ModelObject::text(std::string_view field) const {
    auto const found = value.fields.find(std::string(field));
    if (found != value.fields.end()) {
        if (auto const* const text = std::get_if<coalesce::TextField>(&found->second)) {
            return text->text;
        }
    }
    return get<std::string>(field).value_or(std::string());
}

std::int64_t ModelObject::number(std::string_view field) const {
    auto const found = value.fields.find(std::string(field));
    if (found != value.fields.end()) {
        if (auto const* const counter = std::get_if<coalesce::CounterField>(&found->second)) {
            return counter->total;
        }
    }
    return get<std::int64_t>(field).value_or(0);
}

ModelQuery::ModelQuery(ModelStream const& stream, std::string_view type) : stream_(stream) {
    query_.type = type;
}

ModelQuery&& ModelQuery::where(std::string_view field, Value value) && {
    return std::move(*this).where(field, Query::Test::equal, std::move(value));
}

ModelQuery&& ModelQuery::where(std::string_view field, Query::Test test, Value value) && {
    query_.where.push_back({std::string(field), test, std::move(value)});
    return std::move(*this);
}

ModelQuery&& ModelQuery::order_by(Query::Order order, Direction direction) && {
    query_.order = order;
    query_.descending = direction == desc;
    return std::move(*this);
}

ModelQuery&& ModelQuery::order_by(std::string_view field, Direction direction) && {
    query_.by = field;
    return std::move(*this).order_by(Query::Order::field, direction);
}

ModelQuery&& ModelQuery::limit(std::size_t objects) && {
    query_.limit = objects;
    return std::move(*this);
}

}  // namespace capstan
