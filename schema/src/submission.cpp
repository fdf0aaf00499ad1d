#include <capstan/schema/hash.hpp>
#include <capstan/schema/submission.hpp>

namespace capstan {
namespace {

constexpr std::uint32_t kMagic = 0x42555343;  // "CSUB"
constexpr std::size_t kChecksumFrom = 16;

Error malformed(std::string detail) {
    return Error{Errc::malformed, "submission: " + std::move(detail)};
}

bool names_a_stream(SubmissionKind kind) {
    switch (kind) {
        case SubmissionKind::append:
        case SubmissionKind::floor:
        case SubmissionKind::create:
        case SubmissionKind::seal:
        case SubmissionKind::fold_policy:
            return true;
        default:
            return false;
    }
}

Result<> decode_extension(SubmissionView& view, ByteView bytes) {
    ByteReader in(bytes);
    std::uint32_t tag_before = 0;
    while (!in.rest().empty()) {
        auto const tag = in.get<std::uint16_t>();
        auto const length = in.get<std::uint32_t>();
        ByteReader value(in.take(length));
        if (!in.ok() || (tag & ~kExtensionMustKnow) <= tag_before) {
            return malformed("extension block");
        }
        tag_before = tag & static_cast<std::uint16_t>(~kExtensionMustKnow);
        if (tag == static_cast<std::uint16_t>(ExtensionTag::expect_head)) {
            view.expect_head = Seq{value.get<std::uint64_t>()};
            if (!value.done()) {
                return malformed("expect_head");
            }
        } else if ((tag & kExtensionMustKnow) != 0) {
            return Error{Errc::format_unknown, "submission extension " + std::to_string(tag)};
        }
    }
    return success();
}

Result<> decode_run_body(SubmissionView& view, ByteReader& in, ByteView whole) {
    view.delivered_at = whole.size() - in.rest().size();
    CAPSTAN_TRY(auto const delivered, DeliveredRunView::take(in));
    view.device = delivered.device();
    view.gateway_time = delivered.gateway_time();
    view.run = delivered.run();
    view.delivered_bytes = delivered.bytes().size();
    if (view.device == DeviceId{} || view.run.is_floor() != (view.kind == SubmissionKind::floor)) {
        return malformed("device or event count does not fit the kind");
    }
    return success();
}

/// Errors: `format_unknown` for a kind of another build.
Result<> decode_body(SubmissionView& view, ByteReader& in, ByteView whole) {
    switch (view.kind) {
        case SubmissionKind::append:
        case SubmissionKind::floor:
            return decode_run_body(view, in, whole);
        case SubmissionKind::create:
        case SubmissionKind::seal:
        case SubmissionKind::heartbeat:
            break;
        case SubmissionKind::fold_policy:
            view.policy.grace = in.get<std::uint32_t>();
            view.policy.window = in.get<std::uint32_t>();
            view.policy.horizon = in.get<std::uint32_t>();
            break;
        case SubmissionKind::genesis:
        case SubmissionKind::restore:
            view.lineage.value = in.get<std::uint64_t>();
            view.partition = in.get<std::uint32_t>();
            break;
        case SubmissionKind::beacon:
            view.beacon.position.value = in.get<std::uint64_t>();
            view.beacon.submission_chain = in.get_hash();
            view.beacon.state_hash = in.get<std::uint64_t>();
            break;
        case SubmissionKind::fold_version:
            view.fold_version = in.get<std::uint32_t>();
            break;
        default:
            return Error{Errc::format_unknown,
                         "submission kind " + std::to_string(static_cast<unsigned>(view.kind))};
    }
    return success();
}

struct Prologue {
    SubmissionKind kind;
    std::string_view stream;
    std::string_view principal;
    Generation generation;
    std::optional<Seq> expect_head;
};

/// Writes all up to the body and leaves room for length and checksum.
Bytes begin(Prologue const& prologue, std::size_t body_bytes) {
    CAPSTAN_INVARIANT(prologue.stream.size() <= kStreamNameBytesMax);
    CAPSTAN_INVARIANT(prologue.principal.size() <= kPrincipalBytesMax);
    constexpr std::size_t kGuardBytes = 14;
    std::size_t const extension_bytes = prologue.expect_head ? kGuardBytes : 0;
    Bytes out;
    out.reserve(SubmissionView::kHeaderBytes + prologue.stream.size() + prologue.principal.size() +
                extension_bytes + body_bytes);
    ByteWriter write(out);
    write.put(kMagic)
        .put(std::uint32_t{0})
        .put(std::uint64_t{0})
        .put(SubmissionView::kVersion)
        .put(static_cast<std::uint8_t>(prologue.kind))
        .put(std::uint16_t{0})
        .put(static_cast<std::uint8_t>(prologue.stream.size()))
        .put(static_cast<std::uint8_t>(prologue.principal.size()))
        .put(static_cast<std::uint16_t>(extension_bytes))
        .put(prologue.generation.value)
        .put(prologue.stream)
        .put(prologue.principal);
    if (prologue.expect_head) {
        write.put(static_cast<std::uint16_t>(ExtensionTag::expect_head))
            .put(std::uint32_t{8})
            .put(prologue.expect_head->value);
    }
    return out;
}

Bytes finish(Bytes out) {
    store(out.data() + 4, static_cast<std::uint32_t>(out.size()));
    store(out.data() + 8, hash64(ByteView(out).subspan(kChecksumFrom)));
    return out;
}

Bytes encode_lineage(SubmissionKind kind, Lineage lineage, std::uint32_t partition) {
    auto out = begin({.kind = kind}, 12);
    ByteWriter(out).put(lineage.value).put(partition);
    return finish(std::move(out));
}

}  // namespace

Result<std::size_t> submission_length(ByteView bytes) {
    ByteReader in(bytes);
    auto const magic = in.get<std::uint32_t>();
    auto const length = in.get<std::uint32_t>();
    if (!in.ok() || magic != kMagic || length < SubmissionView::kHeaderBytes ||
        length > kSubmissionBytesMax) {
        return malformed("no record starts here");
    }
    return length;
}

Result<SubmissionView> SubmissionView::decode(ByteView bytes) {
    CAPSTAN_TRY(auto const length, submission_length(bytes));
    if (length != bytes.size()) {
        return malformed("length " + std::to_string(length) + ", have " +
                         std::to_string(bytes.size()));
    }
    ByteReader in(bytes.subspan(8));
    if (in.get<std::uint64_t>() != hash64(bytes.subspan(kChecksumFrom))) {
        return malformed("checksum");
    }
    SubmissionView view;
    auto const version = in.get<std::uint8_t>();
    view.kind = static_cast<SubmissionKind>(in.get<std::uint8_t>());
    auto const zero = in.get<std::uint16_t>();
    auto const stream_bytes = in.get<std::uint8_t>();
    auto const principal_bytes = in.get<std::uint8_t>();
    auto const extension_bytes = in.get<std::uint16_t>();
    if (version != kVersion) {
        return Error{Errc::format_unknown, "submission version " + std::to_string(version)};
    }
    view.generation.value = in.get<std::uint64_t>();
    view.stream = as_text(in.take(stream_bytes));
    view.principal = as_text(in.take(principal_bytes));
    auto const extension = in.take(extension_bytes);
    if (!in.ok() || zero != 0 || extension_bytes > kExtensionBytesMax) {
        return malformed("header");
    }
    CAPSTAN_TRY(decode_extension(view, extension));
    CAPSTAN_TRY(decode_body(view, in, bytes));
    if (!in.done()) {
        return malformed("body does not fit the kind");
    }
    if (names_a_stream(view.kind) ? !is_stream_name(view.stream) : !view.stream.empty()) {
        return malformed("stream name");
    }
    return view;
}

Bytes encode_submission(RunEnvelope const& envelope, RunView const& run) {
    auto const kind = run.is_floor() ? SubmissionKind::floor : SubmissionKind::append;
    auto out = begin(
        {kind, envelope.stream, envelope.principal, envelope.generation, envelope.expect_head},
        DeliveredRunView::kPrefixBytes + run.bytes().size());
    encode_delivered_run(out, envelope.device, envelope.gateway_time, run.bytes());
    return finish(std::move(out));
}

Bytes encode_create(std::string_view stream, std::string_view principal) {
    return finish(
        begin({.kind = SubmissionKind::create, .stream = stream, .principal = principal}, 0));
}

Bytes encode_seal(std::string_view stream, std::string_view principal) {
    return finish(
        begin({.kind = SubmissionKind::seal, .stream = stream, .principal = principal}, 0));
}

Bytes encode_fold_policy(std::string_view stream,
                         std::string_view principal,
                         FoldPolicy const& policy) {
    auto out =
        begin({.kind = SubmissionKind::fold_policy, .stream = stream, .principal = principal}, 12);
    ByteWriter(out).put(policy.grace).put(policy.window).put(policy.horizon);
    return finish(std::move(out));
}

Bytes encode_genesis(Lineage lineage, std::uint32_t partition) {
    return encode_lineage(SubmissionKind::genesis, lineage, partition);
}

Bytes encode_restore(Lineage lineage, std::uint32_t partition) {
    return encode_lineage(SubmissionKind::restore, lineage, partition);
}

Bytes encode_stand_in(ByteView record) {
    Bytes out;
    ByteWriter writer(out);
    writer.put(kMagic).put(std::uint32_t{0}).put(std::uint64_t{0});
    writer.put(std::uint64_t{0}).put(std::uint64_t{0});
    writer.put(std::uint64_t{record.size()}).put(hash128(record));
    store(out.data() + 4, static_cast<std::uint32_t>(out.size()));
    store(out.data() + 8, ~hash64(ByteView(out).subspan(kChecksumFrom)));
    return out;
}

Bytes encode_heartbeat() {
    return finish(begin({.kind = SubmissionKind::heartbeat}, 0));
}

Bytes encode_beacon(Beacon const& beacon) {
    auto out = begin({.kind = SubmissionKind::beacon}, 32);
    ByteWriter(out).put(beacon.position.value).put(beacon.submission_chain).put(beacon.state_hash);
    return finish(std::move(out));
}

Bytes encode_fold_version(std::uint32_t version) {
    auto out = begin({.kind = SubmissionKind::fold_version}, 4);
    ByteWriter(out).put(version);
    return finish(std::move(out));
}

}  // namespace capstan
