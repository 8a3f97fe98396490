// codex.cpp
