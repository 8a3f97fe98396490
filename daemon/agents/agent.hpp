// What the daemon knows of an agent. Each agent's folder fills in one AgentDescriptor (its agent.cpp), list.cpp names
// them all, and everything else asks the descriptor: nothing outside these folders asks which agent it is.
//
// A function that is null is one that this agent does not need; its comment says what that means.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/agents/route.hpp"
#include "daemon/agents/session.hpp"
#include "daemon/agents/survey.hpp"
#include "daemon/config/config.hpp"
#include "daemon/config/toml_reader.hpp"
#include "protocol/agents.hpp"

namespace capsule {

class Findings;

struct ModelConflict {
    std::string message;
    std::string hint;
};

/// Where a session on the agent's own account finds its credential.
struct OwnCredentials {
    std::vector<std::string> variables{};  ///< in the agent's order; the first that is set is taken
    std::optional<Error> required{};       ///< the error when none is set; none: what the home holds will do
};

/// A file of the home in which keys stand as they are.
struct InlineKeys {
    std::string path;
    std::string cure;  ///< "set … to change that"
};

/// How an installed program is asked for the models that it knows.
struct ModelListQuestion {
    /// The program's arguments; where they fail, the next ones, of an older version.
    std::vector<std::vector<std::string>> arguments;
    /// What the program printed as its renderer reads it, once for each installed program: ModelList::own.
    std::any (*read)(std::string_view printed) = nullptr;
    /// A list as a session's would be derived from the program's own.
    Result<std::string> (*sample)(const ModelList& own) = nullptr;
    /// The arguments by which the program reads a list in `file`, and fails if it cannot.
    std::vector<std::string> (*reading)(const std::string& file) = nullptr;
};

/// How a session's requests go by way of capsule-broker.
struct BrokeredRoute {
    std::string base_url{};      ///< the provider's own
    std::string_view surface{};  ///< the protocol that is spoken: anthropic_messages, openai_responses, openai_chat
    std::string_view why_not{};  ///< why they cannot, for people; empty: they can
};

/// Paths that a file of a project names, relative to it, or absolute.
struct LedTo {
    std::vector<std::string> modules{};  ///< count where they are there, with any ending
    std::vector<std::string> files{};    ///< lead on as this one does
};

/// A name in a project, of something that an agent takes whatever it is told.
struct UnheldName {
    std::string_view name;
    /// Where a file with that text leads to. None: it counts, as one does that cannot be read. Null: it counts as it
    /// is.
    std::optional<LedTo> (*leads_to)(std::string_view text) = nullptr;
    /// So does the name in other letters (A for a), and with whatever follows a dot.
    bool any_ending = false;
    /// What a session that takes its project's settings is told of it: a FoundSetting's. Empty: the survey tells.
    std::string_view member{};
    std::string_view effect{};
};

struct AgentDescriptor {
    Agent agent{};

    // Its cells: [providers.<id>.<agent>].

    /// The names of the tiers of an agent that asks for several models, the main one first; overrides name them
    /// "<tier>_model". Empty: it has one model.
    std::span<const std::string_view> tiers{};
    /// Reads the fields of a cell that is neither native nor blocked. `cell` holds what was there before.
    void (*read_cell)(TableReader& in, const Provider& provider, Cell& cell) = nullptr;
    /// Reads what the agent needs to be right on a model: [providers.<id>.models."<model>".<agent>].
    void (*read_model)(TableReader& in, ModelForAgent& model) = nullptr;
    /// Refuses what only the other providers make wrong. Null: nothing can be.
    void (*check_among_others)(TableReader& in, Provider& provider, const Catalog& catalog) = nullptr;
    /// Whether a provider's cell is first in the picker and what [<agent>] model is for. Null: native cells alone.
    bool (*counts_as_native)(const Provider& provider) = nullptr;
    /// Why `model` cannot be meant for a provider. Null: any name may be one.
    std::optional<ModelConflict> (*model_conflict)(const Catalog& catalog, const Provider& provider,
                                                   std::string_view model) = nullptr;
    /// The model's id in what people may write for it. Null: as it stands.
    std::string (*model_id)(std::string_view model, const Provider& provider) = nullptr;

    // Its own table in capsule.toml: [<agent>].

    /// Reads the settings that only this agent has into AgentConfig::own. Null: it has none.
    void (*read_settings)(TableReader& in, AgentConfig& out) = nullptr;
    /// Why the argument at `index` of `args` would defeat a pin or keep the agent from starting; none if it is the
    /// operator's business.
    std::optional<std::string> (*refused_argument)(const std::vector<std::string>& args, std::size_t index,
                                                   const SessionConfig& session) = nullptr;
    /// Variables that carry credentials of its own account and are no provider's key. Resolved like keys.
    std::span<const std::string_view> account_variables{};

    // A session of it.

    /// The credentials of its own account. Null: the provider's key, if it is set.
    OwnCredentials (*own_credentials)(const Config& config, const Provider& provider) = nullptr;
    /// What it must know of the home before it renders, as HomeFacts have it. Null: nothing.
    std::any (*look_at_home)(const SessionHome& home, const HomeReader& reader) = nullptr;
    /// Adds the route's variables, arguments and files. Fails with config.conflict where something in the home would
    /// defeat the route, key.absent without the key that the route needs.
    Result<void> (*render)(Plan& plan, const Route& route, const SessionInputs& inputs) = nullptr;
    /// Looks in the home for what would outrank a session with these variables, whatever it pins. Fails with
    /// config.conflict. Null: there is no such thing.
    Result<void> (*check_home)(const Plan& plan, const HomeReader& reader) = nullptr;
    /// How a session can do with a token in the place of the key that was found under `variable`.
    BrokeredRoute (*brokered)(const Route& route, std::string_view variable) = nullptr;
    /// The files of config.write, without a route. Null: it needs none.
    std::vector<FileIntent> (*files)(const SessionInputs& inputs, std::vector<Warning>& warnings) = nullptr;
    /// Where its files are derived from the list of models that the installed program prints. Null: they are not.
    const ModelListQuestion* model_list = nullptr;
    /// The file in which its configuration has keys stand as they are. Null: there is none.
    std::optional<InlineKeys> (*inline_keys)(const Config& config, const SessionHome& home,
                                             const std::map<std::string, FileKey>& keys) = nullptr;

    // The settings files that it reads.

    std::vector<SettingsPlace> (*settings_places)(const SessionHome& home,
                                                  const std::vector<std::string>& directories) = nullptr;
    void (*survey)(Findings& findings, std::string_view text) = nullptr;
    /// What keeps a project's settings out with [session] project_settings = "ignore"; empty: nothing does.
    std::string_view project_switch{};
    /// What it takes of a project's all the same: names in the session's directory and in those above it, up to `/`.
    /// Those of the home that begin with a dot are the home's own.
    std::span<const UnheldName> unheld{};
    /// What the operator can do about a project's setting that no pin holds.
    std::string_view project_cure{};
    /// Whether a settings file calls for the extra pin; `text` is none where it could not be looked at. Null: there is
    /// no extra pin.
    bool (*needs_extra_pin)(const SettingsPlace& place, const std::optional<std::string>& text,
                            const std::vector<FoundSetting>& settings, const SurveyedSession& session) = nullptr;
    /// Adds a pin that not every session can have, since it costs something.
    void (*add_extra_pin)(Plan& plan, SurveyedSession& session) = nullptr;
    /// Keeps out of the session what other users can put above its directory at any time, and for that the project's
    /// own settings, too, where the agent has a `project_switch`. False: the operator's own arguments say otherwise.
    bool (*leave_project_out)(Plan& plan, const std::string& from) = nullptr;
};

/// The descriptor of an agent. See list.cpp for the list.
const AgentDescriptor& descriptor_of(Agent agent);
std::span<const AgentDescriptor* const> all_descriptors();

/// By the descriptor: see its members of the same names.
bool counts_as_native(Agent agent, const Provider& provider);
std::optional<ModelConflict> model_conflict(const Catalog& catalog, Agent agent, const Provider& provider,
                                            std::string_view model);
std::string model_id(Agent agent, std::string_view model, const Provider& provider);
OwnCredentials own_credentials(Agent agent, const Config& config, const Provider& provider);

/// Whether a variable carries the credential of some agent's own account.
bool is_account_variable(std::string_view name);

/// Whether `argument` is the option `name` itself or has its value attached: -p, -pNAME, --profile, --profile=NAME.
bool is_option(std::string_view argument, std::string_view name);

}  // namespace capsule
