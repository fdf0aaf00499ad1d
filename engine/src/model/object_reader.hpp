#pragma once
#include <algorithm>
#include <capstan/engine/model/canonical.hpp>
#include <capstan/schema/limits.hpp>
#include <string>
#include <utility>
#include <vector>

#include "model/canonical_io.hpp"

namespace capstan {

/// Reads objects, entries and what they consist of. Stamps are relative to the object at hand.
class ModelRestore::Reader : public CanonicalReader {
  public:
    Reader(ByteView bytes, Tables& tables, std::uint64_t& seq_max)
        : Reader(bytes, tables, seq_max, tables.devices.size()) {}
    /// Stamps count that many devices, whether the table has them or not.
    Reader(ByteView bytes, Tables& tables, std::uint64_t& seq_max, std::size_t devices)
        : CanonicalReader(bytes), tables_(tables), seq_max_(seq_max), devices_(devices) {}

    /// Live or contested, or, if `dead`, a tombstone.
    Object object(bool dead);
    /// Adds the facts to the object. All lie above `mark`.
    void facts(Object& object, Mark const& mark, std::vector<Due>& due);

    // Parts of an object, for those who read others than the whole.
    void head(Object& object, bool dead);
    Field field(FieldKind kind);
    /// Names and kinds ascend. Answers the place of the next one.
    std::pair<std::string, FieldKind> next_place(std::pair<std::string, FieldKind> const& before,
                                                 bool first);

  private:
    void fields(Object& object);
    void counter(Field& field);
    void elements(Field& field);
    void list(Field& field);
    void window(Field& field);
    Register reg();
    void fact(Field& field);
    void adds(Field& field);
    void element_facts(Field& field);
    std::vector<StampedValue> siblings();

    std::string next_key(FieldKind kind, std::string const& before, bool first);
    void remember(std::uint64_t seq, std::string_view key = {});

    std::uint64_t seq_since(std::uint64_t since) {
        require(since <= kSeqMax.value - base_);
        auto const seq = ok() ? base_ + since : 0;
        seq_max_ = std::max(seq_max_, seq);
        return seq;
    }
    DeviceNumber device() {
        auto const number = this->number(0, kNoDevice - 1);
        require(number < devices_);
        return static_cast<DeviceNumber>(number);
    }
    Touch touch() {
        auto const seq = seq_since(number());
        return {seq, device()};
    }
    Touch touch_or_none() {
        auto const since = number();
        return since == 0 ? Touch{} : Touch{seq_since(since - 1), device()};
    }
    /// What an author had seen who wrote at `seq`.
    std::uint64_t seen_before(std::uint64_t seq) {
        auto const lag = number(1, seq);
        return ok() ? seq - lag : 0;
    }
    Write write() {
        auto const seq = seq_since(number());
        auto const a = seen_before(seq);
        return {a, seq, device()};
    }
    StoredValue value();
    std::vector<Touch> touches(std::size_t least);
    std::vector<StampedValue> stamped(std::size_t least);

    Tables& tables_;
    std::uint64_t& seq_max_;
    std::size_t devices_;
    std::uint64_t base_ = 0;  // seq of the object's insert
    Mark mark_;
    std::vector<Due>* due_ = nullptr;
    NameNumber due_name_ = 0;
    FieldKind due_kind_ = FieldKind::reg;
};

}  // namespace capstan
