# Rooms and programs: one function call makes each, with the checks that keep the house in order.
#
#   capstan_room(<name> [SOURCES src/a.cpp ...] [DEPS capstan::engine ...]
#                [LIBS fmt::fmt ...] [PUBLIC_LIBS Boost::headers ...] [HEADERS <file or folder> ...])
#   capstan_program(<name> SOURCES a.cpp ... [DEPS ...] [LIBS ...])
#   capstan_flatbuffers(<room> <file.fbs> ...)

set(CAPSTAN_ROOMS schema engine sequencer snapshotter server clients)

# The folder of the house that the current CMakeLists.txt stands in: `engine`, `clients`, `tests`.
function(_capstan_current_room out)
    file(RELATIVE_PATH path "${PROJECT_SOURCE_DIR}" "${CMAKE_CURRENT_SOURCE_DIR}")
    string(REGEX REPLACE "/.*" "" room "${path}")
    set(${out} "${room}" PARENT_SCOPE)
endfunction()

# Stops if a DEPS entry of `name` points downwards in CAPSTAN_ROOMS. Clients see schema and engine,
# the command line also sequencer and snapshotter, the testing kit, which holds a server, all; tests
# see everything.
function(_capstan_check_deps name)
    _capstan_current_room(room)
    file(RELATIVE_PATH path "${PROJECT_SOURCE_DIR}" "${CMAKE_CURRENT_SOURCE_DIR}")
    if(path MATCHES "^clients/cli(/|$)")
        set(allowed schema engine sequencer snapshotter clients)
    elseif(path MATCHES "^clients/testing(/|$)")
        set(allowed ${CAPSTAN_ROOMS})
    elseif(room STREQUAL "clients")
        set(allowed schema engine clients)
    else()
        list(FIND CAPSTAN_ROOMS "${room}" layer)
        math(EXPR count "${layer} + 1")
        list(SUBLIST CAPSTAN_ROOMS 0 ${count} allowed)
    endif()
    list(JOIN allowed ", " allowed_text)
    foreach(dep IN LISTS ARGN)
        set(complaint "${path}: ${name} DEPS ${dep}")
        if(NOT dep MATCHES "^capstan::")
            message(FATAL_ERROR "${complaint}: not a room; third-party libraries belong in LIBS")
        endif()
        if(NOT TARGET ${dep})
            message(FATAL_ERROR "${complaint}: no such room above this one. Dependencies point only "
                                "upwards; from here: ${allowed_text}")
        endif()
        get_target_property(dep_room ${dep} CAPSTAN_ROOM)
        if(NOT room STREQUAL "tests" AND NOT dep_room IN_LIST allowed)
            message(FATAL_ERROR "${complaint}: ${room} may not see ${dep_room}, only ${allowed_text}")
        endif()
    endforeach()
endfunction()

# Makes the library capstan::<name> from SOURCES (header-only without) and the folders include/ (for
# all) and src/ (its own). A folder may hold several parts, each its own call. DEPS are the rooms
# that it uses, PUBLIC_LIBS the libraries that its public headers include, LIBS those of src/ alone.
#
# Checks, part of `all`:
# - <name>_link_check links the whole room against its declarations alone. What a dependency needs
#   itself is found too, so this catches what no declaration leads to.
# - <name>_header_check compiles each public header alone. The part named like its folder owns all
#   of include/ that no other part claims; other parts own what they list in HEADERS.
function(capstan_room name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS;LIBS;PUBLIC_LIBS;HEADERS")
    if(arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "capstan_room(${name}): unknown words ${arg_UNPARSED_ARGUMENTS}")
    endif()
    _capstan_check_deps(${name} ${arg_DEPS})

    set(target capstan_${name})
    if(arg_SOURCES)
        add_library(${target} STATIC ${arg_SOURCES})
        target_include_directories(
            ${target}
            PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>
            PRIVATE src
        )
        target_link_libraries(${target} PUBLIC ${arg_DEPS} ${arg_PUBLIC_LIBS} PRIVATE ${arg_LIBS})
        capstan_warnings(${target})
    else()
        add_library(${target} INTERFACE)
        target_include_directories(${target} INTERFACE include)
        target_link_libraries(
            ${target} INTERFACE ${arg_DEPS} ${arg_PUBLIC_LIBS} ${arg_LIBS}
        )
    endif()
    add_library(capstan::${name} ALIAS ${target})
    _capstan_current_room(room)
    set_target_properties(${target} PROPERTIES CAPSTAN_ROOM ${room})

    # The native build checks for both.
    if(CAPSTAN_WASM)
        return()
    endif()
    if(arg_SOURCES)
        _capstan_link_check(${name})
    endif()

    # At the end of the folder's CMakeLists.txt, when every part has said which headers are its own.
    cmake_path(GET CMAKE_CURRENT_SOURCE_DIR FILENAME folder)
    if(name STREQUAL folder)
        cmake_language(EVAL CODE "cmake_language(DEFER CALL _capstan_check_unclaimed ${name})")
    elseif(arg_HEADERS)
        _capstan_list_headers(headers ${arg_HEADERS})
        set_property(DIRECTORY APPEND PROPERTY CAPSTAN_CLAIMED_HEADERS ${headers})
        _capstan_header_check(${name} ${headers})
    endif()
endfunction()

function(_capstan_link_check name)
    set(empty_main "${PROJECT_BINARY_DIR}/checks/empty_main.cpp")
    file(CONFIGURE OUTPUT "${empty_main}" CONTENT "int main() {}\n")
    set(check ${name}_link_check)
    add_executable(${check} "${empty_main}")
    target_link_libraries(${check} PRIVATE "$<LINK_LIBRARY:WHOLE_ARCHIVE,capstan_${name}>")
    target_link_options(${check} PRIVATE -Wl,--strip-all)
    _capstan_set_output(${check} checks)
endfunction()

# The *.hpp among the given files and below the given folders, as absolute paths.
function(_capstan_list_headers out)
    set(headers)
    foreach(item IN LISTS ARGN)
        cmake_path(ABSOLUTE_PATH item)
        if(IS_DIRECTORY "${item}")
            file(GLOB_RECURSE found CONFIGURE_DEPENDS "${item}/*.hpp")
            list(APPEND headers ${found})
        elseif(EXISTS "${item}")
            list(APPEND headers "${item}")
        else()
            message(FATAL_ERROR "HEADERS names ${item}, which does not exist")
        endif()
    endforeach()
    set(${out} "${headers}" PARENT_SCOPE)
endfunction()

function(_capstan_check_unclaimed name)
    _capstan_list_headers(headers include)
    get_property(claimed DIRECTORY PROPERTY CAPSTAN_CLAIMED_HEADERS)
    if(claimed)
        list(REMOVE_ITEM headers ${claimed})
    endif()
    _capstan_header_check(${name} ${headers})
endfunction()

function(_capstan_header_check name)
    set(sources)
    foreach(header IN LISTS ARGN)
        file(RELATIVE_PATH path "${CMAKE_CURRENT_SOURCE_DIR}/include" "${header}")
        string(MAKE_C_IDENTIFIER "${path}" stem)
        set(source "${PROJECT_BINARY_DIR}/checks/${name}/${stem}.cpp")
        file(CONFIGURE OUTPUT "${source}" CONTENT "#include <${path}>\n")
        list(APPEND sources "${source}")
    endforeach()
    if(NOT sources)
        return()
    endif()
    add_library(${name}_header_check OBJECT ${sources})
    target_link_libraries(${name}_header_check PRIVATE capstan_${name})
    target_compile_options(${name}_header_check PRIVATE -O0 -g0)
    capstan_warnings(${name}_header_check)
endfunction()

# Makes the executable <name>, built into the folder bin/ of the build.
function(capstan_program name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS;LIBS")
    if(arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "capstan_program(${name}): unknown words ${arg_UNPARSED_ARGUMENTS}")
    endif()
    _capstan_check_deps(${name} ${arg_DEPS})
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE ${arg_DEPS} ${arg_LIBS})
    capstan_warnings(${name})
    _capstan_set_output(${name} bin)
endfunction()

function(_capstan_set_output target folder)
    set_target_properties(
        ${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/${folder}"
    )
endfunction()

# Compiles FlatBuffers schemas of a room: x.fbs becomes
# <capstan/<room folder>/x_generated.h>, a system header.
function(capstan_flatbuffers room)
    _capstan_current_room(folder)
    set(include_directory "${CMAKE_CURRENT_BINARY_DIR}/generated")
    set(output "${include_directory}/capstan/${folder}")
    set(schemas ${ARGN})
    list(TRANSFORM schemas PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
    set(headers)
    foreach(schema IN LISTS schemas)
        cmake_path(GET schema STEM stem)
        list(APPEND headers "${output}/${stem}_generated.h")
    endforeach()
    # One call for all: schemas include one another.
    add_custom_command(
        OUTPUT ${headers}
        COMMAND "${CAPSTAN_FLATC}" --cpp --scoped-enums --gen-object-api -o "${output}" ${schemas}
        DEPENDS ${schemas} "${CAPSTAN_FLATC}"
        COMMENT "flatc for ${room}"
        VERBATIM
    )
    target_sources(capstan_${room} PRIVATE ${headers})
    target_include_directories(
        capstan_${room} SYSTEM PUBLIC $<BUILD_INTERFACE:${include_directory}>
    )
    set_property(TARGET capstan_${room} APPEND PROPERTY CAPSTAN_GENERATED ${include_directory}/)
endfunction()
