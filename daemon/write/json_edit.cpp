// json_edit.cpp
