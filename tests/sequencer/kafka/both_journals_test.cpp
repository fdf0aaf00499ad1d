// A partition over a real broker. KAFKA_BOOTSTRAP names it.
#include <boost/test/unit_test.hpp>
#include <capstan/schema.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "../partition_world.hpp"
#include "log_world.hpp"

namespace capstan::test {
namespace {

using std::chrono::milliseconds;

/// A node whose log wakes nobody: time is the test's, so it is looked at with each tick.
class BrokerNode {
  public:
    explicit BrokerNode(KafkaCluster const& cluster) : world_(1) {
        world_.other_log = [this, cluster](LogOffset from, LogWake const&) {
            return open_kafka_log({.cluster = cluster, .from = from}, random_, [] {});
        };
        BOOST_TEST_REQUIRE(world_.open().has_value());
        run_until([this] { return world_.partition().is_ready(); });
    }
    PartitionWorld& world() { return world_; }

    Verdict submit(Bytes record) {
        auto const token = world_.submit(std::move(record));
        run_until([&] { return world_.heard.verdicts.contains(token); });
        return world_.heard.verdicts.at(token);
    }

  private:
    void run_until(std::function<bool()> const& done) {
        for (int i = 0; i < 20'000 && !done(); ++i) {
            world_.run_for(milliseconds(100));
            std::this_thread::sleep_for(milliseconds(1));
        }
        BOOST_TEST_REQUIRE(done());
    }

    SimRandom random_{1};  // the topic is new, so are its handles
    PartitionWorld world_;
};

/// Records of a script, in order.
std::vector<Bytes> records_of(char const* path) {
    std::map<std::string, Author> authors;
    std::map<std::string, Bytes> last;
    std::vector<Bytes> records;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string stream;
        std::string name;
        words >> stream >> name;
        if (stream == "#") {
            continue;
        }
        auto const key = stream + " " + name;
        auto& author = authors.try_emplace(key, Author{.stream = stream}).first->second;
        auto const hash = hash64(as_bytes(key));
        std::memcpy(author.device.bytes.data(), &hash, sizeof hash);
        std::vector<std::string> const events{std::istream_iterator<std::string>(words), {}};
        if (events == std::vector<std::string>{"again"} && last.contains(key)) {
            records.push_back(last.at(key));
            continue;
        }
        records.push_back(last[key] = author.record(events));
        author.sent(events.size());
    }
    return records;
}

void add(Bytes& bytes, std::uint64_t number) {
    bytes.resize(bytes.size() + sizeof number);
    store(bytes.data() + bytes.size() - sizeof number, number);
}

/// All that readers of a stream get: runs, marks, chain.
Bytes sequenced(Partition& partition, StreamStat const& stat) {
    Bytes all;
    for (Seq next{1}; next <= stat.head;) {
        auto const page = partition.read(stat.number, next, 1'000).value();
        all.insert(all.end(), page.runs.begin(), page.runs.end());
        for (auto const mark : page.marks) {
            add(all, mark);
        }
        add(all, page.chain.low);
        add(all, page.chain.high);
        next = page.last.next();
    }
    return all;
}

BOOST_AUTO_TEST_SUITE(kafka_partition)

BOOST_AUTO_TEST_CASE(the_same_script_gives_the_same_bytes_on_both_journals) {
    KafkaWorld const kafka(std::getenv("KAFKA_BOOTSTRAP"));
    BOOST_TEST_REQUIRE(create_journal_topic(kafka.cluster, {}).has_value());
    BrokerNode cluster(kafka.cluster);
    PartitionWorld embedded(1);
    BOOST_TEST_REQUIRE(embedded.open().has_value());

    auto const records = records_of("tests/sequencer/kafka/publishes.script");
    BOOST_TEST_REQUIRE(records.size() == 80u);
    for (auto const& record : records) {
        auto const there = cluster.submit(record);
        auto const token = embedded.submit(record);
        embedded.run();
        auto const& here = embedded.heard.verdicts.at(token);
        BOOST_TEST((there.outcome == here.outcome));
        BOOST_TEST((there.first == here.first));
    }
    auto const streams =
        embedded.partition().list(StreamPattern::parse("acme/>").value(), {}, 100).value();
    BOOST_TEST(streams.size() == 3u);
    for (auto const& stat : streams) {
        auto const there = cluster.world().partition().stat(stat.name).value();
        BOOST_TEST_REQUIRE(there.has_value());
        BOOST_TEST((there->chain == stat.chain));
        auto const bytes = sequenced(embedded.partition(), stat);
        BOOST_TEST(bytes.size() > 1'000u);
        BOOST_TEST((sequenced(cluster.world().partition(), *there) == bytes));
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace capstan::test
