#include <algorithm>
#include <array>
#include <capstan/engine/causality/happened_before.hpp>
#include <capstan/engine/causality/ranges.hpp>
#include <capstan/engine/coalesce.hpp>
#include <capstan/engine/model.hpp>
#include <capstan/engine/sync/client.hpp>
#include <capstan/engine/text.hpp>
#include <capstan/js.hpp>
#include <capstan/schema.hpp>
#include <utility>
#include <variant>
#include <vector>

namespace capstan::js {
namespace {

constexpr std::size_t kEventBytes = 24;
/// How many events of a text its authors may not have seen.
constexpr std::uint64_t kBehindMax = 8;

/// Everything is drawn from the input; behind its end are zeros.
class Source {
  public:
    explicit Source(ByteView input) : reader_(input) {}
    bool is_empty() const { return reader_.rest().empty(); }
    std::uint64_t below(std::uint64_t end) { return reader_.get<std::uint8_t>() % end; }
    ByteView take(std::size_t bytes) {
        return reader_.take(std::min(bytes, reader_.rest().size()));
    }

  private:
    ByteReader reader_;
};

class SourceRandom final : public Random {
  public:
    std::uint64_t next() override { return state_ = state_ * 6'364'136'223'846'793'005U + 1; }

  private:
    std::uint64_t state_ = 1;
};

std::vector<ByteView> events_in(ByteView input) {
    std::vector<ByteView> events;
    for (Source source(input); !source.is_empty();) {
        events.push_back(source.take(kEventBytes));
    }
    return events;
}

/// A letter for each byte: ASCII, two bytes or four.
std::string text_in(ByteView input) {
    constexpr std::array kLetters{
        "a", "b", "c", " ", "\n", "\xC3\xBC", "e\xCC\x81", "\xF0\x9F\x8E\x9E"};
    std::string text;
    for (auto const byte : input) {
        text += kLetters[static_cast<std::size_t>(byte) % kLetters.size()];
    }
    return text;
}

DeviceId device_of(std::uint64_t number) {
    DeviceId device;
    store(device.bytes.data(), number + 1);
    return device;
}

Hash128 hash_of_bytes(ByteView input) {
    return hash128(input);
}

/// The chain over the input as the events of three devices.
Hash128 hash_of_chain(ByteView input) {
    auto chain = chain_start("acme/digests");
    std::uint64_t n = 0;
    for (auto const event : events_in(input)) {
        Dot const dot{device_of(n % 3), Counter{n / 3 + 1}};
        chain = chain_next(chain, dot, Seq{n / 2}, n % 2 == 0 ? RunFlags::needs_window : 0, event);
        ++n;
    }
    return chain;
}

/// A run of the input's events, encoded, delivered and read again.
Hash128 hash_of_run(ByteView input) {
    auto events = events_in(input);
    events.resize(std::min(events.size(), kRunEventsMax));
    RunHeader const header{Attempt::of(3, 7), Link{Counter{4}, Attempt::of(2, 1)}, Seq{9}, 0};
    Bytes delivered;
    encode_delivered_run(delivered, device_of(1), WallTime{5}, encode_run(header, events));
    ByteReader reader(delivered);
    auto const read = DeliveredRunView::take(reader);
    CAPSTAN_INVARIANT(read && read.value().run().count() == events.size());
    return hash128(read.value().bytes());
}

/// What decoders say of the input itself, which is mostly not what they want.
Hash128 hash_of_refusals(ByteView input) {
    std::string said;
    auto const note = [&said](auto const& result) {
        said += result ? "read" : to_string(result.error());
        said += '\n';
    };
    note(decode_event(input));
    note(RunView::decode(input));
    note(SubmissionView::decode(input));
    note(MessageReader(input).next());
    return hash128(as_bytes(said));
}

/// Stamps and ranges drawn from the input: who came before whom, and which seqs are held.
Hash128 hash_of_causality(ByteView input) {
    Source source(input.first(std::min<std::size_t>(input.size(), 512)));
    std::vector<CausalStamp> stamps;
    SeqRanges held;
    while (!source.is_empty()) {
        Seq const seq{stamps.size() + 1};
        Seq const p{source.below(seq.value)};
        stamps.push_back({seq, p, {device_of(source.below(4)), Counter{seq.value}}});
        Seq const first{1 + source.below(200)};
        held.add(first, first.plus(source.below(5)));
    }
    std::ranges::sort(stamps, causally_less);
    Bytes said;
    ByteWriter out(said);
    for (auto const& a : stamps) {
        std::uint64_t before = 0;
        for (auto const& b : stamps) {
            before += happened_before(a, b) ? 1 : 0;
        }
        out.put(a.seq.value).put(before);
    }
    for (auto const& range : held.ranges()) {
        out.put(range.first.value).put(range.last.value);
    }
    return hash128(said);
}

/// The difference of the input's halves, as texts, with few steps and with many.
Hash128 hash_of_diff(ByteView input) {
    auto const before = text_in(input.first(input.size() / 2));
    auto const after = text_in(input.subspan(input.size() / 2));
    Bytes said;
    ByteWriter out(said);
    for (auto const steps : {std::size_t{1'000}, coalesce::kDiffStepsMax}) {
        for (auto const& splice : coalesce::diff_text(before, after, steps)) {
            out.put(splice.at).put(splice.count).put(std::string_view(splice.content));
        }
    }
    return hash128(said);
}

Op op_from(Source& source) {
    Op op;
    op.object = std::string(1, static_cast<char>('A' + source.below(3)));
    op.kind =
        static_cast<OpKind>(source.below(static_cast<std::uint64_t>(OpKind::counter_set) + 1));
    if (op.kind == OpKind::insert) {
        op.type = "Thing";
        return op;
    }
    if (op.kind == OpKind::remove) {
        return op;
    }
    op.field = source.below(3) == 0 ? "f" : "g";
    op.at = source.below(10);
    op.count = source.below(3);
    op.value = static_cast<std::int64_t>(source.below(256)) - 128;
    if (op.kind == OpKind::splice) {
        op.value = text_in(source.take(static_cast<std::size_t>(source.below(4))));
    } else if (op.kind == OpKind::set) {
        op.value = static_cast<double>(source.below(256)) / 3;
    }
    op.key = op.kind == OpKind::map_put || op.kind == OpKind::map_remove ? "key" : "";
    return op;
}

std::vector<Event> model_events_in(ByteView input) {
    std::vector<Event> events;
    for (Source source(input); !source.is_empty();) {
        auto& event = events.emplace_back();
        for (auto rest = 1 + source.below(3); rest > 0; --rest) {
            event.ops.push_back(op_from(source));
        }
    }
    return events;
}

Hash128 hash_of(std::vector<Event> const& events) {
    Hash128 chain;
    for (auto const& event : events) {
        auto const bytes = encode_event(event);
        auto const read = decode_event(bytes);
        CAPSTAN_INVARIANT(read && encode_event(read.value()) == bytes);
        chain = submission_chain_next(chain, bytes);
    }
    return chain;
}

Hash128 hash_of_events(ByteView input) {
    return hash_of(model_events_in(input));
}

Hash128 hash_of_coalesced(ByteView input) {
    return hash_of(coalesce::coalesce(model_events_in(input)));
}

/// A text that four devices edit, each a few events behind: what came of it, and what merging
/// keeps.
Hash128 hash_of_text(ByteView input) {
    Text text;
    Bytes said;
    ByteWriter out(said);
    std::vector<TextSplice> effects;
    std::uint64_t seq = 0;
    auto const mark = [&seq] { return Seq{seq - std::min(seq, kBehindMax)}; };
    for (Source source(input.first(std::min<std::size_t>(input.size(), 8'192)));
         !source.is_empty();) {
        auto const before = mark();
        Seq const p{seq - std::min(seq, source.below(kBehindMax + 1))};
        DeviceIndex const device{static_cast<std::uint32_t>(source.below(4))};
        auto const at = source.below(text.content().size().points + 1);
        auto const inserted = text_in(source.take(static_cast<std::size_t>(source.below(4))));
        TextSplice const splice{at, source.below(3), inserted};
        effects.clear();
        auto const verdict =
            text.apply(EditStamp{Stamp{++seq}, p, device, before}, {&splice, 1}, effects);
        out.put(static_cast<std::uint8_t>(verdict));
        for (auto const& effect : effects) {
            out.put(effect.at).put(effect.removed).put(effect.inserted);
        }
    }
    out.put(text.content().hash()).put(std::string_view(text.content().str()));
    out.put(ByteView(text.window().save(mark(), text.content().size().points)));
    return hash128(said);
}

/// A model that four devices change, each a few events behind, with what one of them has pending on
/// top: what came of it.
Hash128 hash_of_model(ByteView input) {
    Model model;
    Overlay overlay(model, device_of(1));
    Changes changes;
    Bytes said;
    ByteWriter out(said);
    std::uint64_t seq = 0;
    auto const mark = [&seq] { return Seq{seq - std::min(seq, kBehindMax)}; };
    for (auto const& event :
         model_events_in(input.first(std::min<std::size_t>(input.size(), 8'192)))) {
        auto const before = mark();
        auto const device = device_of(seq % 4);
        Seq const p{seq - std::min(seq, event.ops.front().at)};
        ++seq;
        changes.clear();
        model.apply(event, {Seq{seq}, p, Seq{seq}, before, device}, &changes);
        overlay.touched(event);
        if (seq % 64 == 0) {
            overlay.add(event, Seq{seq});
        }
        out.put(model.state_hash()).put(std::uint64_t{changes.changes.size()});
        out.put(std::uint64_t{changes.conflicts.size()}).put(std::uint64_t{changes.voids.size()});
    }
    for (std::string const object : {"A", "B", "C"}) {
        for (std::string const field : {"f", "g"}) {
            out.put(std::string_view(overlay.text(object, field)));
            out.put(std::uint64_t{overlay.list(object, field).size()});
        }
    }
    out.put(std::uint64_t{overlay.rebase({}).size()});
    return hash128(said);
}

/// A client that publishes the input, is welcomed by nobody, and is taken apart: what it writes and
/// sends.
Hash128 hash_of_client(ByteView input) {
    SourceRandom random;
    sync::ClientOptions options;
    options.agent = "digests";
    auto const client = std::move(sync::Client::open(std::move(options), {}, random)).value();
    Instant now;
    Hash128 chain;
    auto const note = [&chain](ByteView bytes) { chain = submission_chain_next(chain, bytes); };
    auto const carry_out = [&] {
        auto const effects = client->take(now);
        for (auto const& write : effects.transaction) {
            note(write.key);
            note(write.value.value_or(Bytes{}));
        }
        for (auto const& effect : effects.then) {
            if (auto const* send = std::get_if<sync::Send>(&effect)) {
                note(send->message);
            }
        }
        now = effects.wake_at.value_or(now);
    };
    auto const stream = StreamName::parse("acme/digests").value();
    client->start(now);
    for (auto const event : events_in(input)) {
        static_cast<void>(client->publish(stream, {Bytes(event.begin(), event.end())}));
        carry_out();
    }
    client->on_opened(1, now);
    carry_out();
    client->on_message(1, input, now);
    carry_out();
    client->tick(now);
    carry_out();
    client->check_invariants();
    return chain;
}

/// A part of the engine belongs here once it makes something that builds must agree on.
constexpr std::array kDigests{
    std::pair{"bytes", &hash_of_bytes},
    std::pair{"chain", &hash_of_chain},
    std::pair{"run", &hash_of_run},
    std::pair{"refusals", &hash_of_refusals},
    std::pair{"causality", &hash_of_causality},
    std::pair{"diff", &hash_of_diff},
    std::pair{"events", &hash_of_events},
    std::pair{"coalesced", &hash_of_coalesced},
    std::pair{"text", &hash_of_text},
    std::pair{"model", &hash_of_model},
    std::pair{"client", &hash_of_client},
};

}  // namespace

std::string digests(ByteView input) {
    std::string lines;
    for (auto const& [name, hash] : kDigests) {
        lines += std::string(name) + " " + to_string(hash(input)) + "\n";
    }
    return lines;
}

}  // namespace capstan::js
