#pragma once
#include <capstan/sdk/client.hpp>
#include <capstan/sdk/runtime.hpp>
#include <future>
#include <memory>
#include <utility>

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

/// On the loop, at once if this is the loop: what a handler calls is part of what it was told.
inline void go(Runtime& runtime, Task call) {
    if (runtime.world().is_on_loop()) {
        call();
    } else {
        runtime.world().loop().post(std::move(call));
    }
}

/// Runs `call` on the loop and waits for what it returns.
template <class Call>
auto ask(Runtime& runtime, Call call) {
    if (runtime.world().is_on_loop()) {
        return call();
    }
    auto const promise = std::make_shared<std::promise<decltype(call())>>();
    auto answer = promise->get_future();
    runtime.world().loop().post([promise, &call] { promise->set_value(call()); });
    return answer.get();
}

}  // namespace capstan
