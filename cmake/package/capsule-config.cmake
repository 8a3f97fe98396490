# find_package(capsule): the target capsule::client, a library with which a launcher asks capsuled.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(Boost 1.81 COMPONENTS json)
include(${CMAKE_CURRENT_LIST_DIR}/capsule-targets.cmake)
