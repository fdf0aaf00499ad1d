#include "bench_commands.hpp"

namespace capstan::cli {

std::vector<std::string> bench_streams(Bench const& command) {
    if (command.streams == 1) {
        return {command.stream};
    }
    std::vector<std::string> streams;
    for (std::uint32_t i = 0; i < command.streams; ++i) {
        streams.push_back(command.stream + "/" + std::to_string(i));
    }
    return streams;
}

Result<> run_load(Context& context, Remote const& remote, BenchPublisher& load) {
    WhileInterruptible const interruptible(context, [&load] { load.interrupt(); });
    return load.run(remote);
}

Result<> execute(Context& context, Bench const& command) {
    CAPSTAN_TRY(auto const remote, Remote::open(context));
    switch (command.kind) {
        case BenchKind::append:
            return bench_append(context, remote, command);
        case BenchKind::read:
            return bench_read(context, remote, command);
        case BenchKind::fanout:
            return bench_fanout(context, remote, command);
        case BenchKind::coldstart:
            return bench_coldstart(context, remote, command);
    }
    return success();
}

}  // namespace capstan::cli
