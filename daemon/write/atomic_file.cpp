// atomic_file.cpp
