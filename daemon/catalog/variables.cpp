// variables.cpp
