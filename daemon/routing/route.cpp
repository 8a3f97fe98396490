// route.cpp
