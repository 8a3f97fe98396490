// choices.cpp
