#include "daemon/broker/control.hpp"

#include <array>
#include <boost/json/serialize.hpp>

#include "protocol/json_struct.hpp"
#include "protocol/json_tree.hpp"

namespace capsule::broker {
namespace {

template <class Message>
constexpr std::string_view message_name = "";
template <>
constexpr std::string_view message_name<Configure> = "configure";
template <>
constexpr std::string_view message_name<Grant> = "grant";
template <>
constexpr std::string_view message_name<Key> = "key";
template <>
constexpr std::string_view message_name<Revoke> = "revoke";
template <>
constexpr std::string_view message_name<AskUsage> = "usage";
template <>
constexpr std::string_view message_name<UsageAnswer> = "usage_answer";
template <>
constexpr std::string_view message_name<End> = "end";
template <>
constexpr std::string_view message_name<Ready> = "ready";
template <>
constexpr std::string_view message_name<Taken> = "taken";
template <>
constexpr std::string_view message_name<Traffic> = "traffic";
template <>
constexpr std::string_view message_name<Failed> = "failed";
template <>
constexpr std::string_view message_name<Strangers> = "strangers";

template <class Variant>
Result<Variant> read(std::string_view line) {
    // A broker that somebody has taken over writes here, too.
    const auto text = parse_json(line);
    if (!text || !text->is_object() || text->get_object().size() != 1)
        return Error{ErrorCode::parse_error, "a control message is a JSON object with one member", ""};
    const auto& [name, value] = *text->get_object().begin();
    Result<Variant> out = Error{ErrorCode::invalid_params, "no control message of that name", ""};
    boost::mp11::mp_for_each<Variant>([&](auto message) {
        using Message = decltype(message);
        if (std::string_view(name) != message_name<Message>) return;
        const auto done = from_json(message, value, message_name<Message>, Unknown::refuse);
        if (done)
            out = Variant(std::move(message));
        else
            out = done.error();
    });
    return out;
}

template <class Variant>
std::string line_of(const Variant& message) {
    return std::visit(
        [](const auto& each) {
            boost::json::object out;
            out.emplace(message_name<std::remove_cvref_t<decltype(each)>>, without_nulls(to_json(each)));
            return boost::json::serialize(out) + "\n";
        },
        message);
}

}  // namespace

Result<ToBroker> read_to_broker(std::string_view line) {
    return read<ToBroker>(line);
}
Result<FromBroker> read_from_broker(std::string_view line) {
    return read<FromBroker>(line);
}
std::string control_line(const ToBroker& message) {
    return line_of(message);
}
std::string control_line(const FromBroker& message) {
    return line_of(message);
}

}  // namespace capsule::broker
