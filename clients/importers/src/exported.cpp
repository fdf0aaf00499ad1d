#include <capstan/importers/exported.hpp>
#include <capstan/schema/hash.hpp>

namespace capstan::importers {

Hash128 chain_behind(Hash128 const& before, Seq first, DeliveredRunView const& run) {
    auto const& header = run.run().header();
    auto const p = header.preceding_seq == kAtHead ? Seq{first.value - 1} : header.preceding_seq;
    std::uint16_t const flags = header.flags & RunFlags::chained;
    Hash128 chain = before;
    for (std::uint32_t i = 0; i < run.run().count(); ++i) {
        Dot const dot{run.device(), run.run().first_counter().plus(i)};
        chain = chain_next(chain, dot, p, flags, run.run().event(i));
    }
    return chain;
}

Result<> ExportCheck::take(ExportedPiece const& piece) {
    return std::visit([this](auto const& one) { return take_piece(one); }, piece);
}

Result<> ExportCheck::take_piece(ExportedStream const& stream) {
    if (current_ != nullptr) {
        return wrong(Errc::malformed, "has no end, and another section begins");
    }
    if (!is_stream_name(stream.name)) {
        return Error{Errc::malformed, "no stream can have the name " + stream.name};
    }
    auto const [at, is_new] =
        streams_.try_emplace(stream.name, Place{stream.generation, stream.after, stream.chain});
    current_ = &*at;
    auto& place = at->second;
    bool const continues = place.seq == stream.after;
    bool const starts_right = stream.after != Seq{} || stream.chain == chain_start(stream.name);
    if (!continues || place.chain != stream.chain || !starts_right) {
        return wrong(continues ? Errc::journal_corrupt : Errc::malformed,
                     "does not go on where it ended before");
    }
    place.generation = stream.generation;
    return success();
}

Result<> ExportCheck::take_piece(ExportedRun const& run) {
    if (current_ == nullptr) {
        return Error{Errc::malformed, "an event stands outside of all sections"};
    }
    auto& place = current_->second;
    ByteReader in(run.delivered);
    auto const view = DeliveredRunView::take(in);
    if (!view || !in.done() || run.first != place.seq.next() || view.value().run().count() == 0) {
        return wrong(
            Errc::malformed,
            "behind event " + std::to_string(place.seq.value) + " is no run that follows it");
    }
    place.chain = chain_behind(place.chain, run.first, view.value());
    place.seq = place.seq.plus(view.value().run().count());
    events_ += view.value().run().count();
    return success();
}

Result<> ExportCheck::take_piece(ExportedEnd const& end) {
    if (current_ == nullptr) {
        return Error{Errc::malformed, "a section ends that did not begin"};
    }
    auto const& place = current_->second;
    if (end.head != place.seq) {
        return wrong(Errc::malformed,
                     "ends with event " + std::to_string(place.seq.value) + ", and should with " +
                         std::to_string(end.head.value));
    }
    if (end.chain != place.chain) {
        return wrong(Errc::journal_corrupt,
                     "is not what was exported: its chain hash is " + to_string(place.chain) +
                         ", and should be " + to_string(end.chain));
    }
    current_ = nullptr;
    return success();
}

Error ExportCheck::wrong(Errc code, std::string const& what) const {
    return {code, current_->first + " " + what};
}

}  // namespace capstan::importers
