// Two integers per event against explicit version vectors, on random server-sequenced histories.
#include <boost/test/unit_test.hpp>
#include <capstan/engine/causality/happened_before.hpp>
#include <capstan/engine/causality/version_vector.hpp>

namespace {

using namespace capstan;

/// An event with both descriptions of its past: two integers, and the explicit vector.
struct Witness {
    CausalStamp stamp;
    VersionVector past;  // what its author had seen, itself included
};

/// Devices that apply the stream at their own pace, type offline and publish late, in their order.
class History {
  public:
    explicit History(std::size_t devices) : devices_(devices) {
        for (std::size_t n = 0; n < devices; ++n) {
            devices_[n].id.bytes[0] = static_cast<std::byte>(n + 1);
        }
    }

    /// The device applies up to `count` further events of the stream, in order.
    void apply(std::size_t which, std::size_t count) {
        Device& device = devices_[which];
        for (; count > 0 && device.applied < sequenced_.size(); --count, ++device.applied) {
            device.seen.merge(sequenced_[device.applied].past);
        }
    }
    void type(std::size_t which) {
        Device& device = devices_[which];
        device.counter = device.counter.next();
        device.seen.raise(Dot{device.id, device.counter});
        CausalStamp const stamp{Seq{}, Seq{device.applied}, Dot{device.id, device.counter}};
        device.outbox.push_back(Witness{stamp, device.seen});
    }
    void publish(std::size_t which) {
        auto& outbox = devices_[which].outbox;
        if (!outbox.empty()) {
            outbox.front().stamp.seq = Seq{sequenced_.size() + 1};
            sequenced_.push_back(std::move(outbox.front()));
            outbox.erase(outbox.begin());
        }
    }
    std::vector<Witness> const& sequenced() const { return sequenced_; }

  private:
    struct Device {
        DeviceId id;
        Counter counter;
        std::size_t applied = 0;
        VersionVector seen;
        std::vector<Witness> outbox;
    };
    std::vector<Device> devices_;
    std::vector<Witness> sequenced_;
};

History random_history() {
    auto const devices = *rc::gen::inRange<std::size_t>(1, 5);
    auto const steps = *rc::gen::container<std::vector<std::tuple<std::size_t, int, std::size_t>>>(
        rc::gen::tuple(rc::gen::inRange<std::size_t>(0, devices),
                       rc::gen::inRange(0, 4),
                       rc::gen::inRange<std::size_t>(1, 6)));
    History history(devices);
    for (auto const& [which, kind, count] : steps) {
        if (kind == 0) {
            history.apply(which, count);
        } else if (kind == 1) {
            history.publish(which);
        } else {
            history.type(which);
        }
    }
    for (std::size_t which = 0; which < devices; ++which) {
        for (std::size_t n = 0; n < steps.size(); ++n) {
            history.publish(which);
        }
    }
    return history;
}

bool saw(Witness const& a, Witness const& b) {
    return a.stamp.dot != b.stamp.dot && b.past.contains(a.stamp.dot);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(happened_before_rules)

BOOST_AUTO_TEST_CASE(what_was_applied_and_own_earlier_events_come_before) {
    DeviceId a;
    a.bytes[0] = std::byte{1};
    DeviceId b;
    b.bytes[0] = std::byte{2};
    CausalStamp const a1{Seq{1}, Seq{0}, Dot{a, Counter{1}}};
    CausalStamp const b1{Seq{2}, Seq{0}, Dot{b, Counter{1}}};
    CausalStamp const a2{Seq{3}, Seq{0}, Dot{a, Counter{2}}};
    CausalStamp const b2{Seq{4}, Seq{3}, Dot{b, Counter{2}}};
    BOOST_TEST(concurrent(a1, b1));
    BOOST_TEST(happened_before(a1, a2));
    BOOST_TEST(!happened_before(a2, a1));
    BOOST_TEST(concurrent(b1, a2));
    BOOST_TEST(happened_before(a2, b2));
    BOOST_TEST(happened_before(b1, b2));
    BOOST_TEST(!concurrent(a1, a1));
}

BOOST_AUTO_TEST_CASE(late_edit_of_an_uninformed_author_is_causally_first) {
    DeviceId a;
    DeviceId b;
    b.bytes[0] = std::byte{1};
    CausalStamp const informed{Seq{8}, Seq{7}, Dot{a, Counter{1}}};
    CausalStamp const offline{Seq{9}, Seq{2}, Dot{b, Counter{1}}};
    BOOST_TEST(causally_less(offline, informed));
    BOOST_TEST(!causally_less(informed, offline));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(happened_before_properties)

RC_BOOST_PROP(two_integers_equal_explicit_version_vectors, ()) {
    auto const history = random_history();
    for (auto const& a : history.sequenced()) {
        for (auto const& b : history.sequenced()) {
            RC_ASSERT(happened_before(a.stamp, b.stamp) == saw(a, b));
            auto const related = saw(a, b) || saw(b, a) || a.stamp.seq == b.stamp.seq;
            RC_ASSERT(concurrent(a.stamp, b.stamp) == !related);
        }
    }
}

RC_BOOST_PROP(causal_order_extends_happened_before, ()) {
    auto const history = random_history();
    for (auto const& a : history.sequenced()) {
        for (auto const& b : history.sequenced()) {
            RC_ASSERT(!happened_before(a.stamp, b.stamp) || causally_less(a.stamp, b.stamp));
            RC_ASSERT(a.stamp.seq == b.stamp.seq ||
                      causally_less(a.stamp, b.stamp) != causally_less(b.stamp, a.stamp));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
