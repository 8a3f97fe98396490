// A launcher that calls capsulectl exec.
#pragma once

#include "tests/support/capsule_test.hpp"

namespace capsule::test {

class Exec : public CapsuleTest {
  protected:
    /// A launcher with secrets of its own, none of which is the session's business.
    Program exec(std::vector<std::string> arguments) const {
        Program program = ctl_program({"exec"});
        program.argv.insert(program.argv.end(), arguments.begin(), arguments.end());
        program.env = with(with(program.env, all_keys()), {{"ANTHROPIC_BASE_URL", "https://elsewhere.example"},
                                                           {"AWS_SECRET_ACCESS_KEY", "FAKE-aws"}});
        return program;
    }
};

}  // namespace capsule::test
