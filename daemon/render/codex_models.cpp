// codex_models.cpp
