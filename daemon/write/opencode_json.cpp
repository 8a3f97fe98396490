// opencode_json.cpp
