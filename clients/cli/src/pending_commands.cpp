#include "commands.hpp"
namespace capstan::cli {
#define PENDING(X)                                            \
    Result<> execute(Context&, X const&) {                    \
        return Error{Errc::internal, #X " is not built yet"}; \
    }
PENDING(Append)
PENDING(Read)
PENDING(Watch) PENDING(Get) PENDING(Stat) PENDING(StreamList) PENDING(StreamCreate)
    PENDING(StreamSeal) PENDING(ImportGit) PENDING(ImportNdjson) PENDING(Verify) PENDING(Bench)
}  // namespace capstan::cli
