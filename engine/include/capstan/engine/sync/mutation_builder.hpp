#pragma once
#include <capstan/engine/model/view.hpp>
#include <capstan/schema/event.hpp>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace capstan::sync {

/// Says one event, operation by operation, and reads what its author sees before it.
///
///     m.insert("Message", "m1", {{"text", "hi"}, {"by", me}});
///     m.add("room", "messages", 1);
///
/// Nothing is checked here: the event is, as a whole, when it is complete.
/// Lifetime: within the call that it is given to.
class MutationBuilder {
  public:
    using FieldValues = std::initializer_list<std::pair<std::string_view, Value>>;

    explicit MutationBuilder(View const& view) : view_(view) {}

    /// What is there before this event.
    View const& view() const { return view_; }

    /// Begins an object; fields are registers, set in the same event.
    void insert(std::string_view type, std::string_view object, FieldValues fields = {});
    void remove(std::string_view object) { add_op(OpKind::remove, object, {}); }

    // Registers.
    void set(std::string_view object, std::string_view field, Value value);
    void unset(std::string_view object, std::string_view field) {
        add_op(OpKind::unset, object, field);
    }
    // Counters.
    void add(std::string_view object, std::string_view field, std::int64_t delta);
    void set_counter(std::string_view object, std::string_view field, std::int64_t total);
    // Sets.
    void add_element(std::string_view object, std::string_view field, Value element);
    void remove_element(std::string_view object, std::string_view field, Value element);
    // Maps.
    void put(std::string_view object, std::string_view field, std::string_view key, Value value);
    void erase(std::string_view object, std::string_view field, std::string_view key);
    // Lists.
    void list_insert(std::string_view object, std::string_view field, std::uint64_t at, Value);
    void list_remove(std::string_view object,
                     std::string_view field,
                     std::uint64_t at,
                     std::uint64_t count = 1);
    void list_move(std::string_view object,
                   std::string_view field,
                   std::uint64_t from,
                   std::uint64_t to);
    /// A text: at code point `at`, `count` code points give way to `content` (UTF-8).
    void edit_text(std::string_view object,
                   std::string_view field,
                   std::uint64_t at,
                   std::uint64_t count,
                   std::string_view content);
    /// Anything else: an operation as it is.
    void op(Op op) { event_.ops.push_back(std::move(op)); }

    Event take() { return std::exchange(event_, {}); }

  private:
    Op& add_op(OpKind kind, std::string_view object, std::string_view field);

    View const& view_;
    Event event_;
};

}  // namespace capstan::sync
