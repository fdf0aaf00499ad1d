#include <capstan/engine/sync/mutation_builder.hpp>

namespace capstan::sync {

Op& MutationBuilder::add_op(OpKind kind, std::string_view object, std::string_view field) {
    Op& op = event_.ops.emplace_back();
    op.kind = kind;
    op.object = object;
    op.field = field;
    return op;
}

void MutationBuilder::insert(std::string_view type, std::string_view object, FieldValues fields) {
    add_op(OpKind::insert, object, {}).type = type;
    for (auto const& [field, value] : fields) {
        set(object, field, value);
    }
}

void MutationBuilder::set(std::string_view object, std::string_view field, Value value) {
    add_op(OpKind::set, object, field).value = std::move(value);
}

void MutationBuilder::add(std::string_view object, std::string_view field, std::int64_t delta) {
    add_op(OpKind::add, object, field).value = delta;
}

void MutationBuilder::set_counter(std::string_view object,
                                  std::string_view field,
                                  std::int64_t total) {
    add_op(OpKind::counter_set, object, field).value = total;
}

void MutationBuilder::add_element(std::string_view object, std::string_view field, Value element) {
    add_op(OpKind::set_add, object, field).value = std::move(element);
}

void MutationBuilder::remove_element(std::string_view object,
                                     std::string_view field,
                                     Value element) {
    add_op(OpKind::set_remove, object, field).value = std::move(element);
}

void MutationBuilder::put(std::string_view object,
                          std::string_view field,
                          std::string_view key,
                          Value value) {
    Op& op = add_op(OpKind::map_put, object, field);
    op.key = key;
    op.value = std::move(value);
}

void MutationBuilder::erase(std::string_view object, std::string_view field, std::string_view key) {
    add_op(OpKind::map_remove, object, field).key = key;
}

void MutationBuilder::list_insert(std::string_view object,
                                  std::string_view field,
                                  std::uint64_t at,
                                  Value value) {
    Op& op = add_op(OpKind::list_insert, object, field);
    op.at = at;
    op.value = std::move(value);
}

void MutationBuilder::list_remove(std::string_view object,
                                  std::string_view field,
                                  std::uint64_t at,
                                  std::uint64_t count) {
    Op& op = add_op(OpKind::list_remove, object, field);
    op.at = at;
    op.count = count;
}

void MutationBuilder::list_move(std::string_view object,
                                std::string_view field,
                                std::uint64_t from,
                                std::uint64_t to) {
    Op& op = add_op(OpKind::list_move, object, field);
    op.at = from;
    op.to = to;
}

void MutationBuilder::edit_text(std::string_view object,
                                std::string_view field,
                                std::uint64_t at,
                                std::uint64_t count,
                                std::string_view content) {
    Op& op = add_op(OpKind::splice, object, field);
    op.at = at;
    op.count = count;
    op.value = std::string(content);
}

}  // namespace capstan::sync
