#pragma once
#include <capstan/engine/model/canonical.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace capstan {

/// Puts other objects into a model than those that are there: all of them or, where anything does
/// not fit, none. Untrusted bytes come in here. First devices, then objects, then `commit`.
/// Threading and lifetime: those of the model, which nothing else uses until this is gone.
class ModelUpdate {
  public:
    explicit ModelUpdate(Model& model);
    /// Without `commit` the model is as it was.
    ~ModelUpdate();
    ModelUpdate(ModelUpdate const&) = delete;
    ModelUpdate& operator=(ModelUpdate const&) = delete;

    // Errors: `malformed`.

    /// The next devices, in order of number.
    Result<> devices(std::span<DeviceId const> devices);
    /// Nothing is left of the object, if there is anything.
    void remove(std::string_view id);
    /// The object's bytes, whatever it was before.
    Result<> object(ByteView bytes);
    /// Of an object that is there:
    ///
    ///   patch = head count (name:text kind:u8 how:u8 change){count}   by name, then kind
    ///   how   = 0 ()                                        nothing is left of the field
    ///         | 1 content
    ///         | 2 count (retained removed inserted:text){count}       texts: splices
    ///
    /// Head, content and numbers as in object bytes. Of the other fields what they hold stays.
    Result<> patch(ByteView bytes);
    /// `window` has all facts that there are of the objects named before, and their tombstones.
    /// The model is then at its head and mark.
    Result<> commit(WindowSection const& window, std::uint64_t state_hash);

    static constexpr std::uint8_t kNothing = 0;
    static constexpr std::uint8_t kContent = 1;
    static constexpr std::uint8_t kSplices = 2;

  private:
    /// What is to stand at an id.
    struct Staged {
        std::optional<Object> object;
        std::vector<Due> due;
    };
    void change_field(ModelRestore::Reader& in, std::uint8_t how, Field& field);
    Result<> stage(WindowEntry const& entry, Seq mark);
    bool fits(WindowSection const& window, std::uint64_t state_hash);
    void place();

    Model& model_;
    std::map<std::string, Staged, std::less<>> staged_;
    DeviceNumber devices_before_;
    std::uint64_t seq_max_ = 0;
    bool committed_ = false;
};

}  // namespace capstan
