// plan.cpp
