// toml_block.cpp
