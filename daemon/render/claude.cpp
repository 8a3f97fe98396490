// claude.cpp
