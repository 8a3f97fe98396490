# Unoptimized, most of a folder's compile time is the headers of the standard library, Boost.JSON and toml++, the same ones
# for each folder: preset fuzz compiles them once for all. (Optimized, by g++, a folder's time is its code's: it saves nothing.)
file(WRITE ${CMAKE_BINARY_DIR}/precompiled.cpp "")
add_library(capsule_precompiled OBJECT ${CMAKE_BINARY_DIR}/precompiled.cpp)
target_link_libraries(capsule_precompiled PRIVATE capsule_options Boost::json)
target_precompile_headers(capsule_precompiled PRIVATE
  <algorithm> <array> <charconv> <chrono> <functional> <map> <memory> <optional> <set> <span> <sstream>
  <string> <string_view> <vector> <boost/json.hpp> <boost/describe.hpp> "${CMAKE_SOURCE_DIR}/daemon/base/toml.hpp")
foreach(part protocol base edit catalog config agents load broker_control broker_core)
  target_precompile_headers(capsule_${part} REUSE_FROM capsule_precompiled)
endforeach()
