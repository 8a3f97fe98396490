// load_config.cpp
