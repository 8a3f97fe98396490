// stored_keys.cpp
