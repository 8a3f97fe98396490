// toml++ as this project uses it. Include this, never <toml++/toml.h>.
#pragma once

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
// toml++ 3.3 aborts on a few invalid documents where assertions are on; a user's file may be any of them.
#define TOML_ASSERT(condition) ((void)0)
#include <toml++/toml.h>
