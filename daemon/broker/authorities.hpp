// [broker] ca_file, as capsuled hands it over.
#pragma once

#include <openssl/types.h>

#include <string>
#include <string_view>

namespace capsule::broker {

/// All that stands in that file, which is closed. Throws Failure.
std::string read_authorities(int descriptor);

/// Adds each certificate of a PEM file. Throws Failure where one cannot be read, where one is torn, and where there is
/// none: whoever names a file relies on all of it.
void add_authorities(std::string_view pem, X509_STORE* store);

}  // namespace capsule::broker
