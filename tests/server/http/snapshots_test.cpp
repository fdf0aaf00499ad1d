#include <boost/test/unit_test.hpp>
#include <capstan/engine/snapshot/packing.hpp>
#include <capstan/engine/snapshot/restore.hpp>
#include <capstan/schema/event.hpp>
#include <nlohmann/json.hpp>

#include "http_bed.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

constexpr char kSnapshots[] = "/v1/snapshots/acme/notes";

HttpRequest request(std::string method, std::string path, std::string const& token = "acme/anna") {
    return {.method = std::move(method),
            .path = std::move(path),
            .fields = {{"Authorization", "Bearer " + token}}};
}

std::string chunk_path(std::string const& id, std::string const& stream = "acme/notes") {
    return "/v1/chunks/" + id + "/" + stream;
}

std::string field(HttpResponse const& response, std::string_view name) {
    for (auto const& [key, value] : response.fields) {
        if (key == name) {
            return value;
        }
    }
    return {};
}

struct Bed : HttpBed {
    Bed() {
        open();
        for (int n = 0; n < 20; ++n) {
            auto append = request("POST", "/v1/events/acme/notes");
            append.fields.emplace_back("Content-Type", "application/octet-stream");
            append.body = "no model reads this";
            BOOST_REQUIRE((ask(append)->status == 201U));
        }
    }
    /// The answer's body, when it has come.
    nlohmann::json json(HttpRequest const& wanted, unsigned status) {
        auto const answer = ask(wanted);
        BOOST_REQUIRE(answer.has_value());
        BOOST_TEST(answer->status == status);
        return nlohmann::json::parse(answer->body);
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(http_snapshots)

BOOST_AUTO_TEST_CASE(a_snapshot_is_created_listed_loaded_and_removed) {
    Bed bed;
    BOOST_TEST(bed.json(request("GET", kSnapshots), 200)["snapshots"].empty());
    auto const made = bed.json(request("POST", kSnapshots), 201);
    BOOST_TEST(made["seq"] == 20U);
    auto const listed = bed.json(request("GET", kSnapshots), 200)["snapshots"];
    BOOST_REQUIRE(listed.size() == 1U);
    BOOST_TEST(listed[0] == made);
    auto const id = made["manifest"].get<std::string>();
    auto const answer = bed.ask(request("GET", chunk_path(id)));
    BOOST_REQUIRE(answer.has_value());
    BOOST_TEST(answer->status == 200U);
    BOOST_TEST(answer->content_type == "application/octet-stream");
    BOOST_TEST(field(*answer, "Cache-Control").ends_with("immutable"));
    BOOST_TEST(field(*answer, "ETag") == '"' + id + '"');
    BOOST_TEST((chunk_id(as_bytes(answer->body)) == parse_chunk_id(id)));
    auto const manifest = decode_manifest(as_bytes(answer->body)).value();
    auto const restored = restore_snapshot(manifest, [&bed](ChunkRef const& ref) -> Result<Bytes> {
        auto const chunk = bed.ask(request("GET", chunk_path(to_string(ref.id))));
        return unpack_chunk(as_bytes(chunk->body), ref);
    });
    BOOST_TEST(restored.has_value());
    BOOST_TEST(bed.ask(request("DELETE", kSnapshots))->status == 204U);
    BOOST_TEST(bed.ask(request("GET", chunk_path(id)))->status == 404U);
    BOOST_TEST(bed.ask(request("DELETE", kSnapshots))->status == 404U);
}

BOOST_AUTO_TEST_CASE(a_check_recomputes_from_the_tape) {
    Bed bed;
    BOOST_TEST(bed.json(request("POST", "/v1/snapshot-checks/acme/notes"), 404)["name"] ==
               "not_found");
    auto const made = bed.json(request("POST", kSnapshots), 201);
    BOOST_TEST(bed.json(request("POST", "/v1/snapshot-checks/acme/notes"), 200) == made);
}

BOOST_AUTO_TEST_CASE(a_damaged_chunk_is_not_served) {
    Bed bed;
    auto const made = bed.json(request("POST", kSnapshots), 201);
    auto const id = made["manifest"].get<std::string>();
    auto const names = bed.snapshots.list().value();
    for (auto const& name : names) {
        bed.snapshots.flip_bit(name, 8 * (bed.snapshots.contents(name).size() / 2));
    }
    auto const answer = bed.ask(request("GET", chunk_path(id)));
    BOOST_REQUIRE(answer.has_value());
    BOOST_TEST(answer->status == 503U);
    BOOST_TEST(field(*answer, "Retry-After") == "1");
    bed.schedule.run_for(std::chrono::seconds(1));
    BOOST_TEST(bed.ask(request("GET", chunk_path(id)))->status == 200U);  // the same, built anew
}

/// F45
BOOST_AUTO_TEST_CASE(snapshots_are_for_those_who_may_read_the_stream) {
    Bed bed;
    auto const made = bed.json(request("POST", kSnapshots), 201);
    auto const path = chunk_path(made["manifest"].get<std::string>());
    BOOST_TEST(bed.ask(request("GET", path, ""))->status == 401U);
    BOOST_TEST(bed.ask(request("GET", path, "other/olga"))->status == 404U);
    BOOST_TEST(bed.ask(request("GET", kSnapshots, "other/olga"))->status == 404U);
    BOOST_TEST(bed.ask(request("POST", kSnapshots, "other/olga"))->status == 404U);
    // Reading is enough to load, not to build, check or remove.
    BOOST_TEST(bed.ask(request("GET", path, "acme/anna/read"))->status == 200U);
    BOOST_TEST(bed.ask(request("POST", kSnapshots, "acme/anna/read"))->status == 403U);
    BOOST_TEST(bed.ask(request("DELETE", kSnapshots, "acme/anna/read"))->status == 403U);
    // A chunk of one stream is none of another.
    auto const elsewhere = chunk_path(made["manifest"].get<std::string>(), "acme/other");
    BOOST_TEST(bed.ask(request("GET", elsewhere))->status == 404U);
}

BOOST_AUTO_TEST_CASE(mistakes_are_told) {
    Bed bed;
    BOOST_TEST(bed.ask(request("POST", "/v1/snapshots/acme/nothing"))->status == 404U);
    BOOST_TEST(bed.ask(request("GET", chunk_path("12ab")))->status == 400U);
    BOOST_TEST(bed.ask(request("GET", "/v1/chunks/12ab"))->status == 404U);
    BOOST_TEST(bed.ask(request("PUT", kSnapshots))->status == 405U);
}

BOOST_AUTO_TEST_SUITE_END()
