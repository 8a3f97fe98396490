# Options for every target of this project, in one place.
add_library(capsule_options INTERFACE)
target_include_directories(capsule_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(capsule_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast -Werror
  -fstack-protector-strong)
# A precompiled header that ccache can tell from another, and a compiler that tidies its memory less often: that was a
# tenth of the largest files' time.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(capsule_options INTERFACE -fpch-preprocess --param=ggc-min-heapsize=400000)
endif()
target_compile_definitions(capsule_options INTERFACE
  BOOST_ASIO_NO_DEPRECATED
  BOOST_ASIO_SEPARATE_COMPILATION)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these in Boost and libstdc++ headers at -O2, without a cause in our code.
  target_compile_options(capsule_options INTERFACE -Wno-error=maybe-uninitialized -Wno-error=restrict
    -Wno-error=dangling-pointer -Wno-error=array-bounds -Wno-error=stringop-overflow -Wno-error=free-nonheap-object
    -Wno-error=stringop-overread -Wno-error=mismatched-new-delete)
  # In a unity build every file is an included one, where g++ takes a coroutine's local types for a header's.
  target_compile_options(capsule_options INTERFACE -Wno-subobject-linkage)
endif()
# What is released is hardened as Debian hardens its own programs (dpkg-buildflags, hardening=+all): checked calls of libc,
# assertions of the C++ library, a stack that cannot be jumped over, marked targets of jumps, nothing at a fixed address,
# nothing writable that could be called. tests/trust/hardening.py reads the programs.
set(CAPSULE_HARDENED OFF)
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT CAPSULE_SANITIZE AND NOT CAPSULE_FUZZ)
  set(CAPSULE_HARDENED ON)
  target_compile_options(capsule_options INTERFACE -fPIE -fstack-clash-protection)
  target_compile_definitions(capsule_options INTERFACE _FORTIFY_SOURCE=2 _GLIBCXX_ASSERTIONS)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
    target_compile_options(capsule_options INTERFACE -fcf-protection=full)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    target_compile_options(capsule_options INTERFACE -mbranch-protection=standard)
  endif()
  add_link_options(-pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()
if(CAPSULE_SANITIZE)
  target_compile_options(capsule_options INTERFACE -fsanitize=${CAPSULE_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(capsule_options INTERFACE -fsanitize=${CAPSULE_SANITIZE})
  if(CAPSULE_SANITIZE MATCHES "undefined")
    # The vptr check opens a pipe to see whether an address is readable: where tests leave the daemon without a
    # descriptor, it takes every object for none.
    target_compile_options(capsule_options INTERFACE -fno-sanitize-recover=undefined -fno-sanitize=vptr)
  endif()
  if(CAPSULE_SANITIZE MATCHES "thread")
    # Asio's atomic_thread_fence is not understood by TSan; its runs are clean all the same.
    target_compile_options(capsule_options INTERFACE -Wno-error=tsan)
  endif()
endif()
if(CAPSULE_FUZZ)
  string(JOIN "," fuzz_sanitizers fuzzer-no-link ${CAPSULE_FUZZ_SANITIZE})
  target_compile_options(capsule_options INTERFACE -fsanitize=${fuzz_sanitizers} -fno-sanitize-recover=all)
  if(CAPSULE_FUZZ_SANITIZE)
    target_link_options(capsule_options INTERFACE -fsanitize=${CAPSULE_FUZZ_SANITIZE})
  endif()
endif()

# A program of ours loads libc and nothing else: most of a small program's start is the dynamic linker's work. Sanitizers
# want the shared C++ library.
function(capsule_standalone program)
  if(NOT CAPSULE_SANITIZE AND NOT CAPSULE_FUZZ)
    target_link_options(${program} PRIVATE -static-libstdc++ -static-libgcc)
  endif()
endfunction()

# Code that runs once per start, command or launch: -O2 would cost its compile time and nobody could feel it. A launch takes as many
# instructions with both (bench:instructions).
function(capsule_runs_once)
  foreach(target ${ARGN})
    target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
  endforeach()
endfunction()
