#pragma once
#include <string>

#include "remote.hpp"

namespace capstan::cli {

/// A stream's model with all that the server had when it was asked.
struct ModelAtEnd {
    Client client;
    ModelStream model;
    Seq head;
};

/// Reads the stream as a device that exists for the moment. Errors: `not_found`; `timed_out`.
Result<ModelAtEnd> model_at_end(Remote const& remote, std::string const& stream);

}  // namespace capstan::cli
