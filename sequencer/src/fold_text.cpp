#include <capstan/sequencer/fold.hpp>

namespace capstan {
namespace {

std::string text(std::uint64_t value) {
    return std::to_string(value);
}

std::string text_of_p(Seq preceding_seq) {
    return "p=" + (preceding_seq == kAtHead ? std::string("head") : text(preceding_seq.value));
}

std::string detail_of_refusal(Errc reason, Verdict const& verdict, SubmissionView const& view) {
    auto const p = text_of_p(view.run.header().preceding_seq);
    switch (reason) {
        case Errc::generation_changed:
            return "generation " + to_string(view.generation) + " does not hold " + p;
        case Errc::preceding_seq_invalid:
            return p + ", expected " + text(verdict.preceding_seq.value) + ".." +
                   text(verdict.head.value);
        case Errc::rebase_needed:
            return p + ", merge mark " + text(verdict.mark.value);
        case Errc::position_conflict:
            return "expected head " + text(view.expect_head.value_or(Seq{}).value) + ", have " +
                   text(verdict.head.value);
        default:
            return {};
    }
}

}  // namespace

std::string_view to_string(Verdict::Outcome outcome) {
    switch (outcome) {
        case Verdict::accepted:
            return "accepted";
        case Verdict::duplicate:
            return "duplicate";
        case Verdict::settled:
            return "settled";
        case Verdict::halted:
            return "halted";
        case Verdict::counter_gap:
            return "counter_gap";
        case Verdict::behind_itself:
            return "behind_itself";
        case Verdict::refused:
            return "refused";
        case Verdict::not_your_device:
            return "not_your_device";
        case Verdict::applied:
            return "applied";
        case Verdict::ignored:
            return "ignored";
        case Verdict::stopped:
            return "stopped";
    }
    return "unknown";
}

std::string detail(Verdict const& verdict, SubmissionView const& view) {
    if (!names_device(view.kind)) {
        return {};
    }
    auto const& run = view.run.header();
    switch (verdict.outcome) {
        case Verdict::settled:
            return "attempt " + text(run.attempt.value) + ", the device is at " +
                   text(verdict.attempt.value);
        case Verdict::counter_gap:
        case Verdict::behind_itself:
            return "expected after=" + to_string(verdict.last) + ", got " + to_string(run.after);
        case Verdict::halted:
            return "an earlier run of attempt " + text(run.attempt.value) + " was refused";
        case Verdict::refused:
            return detail_of_refusal(*verdict.reason, verdict, view);
        default:
            return {};
    }
}

}  // namespace capstan
