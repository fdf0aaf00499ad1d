// Stories of the fold as scripts, in tests/sequencer/scripts/fold.
//
//   genesis lineage=N                      restore lineage=N         heartbeat      malformed
//   create | seal stream=S                 policy stream=S grace=G window=W horizon=H
//   publish stream=S device=D attempt=A after=C@A [p=N|head] [events=N] [say=TEXT] [needs_window]
//           [expect=SEQ] [generation=gN|none] [principal=P]
//   floor   the same without events
//   note | beacon position=N [wrong]       fold_version version=N
//   stream stream=S | device stream=S device=D | evict
//
// A generation gN is the stream's in the partition's N-th lineage. Left out it is the current one,
// as a device that follows the stream has it.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <capstan/schema.hpp>

#include "fold_bed.hpp"
#include "support/script.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

std::string text(std::uint64_t value) {
    return std::to_string(value);
}

Link parse_link(std::string const& written) {
    auto const at = written.find('@');
    return {Counter{std::stoull(written.substr(0, at))},
            Attempt{std::stoull(written.substr(at + 1))}};
}

std::string range(Seq first, std::uint64_t count) {
    return text(first.value) + (count > 1 ? ".." + text(first.value + count - 1) : "");
}

class Story {
  public:
    std::string tell(ScriptCommand const& command) {
        auto const& name = command.name;
        auto const& args = command.args;
        if (name == "stream") {
            return describe_stream(args.text("stream"));
        }
        if (name == "device") {
            return describe_device(args.text("stream"), device_named(args.text("device")));
        }
        if (name == "evict") {
            bed_.evict();
            return bed_.state_hash() == bed_.state_hash_recounted() ? "" : "another state hash";
        }
        if (name == "note") {
            bed_.state_hash();
            return "noted at " + text(note_state(bed_.partition).position.value);
        }
        auto const record = record_of_command(name, args);
        auto const verdict = bed_.fold(record);
        return describe_verdict(record, verdict);
    }

  private:
    Bytes record_of_command(std::string const& name, ScriptArgs const& args) {
        auto const principal = args.text_or("principal", "acme/anna");
        if (name == "publish" || name == "floor") {
            return run_record(name == "floor", args);
        }
        if (name == "create") {
            return encode_create(args.text("stream"), principal);
        }
        if (name == "seal") {
            return encode_seal(args.text("stream"), principal);
        }
        if (name == "policy") {
            FoldPolicy const policy{args.number<std::uint32_t>("grace"),
                                    args.number<std::uint32_t>("window"),
                                    args.number<std::uint32_t>("horizon")};
            return encode_fold_policy(args.text("stream"), principal, policy);
        }
        return partition_record(name, args);
    }

    Bytes partition_record(std::string const& name, ScriptArgs const& args) {
        auto const number = args.number_or<std::uint32_t>("partition", 0);
        if (name == "genesis") {
            return encode_genesis(Lineage{args.number("lineage")}, number);
        }
        if (name == "restore") {
            return encode_restore(Lineage{args.number("lineage")}, number);
        }
        if (name == "heartbeat") {
            return encode_heartbeat();
        }
        if (name == "fold_version") {
            return encode_fold_version(args.number<std::uint32_t>("version"));
        }
        if (name == "malformed") {
            return Bytes(40, std::byte{7});
        }
        if (name == "beacon") {
            return beacon_record(Position{args.number("position")}, args.has("wrong"));
        }
        throw std::invalid_argument("no such command: " + name);
    }

    /// As another node sends it, which noted the same state or a wrong one.
    Bytes beacon_record(Position position, bool wrong) {
        Beacon beacon{position, {}, 0};
        for (auto const& mark : bed_.partition.marks) {
            beacon = mark.position == position ? mark : beacon;
        }
        beacon.state_hash += wrong ? 1 : 0;
        return encode_beacon(beacon);
    }

    Bytes run_record(bool floor, ScriptArgs const& args) {
        RunSpec run;
        run.stream = args.text("stream");
        run.device = device_named(args.text("device"));
        run.principal = args.text_or("principal", run.principal);
        run.header.attempt = Attempt{args.number("attempt")};
        run.header.after = parse_link(args.text("after"));
        auto const at_head = args.text_or("p", "") == "head";
        run.header.preceding_seq = at_head ? kAtHead : Seq{args.number_or<std::uint64_t>("p", 0)};
        run.header.flags = args.has("needs_window") ? RunFlags::needs_window : std::uint16_t{0};
        if (args.has("expect")) {
            run.expect_head = Seq{args.number("expect")};
        }
        run.generation = generation(run.stream, args, at_head);
        for (auto left = floor ? 0 : args.number_or("events", 1); left > 0; --left) {
            run.events.push_back(args.text_or("say", "hello"));
        }
        return record_of(run);
    }

    Generation generation(std::string const& stream, ScriptArgs const& args, bool at_head) const {
        auto const written = args.text_or("generation", at_head ? "none" : "current");
        if (written == "none") {
            return {};
        }
        if (written == "current") {
            return bed_.generation(stream);
        }
        auto const lineage = bed_.partition.lineages.at(std::stoul(written.substr(1)) - 1);
        return generation_of(lineage, stream, Edition{1});
    }

    std::string describe_verdict(Bytes const& record, Verdict const& verdict) {
        std::string out(to_string(verdict.outcome));
        if (verdict.reason && *verdict.reason != named_like(verdict.outcome)) {
            out += " " + std::string(describe(*verdict.reason).name);
        }
        auto const decoded = SubmissionView::decode(record);
        if (!decoded) {
            return out;
        }
        auto const& view = decoded.value();
        if (verdict.outcome == Verdict::accepted) {
            return out + describe_accepted(view, verdict);
        }
        if (verdict.outcome == Verdict::duplicate && names_device(view.kind)) {
            return out + seqs_on_tape(view, " ", "");
        }
        auto const why = detail(verdict, view);
        out += why.empty() ? "" : ": " + why;
        out += verdict.outcome == Verdict::settled
                   ? seqs_on_tape(view, ", sequenced ", ", not sequenced")
                   : "";
        if (view.kind == SubmissionKind::beacon) {
            char const* const checks[] = {"unknown", "agrees", "disagrees"};
            out += std::string(": ") + checks[static_cast<int>(verdict.beacon)];
        }
        return out + (verdict.created ? ", created" : "");
    }

    static Errc named_like(Verdict::Outcome outcome) {
        auto const* const entry = find_error(to_string(outcome));
        return entry == nullptr || outcome == Verdict::halted ? Errc::internal : entry->code;
    }

    static std::string describe_accepted(SubmissionView const& view, Verdict const& verdict) {
        auto out = verdict.count > 0 ? " " + range(verdict.first, verdict.count) : "";
        if (view.run.header().preceding_seq == kAtHead || verdict.count == 0) {
            out += " p=" + text(verdict.preceding_seq.value);
        }
        out += verdict.mark > Seq{} ? " mark=" + text(verdict.mark.value) : "";
        return out + (verdict.created ? ", created" : "");
    }

    std::string seqs_on_tape(SubmissionView const& view,
                             std::string const& introduction,
                             std::string const& otherwise) const {
        auto const first = bed_.find_run(
            view.stream, view.device, view.run.header().attempt, view.run.first_counter());
        return first && !view.run.is_floor() ? introduction + range(*first, view.run.count())
                                             : otherwise;
    }

    std::string describe_stream(std::string const& name) const {
        auto row = bed_.stream(name).row;
        catch_up(bed_.partition, row);
        char const* const lifecycles[] = {"absent", "open", "sealed"};
        auto out = "number=" + text(row.number.value) + " " +
                   lifecycles[static_cast<int>(row.lifecycle)] + " head=" + text(row.head.value) +
                   " mark=" + text(row.mark.value) +
                   " generation=" + generation_name(name, row.generation);
        for (auto const& ended : row.ended) {
            out +=
                " ended=" + generation_name(name, ended.generation) + ".." + text(ended.last.value);
        }
        for (auto const& member : row.members.current(row.mark_context())) {
            out += "\nmember " + device_name(member.device) +
                   " p=" + text(member.preceding_seq.value) +
                   " joined=" + text(member.joined.value);
        }
        return out;
    }

    std::string generation_name(std::string const& stream, Generation generation) const {
        for (std::size_t i = 0; i < bed_.partition.lineages.size(); ++i) {
            if (generation_of(bed_.partition.lineages[i], stream, Edition{1}) == generation) {
                return "g" + text(i + 1);
            }
        }
        return generation == Generation{} ? "none" : "another";
    }

    static std::string device_name(DeviceId const& device) {
        return std::string(reinterpret_cast<char const*>(device.bytes.data()));
    }

    std::string describe_device(std::string const& stream, DeviceId const& id) const {
        auto const row = bed_.device(stream, id);
        if (!row.known()) {
            return "never seen";
        }
        return "attempt=" + text(row.attempt.value) + " last=" + to_string(row.last) +
               " p=" + text(row.preceding_seq.value) +
               (row.halted ? " halted=" + std::string(describe(*row.halted).name) : "");
    }

    FoldBed bed_;
};

void replay(std::string const& path) {
    Story story;
    run_script(path, [&](ScriptCommand const& command) { return story.tell(command); });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fold_scripts)

BOOST_DATA_TEST_CASE(script_replays_with_its_recorded_output,
                     boost::unit_test::data::make(scripts_in("tests/sequencer/scripts/fold")),
                     path) {
    replay(path);
}

BOOST_AUTO_TEST_SUITE_END()
