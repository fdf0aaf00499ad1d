#include <capstan/schema/event_generated.h>

#include <boost/nowide/utf/utf.hpp>
#include <capstan/schema/event.hpp>
#include <capstan/schema/limits.hpp>

#include "work_budget.hpp"

namespace capstan {
namespace {

using Blob = flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>>;
using BlobView = flatbuffers::Vector<std::uint8_t> const*;

constexpr std::uint64_t kOpTablesMax = kEventOpsMax + 1;

Error bad_event(std::string detail) {
    return Error{Errc::malformed, "event: " + std::move(detail)};
}

Blob put(flatbuffers::FlatBufferBuilder& out, ByteView bytes) {
    return out.CreateVector(reinterpret_cast<std::uint8_t const*>(bytes.data()), bytes.size());
}

Blob put_if_any(flatbuffers::FlatBufferBuilder& out, std::string_view text) {
    return text.empty() ? Blob{} : put(out, as_bytes(text));
}

ByteView view(BlobView bytes) {
    return bytes == nullptr
               ? ByteView{}
               : ByteView{reinterpret_cast<std::byte const*>(bytes->data()), bytes->size()};
}

/// A value as the columns of an `Op` table.
struct Columns {
    fb::ValueKind kind = fb::ValueKind::null;
    Blob content{};
    std::int64_t number = 0;
    double real = 0;
    std::array<std::byte, 32> const* sha256 = nullptr;
};

struct ToColumns {
    flatbuffers::FlatBufferBuilder& out;
    Columns operator()(std::monostate) const { return {}; }
    Columns operator()(bool value) const {
        return {.kind = value ? fb::ValueKind::yes : fb::ValueKind::no};
    }
    Columns operator()(std::int64_t value) const {
        return {.kind = fb::ValueKind::int64, .number = value};
    }
    Columns operator()(double value) const { return {.kind = fb::ValueKind::real, .real = value}; }
    Columns operator()(std::string const& value) const {
        return {.kind = fb::ValueKind::text, .content = put_if_any(out, value)};
    }
    Columns operator()(Bytes const& value) const {
        return {.kind = fb::ValueKind::bytes, .content = put_if_any(out, as_text(value))};
    }
    Columns operator()(Reference const& value) const {
        return {.kind = fb::ValueKind::reference, .content = put_if_any(out, value.object)};
    }
    Columns operator()(BlobReference const& value) const {
        return {.kind = fb::ValueKind::blob,
                .content = put_if_any(out, value.media_type),
                .number = static_cast<std::int64_t>(value.size_bytes),
                .sha256 = &value.sha256};
    }
};

flatbuffers::Offset<fb::Op> put(flatbuffers::FlatBufferBuilder& out,
                                Op const& op,
                                bool same_object) {
    auto const columns = std::visit(ToColumns{out}, op.value);
    auto const object = same_object ? Blob{} : put(out, as_bytes(op.object));
    auto const field = put_if_any(out, op.field);
    auto const type = put_if_any(out, op.type);
    auto const key = put_if_any(out, op.key);
    fb::OpBuilder table(out);
    if (columns.sha256 != nullptr) {
        fb::Sha256 digest;
        std::memcpy(
            reinterpret_cast<std::byte*>(&digest), columns.sha256->data(), columns.sha256->size());
        table.add_sha256(&digest);
    }
    table.add_to(op.to);
    table.add_count(op.count);
    table.add_at(op.at);
    table.add_real(columns.real);
    table.add_number(columns.number);
    table.add_key(key);
    table.add_type(type);
    table.add_content(columns.content);
    table.add_field(field);
    table.add_object(object);
    table.add_kind(static_cast<fb::OpKind>(op.kind));
    table.add_value(columns.kind);
    return table.Finish();
}

Result<Value> decode_value(fb::Op const& op) {
    auto const content = view(op.content());
    switch (op.value()) {
        case fb::ValueKind::null:
            return Value{};
        case fb::ValueKind::no:
            return Value{false};
        case fb::ValueKind::yes:
            return Value{true};
        case fb::ValueKind::int64:
            return Value{op.number()};
        case fb::ValueKind::real:
            return Value{op.real()};
        case fb::ValueKind::text:
            if (!is_utf8(as_text(content))) {
                return bad_event("text is not UTF-8");
            }
            return Value{std::string(as_text(content))};
        case fb::ValueKind::bytes:
            return Value{Bytes(content.begin(), content.end())};
        case fb::ValueKind::reference:
            return Value{Reference{std::string(as_text(content))}};
        case fb::ValueKind::blob: {
            if (op.sha256() == nullptr || op.number() < 0 || !is_utf8(as_text(content))) {
                return bad_event("blob reference");
            }
            BlobReference blob;
            std::memcpy(blob.sha256.data(), op.sha256(), blob.sha256.size());
            blob.size_bytes = static_cast<std::uint64_t>(op.number());
            blob.media_type = as_text(content);
            return Value{std::move(blob)};
        }
    }
    return bad_event("unknown value kind " + std::to_string(static_cast<unsigned>(op.value())));
}

Result<std::string> decode_name(BlobView bytes, std::size_t bytes_max) {
    auto const text = as_text(view(bytes));
    if (text.size() > bytes_max || !is_utf8(text)) {
        return bad_event("an id or a name is too long or not UTF-8");
    }
    return std::string(text);
}

Result<Op> decode_op(fb::Op const& table, Op const* before) {
    Op op;
    op.kind = static_cast<OpKind>(table.kind());
    if (table.kind() > fb::OpKind::MAX) {
        return bad_event("unknown operation " +
                         std::to_string(static_cast<unsigned>(table.kind())));
    }
    CAPSTAN_TRY(op.object, decode_name(table.object(), kObjectIdBytesMax));
    CAPSTAN_TRY(op.field, decode_name(table.field(), kFieldNameBytesMax));
    CAPSTAN_TRY(op.type, decode_name(table.type(), kFieldNameBytesMax));
    CAPSTAN_TRY(op.key, decode_name(table.key(), kObjectIdBytesMax));
    CAPSTAN_TRY(op.value, decode_value(table));
    if (op.object.empty() && before != nullptr) {
        op.object = before->object;
    }
    bool const whole_object = op.kind == OpKind::insert || op.kind == OpKind::remove;
    if (op.object.empty() || op.field.empty() != whole_object) {
        return bad_event("an operation lacks its object or field, or names one too many");
    }
    op.at = table.at();
    op.count = table.count();
    op.to = table.to();
    return op;
}

}  // namespace

Bytes encode_event(Event const& event) {
    flatbuffers::FlatBufferBuilder out(256);
    std::vector<flatbuffers::Offset<fb::Op>> ops;
    ops.reserve(event.ops.size());
    Op const* before = nullptr;
    for (auto const& op : event.ops) {
        ops.push_back(put(out, op, before != nullptr && before->object == op.object));
        before = &op;
    }
    auto const list = out.CreateVector(ops);
    flatbuffers::Optional<std::uint64_t> authored_p;
    if (event.authored_p) {
        authored_p = event.authored_p->value;
    }
    out.Finish(fb::CreateEvent(out, list, authored_p));
    auto const* first = reinterpret_cast<std::byte const*>(out.GetBufferPointer());
    return Bytes(first, first + out.GetSize());
}

Result<Event> decode_event(ByteView bytes) {
    if (bytes.size() > kEventBytesMax || bytes.size() < 8) {
        return bad_event(std::to_string(bytes.size()) + " bytes");
    }
    std::vector<std::uint64_t> aligned((bytes.size() + 7) / 8);
    std::memcpy(aligned.data(), bytes.data(), bytes.size());
    auto const* raw = reinterpret_cast<std::uint8_t const*>(aligned.data());
    flatbuffers::Verifier verifier(raw, bytes.size(), 4, kOpTablesMax);
    if (!verifier.VerifyBuffer<fb::Event>(nullptr)) {
        return bad_event("not a valid FlatBuffer");
    }
    auto const& table = *flatbuffers::GetRoot<fb::Event>(raw);
    if (table.ops()->size() > kEventOpsMax) {
        return Error{Errc::too_large,
                     "event of " + std::to_string(table.ops()->size()) + " operations"};
    }
    if (!is_within_budget(table, bytes.size())) {
        return bad_event("operations share too much");
    }
    Event event;
    if (auto const p = table.authored_p()) {
        event.authored_p = Seq{*p};
    }
    event.ops.reserve(table.ops()->size());
    for (auto const* op : *table.ops()) {
        CAPSTAN_TRY(auto decoded, decode_op(*op, event.ops.empty() ? nullptr : &event.ops.back()));
        event.ops.push_back(std::move(decoded));
    }
    return event;
}

bool is_utf8(std::string_view text) {
    namespace utf = boost::nowide::utf;
    constexpr std::uint64_t kHighBits = 0x8080'8080'8080'8080;
    auto at = text.begin();
    while (at != text.end()) {
        while (text.end() - at >= 8) {
            std::uint64_t word;
            std::memcpy(&word, &*at, sizeof word);
            if ((word & kHighBits) != 0) {
                break;
            }
            at += 8;
        }
        if (at == text.end()) {
            break;
        }
        auto const point = utf::utf_traits<char>::decode(at, text.end());
        if (point == utf::illegal || point == utf::incomplete) {
            return false;
        }
    }
    return true;
}

}  // namespace capstan
