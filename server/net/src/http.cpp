#include <boost/algorithm/string/predicate.hpp>
#include <capstan/server/net/http.hpp>
#include <nlohmann/json.hpp>

namespace capstan {

std::string_view HttpRequest::field(std::string_view name) const {
    for (auto const& [key, value] : fields) {
        if (boost::algorithm::iequals(key, name)) {
            return value;
        }
    }
    return {};
}

HttpResponse problem(unsigned status, Error const& error) {
    auto const& entry = describe(error.code);
    auto const number = std::to_string(static_cast<unsigned>(entry.code));
    nlohmann::ordered_json const body{{"type", "urn:capstan:error:" + number},
                                      {"title", entry.meaning},
                                      {"status", status},
                                      {"detail", error.detail},
                                      {"code", "CAP-" + number},
                                      {"name", entry.name},
                                      {"next", entry.next}};
    using nlohmann::json;
    return {.status = status,
            .content_type = "application/problem+json",
            .body = body.dump(-1, ' ', false, json::error_handler_t::replace)};
}

}  // namespace capstan
