#include <bit>
#include <capstan/engine/coalesce/value_order.hpp>
#include <compare>
#include <tuple>

namespace capstan::coalesce {
namespace {

std::uint64_t bits(double value) {
    return std::bit_cast<std::uint64_t>(value);
}

auto parts(BlobReference const& blob) {
    return std::tie(blob.sha256, blob.size_bytes, blob.media_type);
}

struct Less {
    bool operator()(std::monostate, std::monostate) const { return false; }
    bool operator()(double a, double b) const { return bits(a) < bits(b); }
    bool operator()(Reference const& a, Reference const& b) const { return a.object < b.object; }
    bool operator()(BlobReference const& a, BlobReference const& b) const {
        return parts(a) < parts(b);
    }
    template <class T>
    bool operator()(T const& a, T const& b) const {
        return a < b;
    }
    template <class A, class B>
    bool operator()(A const&, B const&) const {
        return false;  // never asked: the kinds are equal
    }
};

}  // namespace

bool ValueLess::operator()(Value const& a, Value const& b) const {
    return a.index() == b.index() ? std::visit(Less{}, a, b) : a.index() < b.index();
}

bool same(Value const& a, Value const& b) {
    auto const* x = std::get_if<double>(&a);
    auto const* y = std::get_if<double>(&b);
    return x != nullptr && y != nullptr ? bits(*x) == bits(*y) : a == b;
}

}  // namespace capstan::coalesce
