#pragma once
#include <capstan/sdk/model_stream.hpp>

#include "loop_calls.hpp"
#include "shell.hpp"

/// How a handle on a model reaches what it stands for.
namespace capstan {

inline Error client_closed() {
    return {Errc::cancelled, "the client was closed"};
}

/// Alive as long as its handle: that is all that the loop looks at.
struct ModelStream::Watch {
    bool observes = false;  // the loop may be in a function that was given to it
};

/// Runs `call(Shell*, sync::Replica*)` on the loop; both are nothing once the client has gone.
template <class Call>
auto ModelStream::on_replica(Call call) const {
    return ask(*runtime_, [&] {
        auto const shell = shell_.lock();
        auto* const replica = shell ? shell->models().find(name_.str()) : nullptr;
        return call(replica == nullptr ? nullptr : shell.get(), replica);
    });
}

}  // namespace capstan
