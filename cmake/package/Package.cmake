# cpack -G DEB, in a build folder: capsuled_VERSION_ARCH.deb and libcapsule-dev_VERSION_ARCH.deb.
set(parts ${PROJECT_SOURCE_DIR}/cmake/package)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME capsuled)
set(CPACK_PACKAGE_VENDOR capsuled)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # each package has its own
set(CPACK_PACKAGE_CONTACT "capsuled maintainers <capsuled@example.com>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL capsuled dev)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
# Only what is packaged is built (CMAKE_SKIP_INSTALL_ALL_DEPENDENCY), and that by cpack itself.
set(CPACK_INSTALL_COMMANDS "\"${CMAKE_COMMAND}\" --build \"${CMAKE_BINARY_DIR}\" --target packaged")

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)

set(CPACK_DEBIAN_CAPSULED_PACKAGE_NAME capsuled)
set(CPACK_DEBIAN_CAPSULED_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_CAPSULED_PACKAGE_SHLIBDEPS ON)
# The group is made by sysusers; systemd itself provides that, a container without it gets the small program. libsystemd
# is loaded when systemd starts the daemon, which the linker does not know.
set(CPACK_DEBIAN_CAPSULED_PACKAGE_DEPENDS "libsystemd0, systemd-standalone-sysusers | systemd-sysusers")
set(CPACK_COMPONENT_CAPSULED_DESCRIPTION
"provider keys and exact agent routes for coding-agent capsules
A capsule is a container in which coding agents run (Claude Code, Codex,
OpenCode). capsuled is the daemon inside it, the one place that knows
provider keys and provider wiring. Launchers ask it over a Unix socket what
a session needs, and get the exact environment and arguments.

capsulectl, the launcher and diagnostics tool, is part of this package. It
is for capsule images, not for workstations: it writes into the home of the
sessions' user.")
set(CPACK_DEBIAN_CAPSULED_PACKAGE_CONTROL_EXTRA
  ${parts}/debian/conffiles ${parts}/debian/postinst ${parts}/debian/prerm ${parts}/debian/postrm)

set(CPACK_DEBIAN_DEV_PACKAGE_NAME libcapsule-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libboost-json1.81-dev, libc6-dev")
set(CPACK_DEBIAN_DEV_PACKAGE_SUGGESTS "capsuled, cmake")
set(CPACK_COMPONENT_DEV_DESCRIPTION
"client library for launchers that talk to capsuled
Connects to the socket of capsuled, calls its methods and gives typed results
(C++20). With headers, static libraries and a CMake package:
find_package(capsule) gives the target capsule::client.")
include(CPack)
