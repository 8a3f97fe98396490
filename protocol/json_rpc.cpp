#include "protocol/json_rpc.hpp"
