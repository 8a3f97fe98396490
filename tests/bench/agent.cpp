// bench_agent: an agent that ends at once (static, so that next to nothing of a start's time is its own). Says its
// version, which is all that capsuled asks an agent for but Codex.
#include <unistd.h>

#include <cstring>

int main(int argc, char** argv) {
    constexpr char version[] = "1.0.0\n";
    if (argc == 2 && std::strcmp(argv[1], "--version") == 0)
        return ::write(STDOUT_FILENO, version, sizeof version - 1) == sizeof version - 1 ? 0 : 1;
    return 0;
}
