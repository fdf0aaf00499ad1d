#include "commands.hpp"
namespace capstan::cli {
#define PENDING(X)                                            \
    Result<> execute(Context&, X const&) {                    \
        return Error{Errc::internal, #X " is not built yet"}; \
    }
PENDING(ImportNdjson)
}  // namespace capstan::cli
