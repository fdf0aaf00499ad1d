#pragma once
#include <capstan/engine/model/model.hpp>
#include <capstan/schema/error.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace capstan {

/// A model as bytes, in three parts. Each has exactly one form for one state and depends on the
/// events alone, not on when a model collected, where it began, or how it numbers names. Decoders
/// refuse any other form, so they are the inverse of encoders.
///
///     object bytes    one live object: all that is kept for ever, which is all that the state hash
///                     covers. They change only when an event changes the object.
///     window section  head and merge mark, and what later events are judged by only above that
///                     mark: losing siblings, increments, dots of removes, tombstones, windows of
///                     texts and lists.
///     device table    the ids that stamps count: devices in the order of their first event.
///
/// Policies are objects (`policy.hpp`) and have no part of their own.
///
/// A model that was restored from them answers any later event as the one that they were taken
/// from. Grammar and limits: docs/on-disk-format.md, "Models".
inline constexpr std::uint8_t kModelFormatVersion = 1;

/// Appends the object's bytes. Precondition: it is alive.
void append_object(Bytes& out, Object const& object, Tables const& tables);

/// The seq of the last event that changed an object's bytes.
Seq last_changed(Object const& object);

/// Appends what the window section says of the object: its facts above `mark`, and the whole object
/// if it is a tombstone above `mark`. Nothing is appended, and false answered, if that is nothing.
bool append_window_entry(Bytes& out, Object const& object, Tables const& tables, Seq mark);

/// The section at the model's head and mark.
Bytes encode_window(Model const& model);

/// One entry of a window section.
struct WindowEntry {
    std::string_view id;
    bool alive = false;  // otherwise a tombstone
    ByteView bytes;      // for `ModelRestore::window_entry`
};
struct WindowSection {
    Seq head;
    Seq mark;
    std::vector<WindowEntry> entries;  // by id
};
/// Its parts; they point into it. Errors: `malformed`.
Result<WindowSection> read_window(ByteView window);
Bytes make_window(WindowSection const& section);

/// The ids of devices `first` and later, 16 bytes each.
Bytes encode_devices(Devices const& devices, DeviceNumber first = 0);

/// What whoever stores or serves object bytes needs of them. The rest is not looked at.
struct ObjectHead {
    std::string_view id;  // within the bytes
    std::string_view type;
    Seq inserted;  // its present life began with it
    Seq last_changed;
};
/// Errors: `malformed`.
Result<ObjectHead> read_object_head(ByteView object);

/// Builds a model: first the device table, then objects in any order of calls, then the window.
/// After an error it is of no more use. Untrusted bytes come in here. Errors: `malformed`.
class ModelRestore {
  public:
    explicit ModelRestore(Model::Collect collect = Model::Collect::as_applied) : model_(collect) {}
    /// To add objects that no event so far has named to a model that holds only some.
    explicit ModelRestore(Model model) : model_(std::move(model)) {}

    /// The next devices, in order of number.
    Result<> devices(ByteView table);
    /// The bytes of one object that was not there before.
    Result<> object(ByteView bytes);
    /// One entry of a window section, behind the object that it is about. Its facts lie above
    /// `mark`; 0 for one that was written at an unknown mark.
    Result<> window_entry(ByteView bytes, Seq mark);
    /// The model at that head. `mark` is the greatest that came with an event, as `Model::mark`.
    Result<Model> finish(Seq head, Seq mark) &&;
    /// The same with all that a window section says.
    Result<Model> finish(ByteView window) &&;

  private:
    class Reader;
    friend class ModelUpdate;
    friend class ObjectFold;
    /// The mark that facts lie above; windows of a section end at exactly that one.
    struct Mark {
        std::uint64_t seq = 0;
        bool of_section = false;
    };

    Result<std::uint32_t> add(Object object);
    Result<std::string> entry(ByteView bytes, Mark const& mark);
    Result<std::uint32_t> live_facts(Reader& in, Mark const& mark);
    Result<std::uint32_t> tombstone(Reader& in, Mark const& mark);

    Model model_;
    std::vector<Due> due_;
    std::uint64_t seq_max_ = 0;  // that any part names
};

}  // namespace capstan
