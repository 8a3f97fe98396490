// session_env.cpp
