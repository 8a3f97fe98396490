// key_resolver.cpp
