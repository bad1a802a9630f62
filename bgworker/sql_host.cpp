#include "bgworker/sql_host.hpp"

#include "bgworker/crumbs.hpp"

#include "extension/pg/subtransaction.hpp"

#include <algorithm>
#include <cstring>

#include "extension/pg/action_lookup.hpp"
#include "extension/pg/bridge.hpp"
#include "extension/pg/json_input.hpp"
#include "extension/pg/procedure.hpp"
#include "extension/pg/row_calls.hpp"
#include "extension/pg/tick_scope.hpp"

extern "C" {
#include "utils/fmgrprotos.h"
}

namespace gamelan::worker {

namespace {

namespace procedure = pg::procedure;

// Calls of actors who stopped calling are forgotten beyond so many.
constexpr std::size_t max_known_callers = 1U << 16;
constexpr double second_us = 1e6;

// One argument of a function, by the name of its parameter.
struct NamedArgument {
    const char* name;
    const char* text; // null = NULL
};

// The values of a function's parameters, palloc'd; those that `named` lacks are NULL.
std::span<const procedure::Argument> arguments_of(Oid function, std::span<const NamedArgument> named) {
    const pg::Signature& signature = pg::signature_of(function);
    auto* out = static_cast<procedure::Argument*>(
        palloc(sizeof(procedure::Argument) * static_cast<std::size_t>(Max(signature.count, 1))));
    for (int i = 0; i < signature.count; ++i) {
        pg::Parameter& parameter = signature.parameters[i];
        out[i] = {0, true};
        for (const NamedArgument& argument : named)
            if (argument.text != nullptr && std::strcmp(parameter.name, argument.name) == 0)
                out[i] = {InputFunctionCall(&parameter.input, const_cast<char*>(argument.text),
                                            parameter.input_type, -1),
                          false};
    }
    return {out, static_cast<std::size_t>(signature.count)};
}

// The members of a command's JSON object, and the actor.
std::span<const NamedArgument> named_arguments(const char* json, const char* actor) {
    Jsonb* object = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
    const auto count = static_cast<std::size_t>(JB_ROOT_COUNT(object));
    auto* out = static_cast<NamedArgument*>(palloc(sizeof(NamedArgument) * (count + 1)));
    std::size_t used = 0;
    JsonbIterator* iterator = JsonbIteratorInit(&object->root);
    JsonbValue value;
    for (JsonbIteratorToken token = JsonbIteratorNext(&iterator, &value, true); token != WJB_DONE;
         token = JsonbIteratorNext(&iterator, &value, true)) {
        if (token == WJB_KEY) {
            out[used].name = pnstrdup(value.val.string.val, static_cast<Size>(value.val.string.len));
            out[used].text = nullptr;
        } else if (token == WJB_VALUE) {
            if (value.type == jbvString)
                out[used].text = pnstrdup(value.val.string.val, static_cast<Size>(value.val.string.len));
            else if (value.type != jbvNull)
                out[used].text = DatumGetCString(
                    DirectFunctionCall1(jsonb_out, JsonbPGetDatum(JsonbValueToJsonb(&value))));
            ++used;
        }
    }
    out[used++] = {"actor", actor};
    return {out, used};
}

// "0.05", "5": for people.
std::string short_text(double value) {
    char out[32];
    snprintf(out, sizeof out, "%.3g", value);
    return out;
}

} // namespace

bool SqlHost::needs_transaction(const game::Rules& rules, bool has_commands) const {
    if (has_commands)
        return true;
    return std::any_of(rules.systems.begin(), rules.systems.end(), [](const game::SystemRule& rule) {
        const bool is_played =
            rule.path == game::SystemPath::executor || rule.path == game::SystemPath::calling;
        return rule.is_enabled && (is_played || !rule.condition.empty());
    });
}

Oid SqlHost::procedure_of(const std::string& name) const {
    if (game_ == nullptr)
        return InvalidOid;
    const auto found = game_->procedures.find(name);
    return found == game_->procedures.end() ? InvalidOid : found->second;
}

std::string SqlHost::full_name(const game::SystemRule& rule) const {
    return "system \"" + rule.name + "\" of world " + std::to_string(world_id_);
}

sim::Effects SqlHost::run_system(const game::SystemRule& rule, const sim::TickContext& context) {
    sim::Effects out;
    const Oid function = procedure_of(rule.name);
    if (!OidIsValid(function))
        throw Error("42883", "the procedure of system \"" + rule.name + "\" does not exist");
    const std::string what = full_name(rule);
    failed_statement_ = 0;
    crumbs::require_harmless(world_id_, what);
    const crumbs::Crumb crumb(world_id_, what, context.tick);
    pg::TickScope scope(slot_, context);
    try {
        pg::in_subtransaction([&] {
            const char* schema = game_->game.c_str();
            out.rows = pg::pg_call([&] { return procedure::run(function, {}, schema).rows; });
            out.writes = scope.take_writes();
        });
    } catch (const Error&) {
        failed_statement_ = procedure::statement();
        throw;
    }
    return out;
}

std::string SqlHost::run_calls(const game::SystemRule& rule, const sim::RowCalls& calls,
                               const sim::TickContext& context) {
    const Oid function = procedure_of(rule.name);
    if (!OidIsValid(function))
        throw Error("42883", "the procedure of system \"" + rule.name + "\" does not exist");
    const std::string what = full_name(rule);
    crumbs::require_harmless(world_id_, what);
    const crumbs::Crumb crumb(world_id_, what, context.tick);
    pg::TickScope scope(slot_, context, pg::TickScope::Writes::are_kept);
    std::string out;
    pg::in_subtransaction([&] {
        pg::run_row_calls(function, calls);
        out = scope.take_writes();
    });
    return out;
}

void SqlHost::run_native(const game::SystemRule& rule, std::uint64_t tick, const std::function<void()>& run) {
    const std::string what = full_name(rule);
    failed_statement_ = 0;
    crumbs::require_harmless(world_id_, what);
    const crumbs::Crumb crumb(world_id_, what, tick);
    run();
}

bool SqlHost::is_wanted(const game::SystemRule& rule, const sim::TickContext& context) {
    const Oid function = procedure_of(rule.condition);
    if (!OidIsValid(function))
        return false;
    pg::TickScope scope(slot_, context);
    bool is_wanted = false;
    try {
        pg::in_subtransaction([&] {
            const char* schema = game_->game.c_str();
            is_wanted = pg::pg_call([&] {
                const procedure::Outcome outcome = procedure::run(function, {}, schema);
                return !outcome.is_null && DatumGetBool(outcome.value);
            });
        });
    } catch (const Error&) {
        return false;
    }
    return is_wanted;
}

// A token bucket for the rate, in simulated time, so that a world that runs faster lets more through.
void SqlHost::require_pace(const ActionRule& action, const game::Command& command, std::int64_t now_us) {
    if (action.cooldown_s == 0 && action.max_per_second == 0)
        return;
    if (calls_.size() >= max_known_callers)
        calls_.clear();
    const auto [entry, is_new] = calls_.try_emplace(command.actor + '\n' + command.action);
    Calls& calls = entry->second;
    const double since_s = static_cast<double>(now_us - calls.last_us) / second_us;
    if (!is_new && action.cooldown_s > 0 && since_s < action.cooldown_s)
        throw Error(sqlstate::too_soon, "action \"" + action.name + "\" is cooling down",
                    "It can be called again in " + short_text(action.cooldown_s - since_s) + " seconds.");
    const double most = std::max(1.0, action.max_per_second);
    double credit = is_new ? most : std::min(most, calls.credit + since_s * action.max_per_second);
    if (action.max_per_second > 0 && credit < 1)
        throw Error(sqlstate::too_soon, "action \"" + action.name + "\" is called too often",
                    "An actor may call it " + short_text(action.max_per_second) + " times a second.");
    calls.credit = credit - 1;
    calls.last_us = now_us;
}

bool SqlHost::is_durable(const game::Command& command) const {
    if (!game_ || command.kind != game::CommandKind::action)
        return true;
    const auto found = game_->actions.find(command.action);
    return found == game_->actions.end() || found->second.is_durable;
}

sim::Effects SqlHost::run_action(const game::Command& command, const sim::TickContext& context) {
    const auto found = game_ ? game_->actions.find(command.action) : decltype(game_->actions.end()){};
    if (!game_ || found == game_->actions.end())
        throw Error(sqlstate::undefined_action, "action \"" + command.action + "\" does not exist", {},
                    "SELECT name FROM game.action lists the actions.");
    const ActionRule& action = found->second;
    require_pace(action, command, context.now_us);
    const std::string* json =
        command.arguments.size() == 1 ? std::get_if<std::string>(&command.arguments[0]) : nullptr;
    const std::string object = json != nullptr ? *json : "{}";
    sim::Effects out;
    const char* result = nullptr;
    const std::string what =
        "action \"" + action.name + "\" of world " + std::to_string(world_id_) + " with " + object;
    crumbs::require_harmless(world_id_, what);
    const crumbs::Crumb crumb(world_id_, what, context.tick);
    pg::TickScope scope(slot_, context);
    pg::in_subtransaction([&] {
        const char* schema = game_->game.c_str();
        const char* actor = command.actor.c_str();
        const auto named = pg::pg_call([&] { return named_arguments(object.c_str(), actor); });
        const bool is_allowed = pg::pg_call([&] {
            if (!OidIsValid(action.policy))
                return true;
            const procedure::Outcome answer =
                procedure::run(action.policy, arguments_of(action.policy, named), schema);
            return !answer.is_null && DatumGetBool(answer.value);
        });
        if (!is_allowed)
            throw Error(sqlstate::action_refused, "action \"" + action.name + "\" is not allowed",
                        "Its policy says no.");
        pg::pg_call([&] {
            const procedure::Outcome outcome =
                procedure::run(action.function, arguments_of(action.function, named), schema);
            const Oid type = get_func_rettype(action.function);
            result =
                type == VOIDOID
                    ? "{}"
                    : DatumGetCString(DirectFunctionCall1(jsonb_out, procedure::to_jsonb(type, outcome)));
        });
        out.writes = scope.take_writes();
    });
    out.result = result;
    return out;
}

} // namespace gamelan::worker
