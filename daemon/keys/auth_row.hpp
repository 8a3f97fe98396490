// A provider's row of auth.list.
#pragma once

#include "daemon/catalog/catalog.hpp"
#include "daemon/keys/key_resolver.hpp"
#include "protocol/auth_messages.hpp"
#include "protocol/common_messages.hpp"

namespace capsule {

/// Warns of a key of another shape (key.shape), of sources that lost (key.shadowed), and of a source that cannot be
/// used (key.error). Never the key itself, only its mask.
AuthRow auth_row(const Provider& provider, const KeyFinding& finding);

/// Says where a key is under another name (Provider::other_key_names) while the name that is read has none.
std::optional<Warning> other_name_warning(const Provider& provider, const KeyResolver& keys, const KeyScope& scope);

/// Says where in the container the key's variable or file is there and empty, if no source has a key.
std::optional<Warning> empty_key_warning(const Provider& provider, const KeyResolver& keys, const KeyScope& scope);

}  // namespace capsule
