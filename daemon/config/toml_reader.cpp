// toml_reader.cpp
