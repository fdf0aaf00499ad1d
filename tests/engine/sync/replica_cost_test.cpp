// What a mutation costs, counted in allocations and their bytes: the same with ten thousand pending
// mutations as with one thousand, whatever the objects hold that it touches (F51).
#include <boost/test/unit_test.hpp>
#include <capstan/engine/sim/sim_random.hpp>
#include <capstan/engine/sync/replica.hpp>
#include <cstdlib>
#include <new>

namespace {

struct Spent {
    std::uint64_t allocations = 0;
    std::uint64_t bytes = 0;
};
Spent spent;  // one thread allocates here

}  // namespace

// What the language calls for memory, in this program only.
void* operator new(std::size_t bytes) {
    ++spent.allocations;
    spent.bytes += bytes;
    return std::malloc(bytes == 0 ? 1 : bytes);
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace capstan::test {
namespace {

constexpr std::uint64_t kCalls = 1'000;

/// A device without a network whose application listens to what it changes.
class Offline {
  public:
    Offline() {
        client_ = sync::Client::open({}, {}, random_).value();
        replica_ = sync::Replica::open(*client_, StreamName::parse("acme/room/1").value(), {});
    }

    void mutate(std::vector<Op> ops) {
        BOOST_REQUIRE(replica_->mutate({std::move(ops), {}}).has_value());
        changes_ += replica_->take_changes().changes.size();
        client_->take({});  // to the disk
    }
    View view() { return replica_->view(); }
    std::size_t pending() const { return replica_->status().pending; }
    std::size_t changes() const { return changes_; }

  private:
    SimRandom random_{1};
    std::unique_ptr<sync::Client> client_;
    std::unique_ptr<sync::Replica> replica_;
    std::size_t changes_ = 0;
};

Op op(OpKind kind, char const* field, Value value, std::uint64_t at = 0) {
    return {.kind = kind, .object = "log", .field = field, .value = std::move(value), .at = at};
}

/// A line more of a text and a list, one element more of a set, one more counted: all of one
/// object.
void write_a_line(Offline& device, std::uint64_t number) {
    auto const line = "line " + std::to_string(number) + "\n";
    auto const view = device.view();
    device.mutate({op(OpKind::splice, "book", line, view.size("log", "book", FieldKind::text)),
                   op(OpKind::list_insert, "lines", line, number),
                   op(OpKind::set_add, "names", line),
                   op(OpKind::add, "count", std::int64_t{1}),
                   op(OpKind::set, "last", line)});
}

Spent cost_of_calls(Offline& device, std::uint64_t& number) {
    spent = {};
    for (auto const end = number + kCalls; number < end; ++number) {
        write_a_line(device, number);
    }
    return spent;
}

BOOST_AUTO_TEST_SUITE(replica_cost)

BOOST_AUTO_TEST_CASE(a_mutation_costs_what_it_touches_however_much_is_pending_F51) {
    Offline device;
    device.mutate({{.kind = OpKind::insert, .object = "log", .type = "Log"}});
    std::uint64_t number = 0;
    cost_of_calls(device, number);
    auto const early = cost_of_calls(device, number);
    while (number < 10 * kCalls) {
        write_a_line(device, number++);
    }
    auto const late = cost_of_calls(device, number);

    BOOST_TEST(device.pending() == number + 1);
    BOOST_TEST(device.changes() == 5 * number + 1);
    BOOST_TEST(device.view().counter("log", "count") == static_cast<std::int64_t>(number));
    BOOST_TEST_MESSAGE(early.allocations << " allocations of " << early.bytes << " bytes, then "
                                         << late.allocations << " of " << late.bytes);
    // Some trees are a level higher, some vectors grew.
    BOOST_TEST(late.allocations < early.allocations * 11 / 10);
    BOOST_TEST(late.bytes < early.bytes * 13 / 10);
    BOOST_TEST(late.bytes / kCalls < 30'000U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace capstan::test
