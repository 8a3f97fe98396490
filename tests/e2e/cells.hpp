// What each cell must look like on the wire. Written down here once more, on purpose: a wrong constant in the product's
// catalog turns its cell red.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "tests/e2e/world.hpp"

namespace capsule::e2e {

struct Cell {
    std::string agent;
    std::string provider;
    std::string host;
    std::string path;                        ///< of every request that carries a prompt
    std::string auth_header;                 ///< "authorization" or "x-api-key"
    std::string key;                         ///< as secret() takes it
    std::vector<std::string> key_variables;  ///< names under which the agent's process holds it
    /// The models that may be asked for; one that ends in '-' is a beginning (the agent's own choice).
    std::vector<std::string> models;
    std::map<std::string, std::string> variables = {};  ///< others that launchers count on, in the agent's process

    std::string name() const { return agent + "_" + provider; }
};

void PrintTo(const Cell& cell, std::ostream* out);

/// A test's name ends with its cell's.
inline std::string cell_name(const testing::TestParamInfo<Cell>& info) {
    return info.param.name();
}

/// The twelve.
const std::vector<Cell>& cells();
const Cell& cell(const std::string& agent, const std::string& provider);

/// Adds a test failure, naming the request or process, for everything in the run that is not as the cell says: host,
/// path, auth header and model of each request that carries a prompt or the key; any other secret in any request or
/// process; a hostile setting's mark anywhere. At least one request must carry a prompt, unless `may_refuse`: then the
/// agent may also have ended with an error and sent none.
void expect_route(const AgentRun& run, const Cell& cell, bool may_refuse = false);

/// The daemon with the stand-in's authority: sessions that can do without the key have a token.
void start_with_broker(World& world);
/// The provider is asked as ever; the session's own processes have no key under any name.
Cell without_key(Cell cell);

/// Requests that carry a prompt.
std::ptrdiff_t prompts(const AgentRun& run);

/// The command's output is not in the command: only a tool that ran can have given it.
inline constexpr const char* tool_prompt = "[[run printf %s-%s capsule tool-ran]]";

/// The run ended well and printed this.
void expect_printed(const AgentRun& run, const std::string& text);

}  // namespace capsule::e2e
