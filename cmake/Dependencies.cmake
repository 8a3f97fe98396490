# Everything comes from Debian 12's packages; tests/packages.txt names them.
find_package(Threads REQUIRED)
set(Boost_USE_STATIC_LIBS ON)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(spdlog 1.10 REQUIRED)
find_path(TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h REQUIRED)  # header-only, see daemon/base/toml.hpp
find_package(CLI11 2.1 REQUIRED)
find_package(OpenSSL REQUIRED)
# ncurses for wide characters, from its archives: as shared libraries it would cost every command of capsulectl its
# loading, for a picker that few of them show.
find_path(NCURSES_INCLUDE_DIR curses.h REQUIRED)
find_library(NCURSESW_ARCHIVE libncursesw.a REQUIRED)
find_library(TINFO_ARCHIVE libtinfo.a REQUIRED)
add_library(capsule_ncurses INTERFACE)
target_include_directories(capsule_ncurses SYSTEM INTERFACE ${NCURSES_INCLUDE_DIR})
target_link_libraries(capsule_ncurses INTERFACE ${NCURSESW_ARCHIVE} ${TINFO_ARCHIVE})
find_package(PkgConfig REQUIRED)
pkg_check_modules(libsystemd REQUIRED IMPORTED_TARGET libsystemd)  # its header; loaded when systemd starts the daemon

# The log from its headers: a program that loads libc alone starts in half the time and takes half the memory (see
# capsule_standalone in Compile.cmake).
add_library(capsule_spdlog INTERFACE)
target_link_libraries(capsule_spdlog INTERFACE Threads::Threads)
target_compile_definitions(capsule_spdlog INTERFACE SPDLOG_FMT_EXTERNAL FMT_HEADER_ONLY)
