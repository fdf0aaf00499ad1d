#pragma once
#include <capstan/schema/ids.hpp>
#include <compare>
#include <initializer_list>
#include <string_view>

/// Who wrote imported events.
namespace capstan::importers {

/// Chosen at random by the first import into a stream, and kept in its first imported event: every
/// later import derives the same devices from it, and nobody can guess them beforehand.
struct ImportId {
    DeviceId value;
    friend auto operator<=>(ImportId const&, ImportId const&) = default;
};

/// The device that an author is: a hash of the import's id, the kind of import and what the source
/// knows of the author.
DeviceId author_device(ImportId const& import,
                       std::string_view kind,
                       std::initializer_list<std::string_view> identity);

/// What a stream says of an author's device: where its next run goes on.
struct AuthorState {
    Link last;          // its newest event
    Seq preceding_seq;  // of that event
};

}  // namespace capstan::importers
