// Texts on arbitrary bytes: the first half is a window section, or a schedule of edits by devices
// with any stamps. Nothing may crash, and invariants hold after every event.
#include <capstan/engine/text.hpp>
#include <cstdint>
#include <string>

namespace {

using namespace capstan;

/// Bytes as choices; zeros when they have run out.
class Choices {
  public:
    explicit Choices(ByteView bytes) : bytes_(bytes) {}
    std::uint64_t below(std::uint64_t end) { return bytes_.get<std::uint8_t>() % end; }
    bool done() const { return bytes_.rest().empty() || !bytes_.ok(); }

  private:
    ByteReader bytes_;
};

void edit(Text& text, Choices& choices, std::uint64_t seq_first) {
    static constexpr std::string_view kLetters = "abcdefghijklmnop";
    std::vector<TextSplice> effects;
    std::uint64_t p[4] = {};
    for (auto seq = seq_first; !choices.done(); ++seq) {
        auto const device = static_cast<std::uint32_t>(choices.below(4));
        p[device] = std::max(p[device], seq - 1 - choices.below(std::min<std::uint64_t>(seq, 9)));
        TextSplice const splice{
            choices.below(32), choices.below(8), kLetters.substr(0, choices.below(5))};
        auto const mark = choices.below(4) == 0 ? Seq{std::ranges::min(p)} : Seq{0};
        effects.clear();
        text.apply({Stamp{seq}, Seq{p[device]}, DeviceIndex{device}, mark}, {&splice, 1}, effects);
        text.check_invariants();
    }
}

void restore(ByteView bytes) {
    auto const content_points = bytes.empty() ? 0 : std::to_integer<std::size_t>(bytes[0]);
    std::string const content(content_points, 'x');
    auto const window = bytes.subspan(std::min<std::size_t>(1, bytes.size()));
    if (auto text = Text::restore(content, window)) {
        auto const touched = text.value().window().touched().value;
        text.value().check_invariants();
        std::vector<TextSplice> effects;
        TextSplice const splice{0, content_points / 2, "new"};
        EditStamp const next{Stamp{touched + 1}, Seq{touched}, DeviceIndex{1}, Seq{0}};
        text.value().apply(next, {&splice, 1}, effects);
        text.value().check_invariants();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    ByteView const bytes(reinterpret_cast<std::byte const*>(data) + 1, size - 1);
    if (data[0] % 2 == 0) {
        restore(bytes);
        return 0;
    }
    static constexpr EditTuning kTiny{
        .leaf_bytes = 8, .chunk_spans = 2, .far_seqs = 3, .collect_spans = 1};
    Text text(data[0] % 4 == 1 ? kTiny : kEditTuning);
    Choices choices(bytes);
    edit(text, choices, 1);
    return 0;
}
