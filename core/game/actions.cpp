#include "core/game/actions.hpp"

namespace gamelan::game {

std::string signature(const ActionSpec& spec) {
    std::string out(spec.name);
    out += '(';
    for (const Parameter& parameter : spec.parameters) {
        if (out.back() != '(')
            out += ", ";
        out.append(parameter.name).append(" ").append(name_of(parameter.type));
    }
    return out += ')';
}

std::string signature_hint(const ActionSpec& spec) {
    return "The action is " + signature(spec) + ".";
}

std::size_t find_action(const std::vector<ActionSpec>& actions, std::string_view name) {
    std::string known;
    for (std::size_t i = 0; i < actions.size(); ++i) {
        if (actions[i].name == name)
            return i;
        known.append(known.empty() ? "" : ", ").append(actions[i].name);
    }
    throw Error(sqlstate::undefined_action, "action \"" + std::string(name) + "\" does not exist", {},
                "The world's actions are: " + known + ".");
}

} // namespace gamelan::game
