#include "protocol/socket_path.hpp"
