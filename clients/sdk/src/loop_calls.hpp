#pragma once
#include <capstan/sdk/client.hpp>
#include <future>
#include <memory>
#include <utility>

#include "runtime_parts.hpp"

/// How calls from any thread reach a runtime's loop.
namespace capstan {

/// Tells a future what became of a write, also when nobody else does.
class Outcome {
  public:
    ~Outcome() {
        if (!told_) {
            tell(
                Error{Errc::cancelled, "the client was closed; what it has stored it sends again"});
        }
    }
    std::future<Result<Published>> future() { return promise_.get_future(); }
    void on_write(WriteUpdate const& update) {
        if (update.is_final()) {
            tell(update.error ? Result<Published>(*update.error)
                              : Result<Published>(Published{update.first, update.last}));
        }
    }

  private:
    void tell(Result<Published> result) {
        told_ = true;
        promise_.set_value(std::move(result));
    }
    std::promise<Result<Published>> promise_;
    bool told_ = false;
};

inline bool is_on_loop(Runtime& runtime) {
    return runtime.parts().context.get_executor().running_in_this_thread();
}

/// On the loop, at once if this is the loop: what a handler calls is part of what it was told.
inline void go(Runtime& runtime, Task call) {
    if (is_on_loop(runtime)) {
        call();
    } else {
        runtime.parts().loop.post(std::move(call));
    }
}

/// Runs `call` on the loop and waits for what it returns.
template <class Call>
auto ask(Runtime& runtime, Call call) {
    if (is_on_loop(runtime)) {
        return call();
    }
    auto const promise = std::make_shared<std::promise<decltype(call())>>();
    auto answer = promise->get_future();
    runtime.parts().loop.post([promise, &call] { promise->set_value(call()); });
    return answer.get();
}

}  // namespace capstan
