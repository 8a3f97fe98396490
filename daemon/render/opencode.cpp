// opencode.cpp
