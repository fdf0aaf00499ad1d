# Third-party libraries and the names that rooms use for them in LIBS and PUBLIC_LIBS:
#   Boost::headers  CLI11::CLI11  flatbuffers::flatbuffers  fmt::fmt  nlohmann_json::nlohmann_json
#   OpenSSL::SSL  OpenSSL::Crypto  spdlog::spdlog  Threads::Threads  tomlplusplus::tomlplusplus
#   ZLIB::ZLIB  zstd::libzstd_shared  PkgConfig::lmdb  PkgConfig::prometheus  PkgConfig::rdkafka
#   PkgConfig::sodium  PkgConfig::systemd  PkgConfig::xxhash
# The Debian packages that provide them are listed in deploy/packages.

set(Boost_USE_STATIC_LIBS OFF)
find_package(Boost 1.81 CONFIG REQUIRED COMPONENTS headers unit_test_framework)
find_package(CLI11 CONFIG REQUIRED)
find_package(FlatBuffers CONFIG REQUIRED)
find_package(fmt CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(rapidcheck CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(Threads REQUIRED)
find_package(tomlplusplus CONFIG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(zstd CONFIG REQUIRED)

find_package(PkgConfig REQUIRED)
pkg_check_modules(lmdb REQUIRED IMPORTED_TARGET lmdb)
pkg_check_modules(prometheus REQUIRED IMPORTED_TARGET prometheus-cpp-core)
pkg_check_modules(rdkafka REQUIRED IMPORTED_TARGET rdkafka)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(systemd REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)

find_program(CAPSTAN_FLATC flatc REQUIRED)
