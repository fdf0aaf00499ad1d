# Tests and fuzz targets. All of them run in the root of the checkout, so that they name their data
# by paths such as `tests/scripts/fold/retry`.
#
#   capstan_test(<name> SOURCES a.cpp ... [DEPS capstan::engine ...] [LIBS ...])
#   capstan_fuzz(<name> SOURCES a.cpp ... [DEPS ...] [LIBS ...] CORPUS <folder>)

function(_capstan_test_program target)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "CORPUS" "SOURCES;DEPS;LIBS")
    if(arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "${target}: unknown words ${arg_UNPARSED_ARGUMENTS}")
    endif()
    _capstan_check_deps(${target} ${arg_DEPS})
    add_executable(${target} ${arg_SOURCES})
    target_link_libraries(${target} PRIVATE ${arg_DEPS} ${arg_LIBS})
    capstan_warnings(${target})
    _capstan_set_output(${target} tests)
endfunction()

# A Boost.Test executable `<name>_test` with rapidcheck, tests/support and its main. Registered with
# ctest as <name>; tests/run counts its cases.
function(capstan_test name)
    set(target ${name}_test)
    _capstan_test_program(${target} ${ARGN})
    target_link_libraries(${target} PRIVATE capstan_test_support)
    target_precompile_headers(${target} REUSE_FROM capstan_test_support)
    add_test(NAME ${name} COMMAND ${target} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    set_tests_properties(${name} PROPERTIES LABELS boost)
endfunction()

# A fuzz target `<name>_fuzz`: SOURCES define LLVMFuzzerTestOneInput. With CAPSTAN_FUZZ it is linked
# to libFuzzer, without to a driver that replays files; as a test it replays CORPUS.
add_custom_target(capstan_fuzz_targets)

function(capstan_fuzz name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "CORPUS" "SOURCES;DEPS;LIBS")
    set(target ${name}_fuzz)
    _capstan_test_program(${target} ${ARGN})
    add_dependencies(capstan_fuzz_targets ${target})
    cmake_path(ABSOLUTE_PATH arg_CORPUS)
    if(NOT IS_DIRECTORY "${arg_CORPUS}")
        message(FATAL_ERROR "capstan_fuzz(${name}): CORPUS ${arg_CORPUS} is not a folder")
    endif()
    if(CAPSTAN_FUZZ)
        target_link_options(${target} PRIVATE -fsanitize=fuzzer)
        set(replay ${target} -runs=0 -error_exitcode=1)
    else()
        target_sources(${target} PRIVATE "${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.cpp")
        set(replay ${target})
    endif()
    file(RELATIVE_PATH corpus "${PROJECT_SOURCE_DIR}" "${arg_CORPUS}")
    add_test(NAME fuzz_${name} COMMAND ${replay} "${corpus}"
             WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    set_tests_properties(fuzz_${name} PROPERTIES LABELS fuzz)
endfunction()
