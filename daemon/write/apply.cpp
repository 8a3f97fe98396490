// apply.cpp
