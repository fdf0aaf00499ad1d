#pragma once
#include <capstan/schema/error.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "commands.hpp"

namespace capstan::cli {

/// What `/metrics` of an admin port shows at a moment: the text form of Prometheus.
class MetricsPage {
  public:
    /// Errors: `malformed`.
    static Result<MetricsPage> parse(std::string_view text);

    /// The series of this name, and label value if it has one; 0 if there is none.
    double value(std::string const& name, std::string const& label = {}) const;
    /// Of a histogram, between an earlier page and this one: below it lies that share (0 to 1) of
    /// what was observed; 0 if nothing was. As exact as its buckets are fine.
    double quantile(std::string const& name, double share, MetricsPage const& before) const;

  private:
    struct Bucket {
        double end = 0;
        double count = 0;  // at or below it
    };
    std::map<std::string, double> values_;  // `name`, or `name label`
    std::map<std::string, std::vector<Bucket>> buckets_;
};

/// A page of the admin port. Errors: as `http_request`; an address that is none: `request_invalid`.
Result<std::string> admin_page(Context& context, std::string const& admin, std::string path);

}  // namespace capstan::cli
