// An author who decides by bytes: random ones, those of a fuzzer, or shrunk ones of a failure.
#pragma once
#include <capstan/schema/event.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "plain_model.hpp"

namespace capstan::test {

class Author {
  public:
    explicit Author(std::span<std::uint8_t const> choices) : choices_(choices) {}

    bool has_choices() const { return at_ < choices_.size(); }
    /// The next event: operations on few objects and fields, with places inside what is there.
    /// `model` is what came of all before, and takes this one in.
    Event next(PlainModel& model);

  private:
    std::uint64_t below(std::uint64_t end);
    Op next_op(PlainModel const& model);
    void fill(Op& op, PlainModel::Object const* object);

    std::span<std::uint8_t const> choices_;
    std::size_t at_ = 0;
};

}  // namespace capstan::test
