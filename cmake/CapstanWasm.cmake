# Toolchain of the preset `wasm`: Debian's clang 14 with wasi-libc and libc++ for wasm32. No
# exceptions, no RTTI, no threads.
set(CAPSTAN_WASM ON)
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
set(CMAKE_CXX_COMPILER clang++-14)
set(CMAKE_CXX_COMPILER_TARGET wasm32-wasi)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_EXECUTABLE_SUFFIX_CXX .wasm)

set(CMAKE_CXX_FLAGS_INIT "-fno-exceptions -fno-rtti -ffunction-sections -fdata-sections")

# The system's include folder is not for this target; of its headers-only libraries we take these.
function(capstan_wasm_libraries)
    set(include_directory "${PROJECT_BINARY_DIR}/libraries")
    file(MAKE_DIRECTORY "${include_directory}")
    foreach(library IN ITEMS boost flatbuffers xxhash.h)
        if(NOT EXISTS "/usr/include/${library}")
            message(FATAL_ERROR "/usr/include/${library} is missing; see deploy/packages")
        endif()
        file(CREATE_LINK "/usr/include/${library}" "${include_directory}/${library}" SYMBOLIC)
    endforeach()
    foreach(target IN ITEMS Boost::headers flatbuffers::flatbuffers PkgConfig::xxhash)
        add_library(${target} INTERFACE IMPORTED GLOBAL)
        target_include_directories(${target} SYSTEM INTERFACE "${include_directory}")
    endforeach()
    find_program(CAPSTAN_FLATC flatc REQUIRED)
endfunction()
