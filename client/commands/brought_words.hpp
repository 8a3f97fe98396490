// Words that people bring from gh, docker, systemctl and op: what they mean here.
#pragma once

#include <string_view>

namespace capsule {

/// What to do instead, as a hint: `did you mean "capsulectl auth set PROVIDER"?`. `after` is the command that stands
/// before the word ("auth"), empty for none. Empty where the word says nothing.
std::string_view hint_for_brought_word(std::string_view after, std::string_view word);

/// The same for an option, such as "--follow".
std::string_view hint_for_brought_option(std::string_view after, std::string_view option);

}  // namespace capsule
