// load_catalog.cpp
