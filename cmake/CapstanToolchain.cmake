# How everything is compiled: the language, the cache, the linker, the warnings.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# The same for libraries and executables, which share precompiled headers.
if(CAPSTAN_WASM)
    add_compile_options("SHELL:-include ${PROJECT_SOURCE_DIR}/clients/js/wasm/libcxx14.hpp")
else()
    add_compile_options(-fPIC)
endif()

option(CAPSTAN_FUZZ "Link fuzz targets with libFuzzer (clang; the preset `fuzz` sets it)" OFF)

# Paths in binaries, logs and test output start at the root of the checkout, whether the compiler
# is given them as they are or, by ccache, relative to the build folder.
file(RELATIVE_PATH source_from_binary "${PROJECT_BINARY_DIR}" "${PROJECT_SOURCE_DIR}")
add_compile_options(
    "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/="
    "-ffile-prefix-map=${source_from_binary}="  # ends in a slash
    "-ffile-prefix-map=${PROJECT_BINARY_DIR}=."
)

find_program(CAPSTAN_CCACHE ccache)
if(CAPSTAN_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # The settings let checkouts share the cache, and let files with a precompiled header use it.
    set(CMAKE_CXX_COMPILER_LAUNCHER
        "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1
        CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
        "${CAPSTAN_CCACHE}"
    )
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        add_compile_options(-fpch-preprocess)
    else()
        add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
    endif()
endif()

# lld links several times faster than ld; gcc finds it by the directory only.
find_program(CAPSTAN_LLD ld.lld PATHS /usr/lib/llvm-14/bin)
if(CAPSTAN_LLD AND NOT CAPSTAN_WASM)
    cmake_path(GET CAPSTAN_LLD PARENT_PATH lld_directory)
    add_link_options(-fuse-ld=lld "-B${lld_directory}")
endif()

# Our own targets compile without a warning; library headers are system headers and are let be.
function(capstan_warnings target)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wconversion -Wshadow -Wno-missing-field-initializers -Werror)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
        # False alarms of gcc 12 on std::string and std::vector at -O3 (GCC PR 105651, 105329).
        target_compile_options(${target} PRIVATE -Wno-restrict)
        target_compile_options(
            ${target}
            PRIVATE
                $<$<CONFIG:Release>:-Wno-stringop-overread>
                $<$<CONFIG:Release>:-Wno-stringop-overflow>
                $<$<CONFIG:Release>:-Wno-array-bounds>
                $<$<CONFIG:Release>:-Wno-maybe-uninitialized>
        )
    endif()
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
        # gcc's -Wconversion leaves signs alone in C++: both compilers ask for the same.
        target_compile_options(${target} PRIVATE -Wno-sign-conversion -Wthread-safety)
        if(CAPSTAN_WASM)
            # A 64-bit number that counts what is in memory fits into its size_t; one from outside
            # was compared with a limit or with the bytes at hand.
            target_compile_options(${target} PRIVATE -Wno-shorten-64-to-32)
        endif()
    endif()
endfunction()
