// A folded delta, little-endian:
//
//   delta  = "CAPFOLD" version:u8 rules:u32 stream:name8 generation:u64 from:u64 seq:u64
//            state_hash:u64 devices_before:u64
//            count:u32 id:16{count}                       devices
//            count:u32 (number:u32 counter:u64){count}    numbers ascend
//            count:u32 name8{count}                       gone; ids ascend
//            count:u32 (how:u8 bytes){count}              objects; 0 whole | 1 patch
//            bytes                                        window section
//   name8  = length:u8 bytes
//   bytes  = length:u32 bytes
#include <capstan/engine/model/model_update.hpp>
#include <capstan/engine/snapshot/folded_delta.hpp>
#include <utility>

namespace capstan {
namespace {

constexpr std::string_view kMagic = "CAPFOLD";
constexpr std::uint8_t kVersion = 1;

Error malformed(std::string what) {
    return {Errc::malformed, "folded delta: " + std::move(what)};
}

void put_name(ByteWriter& out, std::string_view name) {
    out.put(static_cast<std::uint8_t>(name.size())).put(name);
}

void put_count(ByteWriter& out, std::size_t count) {
    out.put(static_cast<std::uint32_t>(count));
}

void put_bytes(ByteWriter& out, ByteView bytes) {
    put_count(out, bytes.size());
    out.put(bytes);
}

/// What makes no sense turns `done()` false for ever.
class DeltaReader {
  public:
    explicit DeltaReader(ByteView bytes) : in_(bytes) {}
    FoldedDelta read();
    bool done() const { return ok_ && in_.done(); }

  private:
    std::uint64_t number() { return in_.get<std::uint64_t>(); }
    std::string name() { return std::string(as_text(in_.take(in_.get<std::uint8_t>()))); }
    Bytes bytes() {
        auto const view = in_.take(in_.get<std::uint32_t>());
        return {view.begin(), view.end()};
    }
    std::size_t count(std::size_t bytes_each) {
        std::size_t const count = in_.get<std::uint32_t>();
        require(in_.ok() && count <= in_.rest().size() / bytes_each);
        return ok_ ? count : 0;
    }
    void require(bool condition) { ok_ = ok_ && condition; }
    void devices(FoldedDelta& delta);
    void objects(FoldedDelta& delta);

    ByteReader in_;
    bool ok_ = true;
};

FoldedDelta DeltaReader::read() {
    FoldedDelta delta;
    delta.rules = in_.get<std::uint32_t>();
    delta.stream = name();
    delta.generation = Generation{number()};
    delta.from = Seq{number()};
    delta.seq = Seq{number()};
    delta.state_hash = number();
    delta.devices_before = number();
    require(delta.from < delta.seq && delta.seq <= kSeqMax && delta.generation.value != 0);
    devices(delta);
    objects(delta);
    delta.window = bytes();
    return delta;
}

void DeltaReader::devices(FoldedDelta& delta) {
    for (auto left = count(sizeof(DeviceId)); left > 0; --left) {
        delta.devices.push_back(in_.get_device());
    }
    auto const end = delta.devices_before + delta.devices.size();
    for (auto left = count(12); left > 0; --left) {
        auto const device = in_.get<std::uint32_t>();
        require(device < end && (delta.counters.empty() || delta.counters.back().first < device));
        delta.counters.emplace_back(device, Counter{number()});
    }
}

void DeltaReader::objects(FoldedDelta& delta) {
    for (auto left = count(2); left > 0; --left) {
        auto id = name();
        require(!id.empty() && (delta.gone.empty() || delta.gone.back() < id));
        delta.gone.push_back(std::move(id));
    }
    for (auto left = count(5); left > 0; --left) {
        auto const how = in_.get<std::uint8_t>();
        require(how <= static_cast<std::uint8_t>(FoldedHow::patch));
        delta.objects.push_back({static_cast<FoldedHow>(how), bytes()});
    }
}

}  // namespace

Bytes encode_delta(FoldedDelta const& delta) {
    Bytes bytes;
    ByteWriter out(bytes);
    out.put(kMagic).put(kVersion).put(delta.rules);
    put_name(out, delta.stream);
    out.put(delta.generation.value).put(delta.from.value).put(delta.seq.value);
    out.put(delta.state_hash).put(delta.devices_before);
    put_count(out, delta.devices.size());
    for (auto const& device : delta.devices) {
        out.put(device);
    }
    put_count(out, delta.counters.size());
    for (auto const& [device, counter] : delta.counters) {
        out.put(device).put(counter.value);
    }
    put_count(out, delta.gone.size());
    for (auto const& id : delta.gone) {
        put_name(out, id);
    }
    put_count(out, delta.objects.size());
    for (auto const& [how, object] : delta.objects) {
        out.put(static_cast<std::uint8_t>(how));
        put_bytes(out, object);
    }
    put_bytes(out, delta.window);
    return bytes;
}

Result<FoldedDelta> decode_delta(ByteView bytes) {
    ByteReader front(bytes);
    auto const magic = as_text(front.take(kMagic.size()));
    auto const version = front.get<std::uint8_t>();
    if (magic != kMagic) {
        return malformed("it is none");
    }
    if (version != kVersion) {
        return Error{Errc::format_unknown, "folded delta of version " + std::to_string(version)};
    }
    DeltaReader in(front.rest());
    auto delta = in.read();
    return in.done() ? Result<FoldedDelta>(std::move(delta)) : malformed("impossible values");
}

Result<Bytes> fold_window(ByteView window,
                          std::set<std::string, std::less<>> const& changed,
                          std::set<std::string, std::less<>> const& gone) {
    CAPSTAN_TRY(auto section, read_window(window));
    std::erase_if(section.entries, [&](WindowEntry const& entry) {
        return !(entry.alive ? changed : gone).contains(entry.id);
    });
    return make_window(section);
}

Result<std::vector<std::string>> objects_of(FoldedDelta const& delta) {
    auto ids = delta.gone;
    for (auto const& object : delta.objects) {
        CAPSTAN_TRY(auto const head, read_object_head(object.bytes));
        ids.emplace_back(head.id);
    }
    return ids;
}

Result<> apply_delta(Model& model, FoldedDelta const& delta) {
    CAPSTAN_TRY(auto const window, read_window(delta.window));
    bool const fits = delta.rules == kModelRules && window.head == delta.seq &&
                      model.head() <= delta.from &&
                      model.tables().devices.size() == delta.devices_before;
    if (!fits) {
        return malformed("made for another model");
    }
    ModelUpdate update(model);
    CAPSTAN_TRY(update.devices(delta.devices));
    for (auto const& id : delta.gone) {
        update.remove(id);
    }
    for (auto const& [how, bytes] : delta.objects) {
        CAPSTAN_TRY(how == FoldedHow::whole ? update.object(bytes) : update.patch(bytes));
    }
    return update.commit(window, delta.state_hash);
}

}  // namespace capstan
