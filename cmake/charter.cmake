# The targets every folder builds on, and the two functions that declare a library and a test.

# charter::options: language level, warnings, sanitizers. AVX2 is the least machine we support.
add_library(charter_options INTERFACE)
add_library(charter::options ALIAS charter_options)
target_include_directories(charter_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(charter_options INTERFACE -march=x86-64-v3 -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers
                                                 -fno-omit-frame-pointer)
if(CHARTER_SANITIZE)
  target_compile_options(charter_options INTERFACE -fsanitize=${CHARTER_SANITIZE})
  target_link_options(charter_options INTERFACE -fsanitize=${CHARTER_SANITIZE})
endif()

# charter::torch: LibTorch's CPU half. libtorch and libtorch_cuda are not linked: a build against a
# CUDA LibTorch adds them when they lie beside libtorch_cpu.
if(NOT EXISTS ${CHARTER_LIBTORCH}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "CHARTER_LIBTORCH='${CHARTER_LIBTORCH}': expected lib/libtorch_cpu.so there; "
                      "scripts/install.sh downloads one")
endif()
add_library(charter_torch INTERFACE)
add_library(charter::torch ALIAS charter_torch)
target_include_directories(charter_torch SYSTEM INTERFACE
  ${CHARTER_LIBTORCH}/include ${CHARTER_LIBTORCH}/include/torch/csrc/api/include)
set(torch_libraries ${CHARTER_LIBTORCH}/lib/libtorch_cpu.so ${CHARTER_LIBTORCH}/lib/libc10.so)
foreach(name torch_cuda c10_cuda)
  if(EXISTS ${CHARTER_LIBTORCH}/lib/lib${name}.so)
    list(APPEND torch_libraries ${CHARTER_LIBTORCH}/lib/lib${name}.so)
  endif()
endforeach()
target_link_libraries(charter_torch INTERFACE -Wl,--no-as-needed ${torch_libraries} -Wl,--as-needed)
target_link_options(charter_torch INTERFACE -Wl,-rpath,${CHARTER_LIBTORCH}/lib
                                            -Wl,-rpath-link,${CHARTER_LIBTORCH}/lib)

add_library(charter_caf INTERFACE)
add_library(charter::caf ALIAS charter_caf)
target_link_libraries(charter_caf INTERFACE ${CHARTER_CAF} Threads::Threads)

add_library(charter_msgpack INTERFACE)
add_library(charter::msgpack ALIAS charter_msgpack)
target_compile_definitions(charter_msgpack INTERFACE MSGPACK_NO_BOOST)

# Oniguruma exports regcomp and regexec of its own: libc is found before it, or other libraries' calls would end there.
# By its own name, since mold orders what the linker script libc.so names behind all others.
find_library(CHARTER_LIBC libc.so.6 REQUIRED)
add_library(charter_onig INTERFACE)
target_link_libraries(charter_onig INTERFACE ${CHARTER_LIBC} PkgConfig::ONIGURUMA)

# One precompiled header for every file that uses torch; flags are the same everywhere, so it is reused.
file(WRITE ${CMAKE_BINARY_DIR}/torch_pch.cpp.in "// Carries the precompiled torch header.\n")
configure_file(${CMAKE_BINARY_DIR}/torch_pch.cpp.in ${CMAKE_BINARY_DIR}/torch_pch.cpp COPYONLY)
add_library(charter_torch_pch OBJECT ${CMAKE_BINARY_DIR}/torch_pch.cpp)
target_link_libraries(charter_torch_pch PRIVATE charter::options charter::torch)
target_precompile_headers(charter_torch_pch PRIVATE
  <ATen/ATen.h> <torch/csrc/autograd/autograd.h> <torch/csrc/autograd/custom_function.h>)

# charter_library(NAME [TORCH] SOURCES a.cpp ... LIBS target ...)
# Declares target charter_NAME with alias charter::NAME. TORCH adds LibTorch and its precompiled header.
function(charter_library name)
  cmake_parse_arguments(arg "TORCH" "" "SOURCES;LIBS" ${ARGN})
  add_library(charter_${name} STATIC ${arg_SOURCES})
  add_library(charter::${name} ALIAS charter_${name})
  target_link_libraries(charter_${name} PUBLIC charter::options ${arg_LIBS})
  if(arg_TORCH)
    target_link_libraries(charter_${name} PUBLIC charter::torch)
    target_precompile_headers(charter_${name} REUSE_FROM charter_torch_pch)
  endif()
endfunction()

# charter_test(NAME [TORCH] LABEL unit|actors|system|slow SOURCES a_test.cpp ... LIBS target ...)
# Declares one GoogleTest program NAME whose tests all carry LABEL. A test that stalls says what its
# threads are at (tests/stall_watch.hpp); their functions' names are exported for that.
function(charter_test name)
  cmake_parse_arguments(arg "TORCH" "LABEL;TIMEOUT" "SOURCES;LIBS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE charter::options ${arg_LIBS} charter_stall_watch GTest::gtest GTest::gtest_main)
  set_target_properties(${name} PROPERTIES ENABLE_EXPORTS ON)
  target_compile_definitions(${name} PRIVATE CHARTER_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  if(arg_TORCH)
    target_link_libraries(${name} PRIVATE charter::torch)
    target_precompile_headers(${name} REUSE_FROM charter_torch_pch)
  endif()
  include(GoogleTest)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS "${arg_LABEL}" TIMEOUT ${arg_TIMEOUT}
    ENVIRONMENT "OMP_WAIT_POLICY=passive;CHARTER_BINARY=${CMAKE_BINARY_DIR}/bin/charter")
endfunction()
