#pragma once
#include <algorithm>
#include <capstan/engine/model/object.hpp>
#include <capstan/engine/model/tables.hpp>
#include <cstdint>
#include <span>
#include <vector>

#include "model/canonical_io.hpp"

namespace capstan {

/// Writes an object, or what a window section says of it. Grammar: canonical_write.cpp.
class ObjectWriter {
  public:
    ObjectWriter(Bytes& out, Object const& object, Tables const& tables, std::uint64_t mark)
        : out_(out), object_(object), tables_(tables), mark_(mark) {
        for (Field const& field : object.fields.all()) {
            fields_.push_back(&field);
        }
        std::ranges::sort(fields_, [&](Field const* x, Field const* y) {
            auto const& x_name = tables_.names.str(x->name);
            auto const& y_name = tables_.names.str(y->name);
            return x_name != y_name ? x_name < y_name : x->kind < y->kind;
        });
    }

    void object();
    /// False if there is none, and nothing is written.
    bool facts();

    // Parts of an object, for those who write others than the whole.
    /// By name, then kind.
    std::span<Field const* const> fields() const { return fields_; }
    void head();
    void name(Field const& field) {
        out_.text(tables_.names.str(field.name));
        out_.byte(static_cast<std::uint8_t>(field.kind));
    }
    /// What it holds. Precondition: it holds something.
    void field(Field const& field);

  private:
    void elements(Field const& field);
    void merged(Field const& field);
    void reg(Register const& reg);
    bool has_facts(Field const& field) const;
    bool has_facts(Element const& element) const;
    void fact(Field const& field);
    void element_facts(Field const& field);
    void adds(Field const& field);
    void siblings(Register const& reg);

    std::uint64_t since(std::uint64_t seq) const { return seq - object_.inserted.seq; }
    void touch(Touch const& touch) {
        out_.number(since(touch.seq));
        out_.number(touch.device);
    }
    void touch_or_none(Touch const& touch) {
        out_.number(touch.seq == 0 ? 0 : since(touch.seq) + 1);
        if (touch.seq != 0) {
            out_.number(touch.device);
        }
    }
    void write(Write const& write) {
        out_.number(since(write.seq));
        out_.number(write.seq - write.a);
        out_.number(write.device);
    }
    void stamped(std::span<StampedValue const> values) {
        for (auto const& [value, stamp] : values) {
            this->value(value);
            write(stamp);
        }
    }
    void touches(std::span<Touch const> dots) {
        out_.number(dots.size());
        std::ranges::for_each(dots, [&](Touch const& dot) { touch(dot); });
    }
    void value(StoredValue const& value);
    bool fresh(Touch const& touch) const { return touch.seq > mark_; }

    CanonicalWriter out_;
    Object const& object_;
    Tables const& tables_;
    std::uint64_t mark_;
    std::vector<Field const*> fields_;
};

/// Whether object bytes say anything of the field.
bool has_content(Field const& field);

}  // namespace capstan
