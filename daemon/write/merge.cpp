// merge.cpp
