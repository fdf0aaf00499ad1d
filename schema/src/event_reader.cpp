#include <capstan/schema/event_generated.h>

#include <algorithm>
#include <capstan/schema/event_reader.hpp>
#include <capstan/schema/limits.hpp>

#include "work_budget.hpp"

namespace capstan {
namespace {

using BlobView = flatbuffers::Vector<std::uint8_t> const*;

std::string_view view(BlobView bytes) {
    return bytes == nullptr
               ? std::string_view{}
               : std::string_view{reinterpret_cast<char const*>(bytes->data()), bytes->size()};
}

Error bad_event(std::string_view what) {
    return Error{Errc::malformed, "event: " + std::string(what)};
}

bool is_name(std::string_view text, std::size_t bytes_max) {
    return text.empty() || (text.size() <= bytes_max && is_utf8(text));
}

/// The value's columns say something, and it is possible.
bool is_value(OpView const& op, fb::ValueKind kind) {
    switch (kind) {
        case fb::ValueKind::text:
            return is_utf8(op.content);
        case fb::ValueKind::blob:
            return op.sha256 != nullptr && op.number >= 0 && is_utf8(op.content);
        default:
            return kind <= fb::ValueKind::MAX;
    }
}

/// Every field is written: views are used again without being cleared.
void view_into(OpView& op, fb::Op const& table, std::string_view object_before) {
    op.kind = static_cast<OpKind>(table.kind());
    op.value_kind = static_cast<std::uint8_t>(table.value());
    op.object = view(table.object());
    op.object = op.object.empty() ? object_before : op.object;
    op.field = view(table.field());
    op.type = view(table.type());
    op.key = view(table.key());
    op.content = view(table.content());
    op.number = table.number();
    op.real = table.real();
    op.at = table.at();
    op.count = table.count();
    op.to = table.to();
    op.sha256 = reinterpret_cast<std::byte const*>(table.sha256());
}

bool is_possible(OpView const& op) {
    bool const whole_object = op.kind == OpKind::insert || op.kind == OpKind::remove;
    return static_cast<fb::OpKind>(op.kind) <= fb::OpKind::MAX &&
           is_name(op.object, kObjectIdBytesMax) && is_name(op.field, kFieldNameBytesMax) &&
           is_name(op.type, kFieldNameBytesMax) && is_name(op.key, kObjectIdBytesMax) &&
           is_value(op, static_cast<fb::ValueKind>(op.value_kind)) && !op.object.empty() &&
           op.field.empty() == whole_object;
}

}  // namespace

Result<std::span<OpView const>> EventReader::read(ByteView bytes) {
    if (bytes.size() > kEventBytesMax || bytes.size() < 8) {
        return bad_event("size");
    }
    aligned_.resize((bytes.size() + 7) / 8);
    std::memcpy(aligned_.data(), bytes.data(), bytes.size());
    auto const* raw = reinterpret_cast<std::uint8_t const*>(aligned_.data());
    flatbuffers::Verifier verifier(raw, bytes.size(), 4, kEventOpsMax + 1);
    if (!verifier.VerifyBuffer<fb::Event>(nullptr)) {
        return bad_event("not a valid FlatBuffer");
    }
    auto const& table = *flatbuffers::GetRoot<fb::Event>(raw);
    if (table.ops()->size() > kEventOpsMax) {
        return Error{Errc::too_large, "event of too many operations"};
    }
    if (!is_within_budget(table, bytes.size())) {
        return bad_event("operations share too much");
    }
    authored_p_.reset();
    if (auto const p = table.authored_p()) {
        authored_p_ = Seq{*p};
    }
    ops_.resize(std::max<std::size_t>(ops_.size(), table.ops()->size()));
    std::size_t count = 0;
    std::string_view object;
    for (auto const* op : *table.ops()) {
        auto& view = ops_[count++];
        view_into(view, *op, object);
        object = view.object;
        if (!is_possible(view)) {
            return bad_event("operation " + std::to_string(count));
        }
    }
    return std::span<OpView const>(ops_).first(count);
}

}  // namespace capstan
