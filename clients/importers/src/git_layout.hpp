#pragma once
#include <string_view>

/// The words of git_events.hpp's layout.
namespace capstan::importers::layout {

inline constexpr std::string_view kCommitPrefix = "/commit/";
inline constexpr std::string_view kPathPrefix = "/path/";

inline constexpr std::string_view kCommitType = "Commit";
inline constexpr std::string_view kFileType = "File";

inline constexpr std::string_view kAuthor = "author";
inline constexpr std::string_view kTime = "time";
inline constexpr std::string_view kSubject = "subject";
inline constexpr std::string_view kParts = "parts";
inline constexpr std::string_view kPart = "part";
inline constexpr std::string_view kPath = "path";
inline constexpr std::string_view kBlob = "blob";
inline constexpr std::string_view kMode = "mode";
inline constexpr std::string_view kSize = "size";

}  // namespace capstan::importers::layout
