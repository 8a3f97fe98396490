// claude_json.cpp
