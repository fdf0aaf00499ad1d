// <capstan/js.hpp> stands behind the WebAssembly module.
#pragma once
#include <capstan/schema/bytes.hpp>
#include <string>

namespace capstan::js {

/// What the engine makes of given bytes, as hashes: a line `name hash` for each of its parts. They
/// are equal in every build, on every platform; tests compare the module with the native build.
/// Total: any bytes have their digests.
std::string digests(ByteView input);

}  // namespace capstan::js
