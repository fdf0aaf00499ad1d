#include <rapidcheck/boost_test.h>

#include <boost/test/unit_test.hpp>
#include <capstan/schema/hash.hpp>
#include <capstan/schema/submission.hpp>

#include "samples.hpp"

namespace capstan {
namespace {

bool decodes(ByteView bytes) {
    return SubmissionView::decode(bytes).has_value();
}

/// Changes one byte of a record behind its checksum and makes the checksum right again.
Bytes forged(Bytes record, std::size_t at, std::uint8_t value) {
    record[at] = static_cast<std::byte>(value);
    store(record.data() + 8, hash64(ByteView(record).subspan(16)));
    return record;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(submissions)

BOOST_AUTO_TEST_CASE(records_keep_their_bytes) {
    auto const run = test::sample_run();
    auto const floor = encode_run(test::sample_header(), {});
    test::check_golden("schema/append",
                       encode_submission(test::sample_envelope(), RunView::decode(run).value()));
    test::check_golden("schema/floor",
                       encode_submission(test::sample_envelope(), RunView::decode(floor).value()));
    test::check_golden("schema/create", encode_create("acme/room", "acme/alice"));
    test::check_golden("schema/seal", encode_seal("acme/room", "acme/alice"));
    test::check_golden("schema/fold_policy",
                       encode_fold_policy("acme/room", "acme/alice", {1, 2, 3}));
    test::check_golden("schema/genesis", encode_genesis(Lineage{0x1234}, 5));
    test::check_golden("schema/restore", encode_restore(Lineage{0x1234}, 5));
    test::check_golden("schema/heartbeat", encode_heartbeat());
    test::check_golden("schema/stand_in", encode_stand_in(as_bytes("not ours")));
    test::check_golden("schema/beacon", encode_beacon({Position{9}, {1, 2}, 77}));
    test::check_golden("schema/fold_version", encode_fold_version(2));
}

BOOST_AUTO_TEST_CASE(a_stand_in_has_a_length_and_no_meaning) {
    auto const record = encode_stand_in(as_bytes("not ours"));
    BOOST_TEST(submission_length(record).value() == record.size());
    auto const view = SubmissionView::decode(record);
    BOOST_TEST_REQUIRE(!view.has_value());
    BOOST_TEST((view.error().code == Errc::malformed));
    BOOST_TEST((record != encode_stand_in(as_bytes("nor this"))));
}

RC_BOOST_PROP(a_decoded_append_is_what_was_encoded,
              (std::uint64_t generation, std::int64_t time, bool guarded)) {
    auto const texts = *rc::gen::nonEmpty(test::event_texts());
    auto const run_bytes = encode_run(test::sample_header(), test::views(texts));
    auto envelope = test::sample_envelope();
    envelope.generation.value = generation;
    envelope.gateway_time.micros = time;
    envelope.expect_head = guarded ? std::optional(Seq{generation >> 12}) : std::nullopt;
    auto const record = encode_submission(envelope, RunView::decode(run_bytes).value());
    RC_ASSERT(submission_length(record).value() == record.size());
    auto const view = SubmissionView::decode(record);
    RC_ASSERT(view.has_value());
    RC_ASSERT(view.value().kind == SubmissionKind::append);
    RC_ASSERT(view.value().stream == envelope.stream);
    RC_ASSERT(view.value().principal == envelope.principal);
    RC_ASSERT(view.value().generation == envelope.generation);
    RC_ASSERT(view.value().expect_head == envelope.expect_head);
    RC_ASSERT(view.value().device == envelope.device);
    RC_ASSERT(view.value().gateway_time == envelope.gateway_time);
    RC_ASSERT(as_text(view.value().run.bytes()) == as_text(run_bytes));
    auto const delivered =
        ByteView(record).subspan(view.value().delivered_at, view.value().delivered_bytes);
    ByteReader reader(delivered);
    RC_ASSERT(as_text(DeliveredRunView::take(reader).value().run().bytes()) == as_text(run_bytes));
    RC_ASSERT(reader.done());
}

BOOST_AUTO_TEST_CASE(administrative_records_read_back) {
    auto const policy_bytes = encode_fold_policy("acme/room", "p", {1, 2, 3});
    auto const policy = SubmissionView::decode(policy_bytes).value();
    BOOST_TEST((policy.policy == FoldPolicy{1, 2, 3}));
    auto const beacon_bytes = encode_beacon({Position{9}, {1, 2}, 77});
    auto const beacon = SubmissionView::decode(beacon_bytes).value();
    BOOST_TEST(beacon.beacon.position.value == 9u);
    BOOST_TEST((beacon.beacon.submission_chain == Hash128{1, 2}));
    BOOST_TEST(beacon.beacon.state_hash == 77u);
    auto const genesis_bytes = encode_genesis(Lineage{4}, 5);
    auto const genesis = SubmissionView::decode(genesis_bytes).value();
    BOOST_TEST(genesis.lineage.value == 4u);
    BOOST_TEST(genesis.partition == 5u);
}

BOOST_AUTO_TEST_CASE(every_cut_and_every_flipped_bit_is_noticed) {
    auto const run = test::sample_run();
    test::refuses_every_damage(
        encode_submission(test::sample_envelope(), RunView::decode(run).value()), decodes);
    test::refuses_every_damage(encode_genesis(Lineage{1}, 2), decodes);
}

BOOST_AUTO_TEST_CASE(F15_a_record_of_a_later_build_is_told_from_a_damaged_one) {
    auto const record = encode_create("acme/room", "acme/alice");
    auto const code = [](Bytes const& bytes) { return SubmissionView::decode(bytes).error().code; };
    BOOST_TEST((code(forged(record, 16, 2)) == Errc::format_unknown));   // version
    BOOST_TEST((code(forged(record, 17, 99)) == Errc::format_unknown));  // kind
    for (auto const reserved : {SubmissionKind::remove,
                                SubmissionKind::trim,
                                SubmissionKind::rewrite,
                                SubmissionKind::restored_event,
                                SubmissionKind::recovery_window,
                                SubmissionKind::revoke}) {
        BOOST_TEST((code(forged(record, 17, static_cast<std::uint8_t>(reserved))) ==
                    Errc::format_unknown));
    }
    BOOST_TEST((code(forged(record, 18, 1)) == Errc::malformed));    // must be zero
    BOOST_TEST((code(forged(record, 32, '/')) == Errc::malformed));  // stream name
}

BOOST_AUTO_TEST_CASE(an_extension_that_the_fold_must_know_stops_it_and_others_are_passed_over) {
    auto envelope = test::sample_envelope();
    auto const run = test::sample_run();
    auto const record = encode_submission(envelope, RunView::decode(run).value());
    auto const tag_at =
        SubmissionView::kHeaderBytes + envelope.stream.size() + envelope.principal.size();
    auto const unknown = forged(record, tag_at, 0x70);
    BOOST_TEST((SubmissionView::decode(unknown).error().code == Errc::format_unknown));
    auto const passed_over = forged(unknown, tag_at + 1, 0x00);
    BOOST_TEST(!SubmissionView::decode(passed_over).value().expect_head.has_value());
    auto const tag_zero = forged(passed_over, tag_at, 0x00);
    BOOST_TEST((SubmissionView::decode(tag_zero).error().code == Errc::malformed));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace capstan
