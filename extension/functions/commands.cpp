// SQL functions that change a world. Their contracts are the COMMENTs in extension/sql/30-commands.sql.
#include "core/base/json_writer.hpp"
#include "core/codec/command_batch.hpp"
#include "core/game/actions.hpp"
#include "extension/pg/action_arguments.hpp"
#include "extension/pg/definition.hpp"
#include "extension/pg/idempotency.hpp"
#include "extension/pg/json_input.hpp"
#include "extension/pg/reading.hpp"

#include <map>

#include "extension/pg/bridge.hpp"
#include "extension/pg/requests.hpp"
#include "extension/pg/spi.hpp"
#include "extension/pg/subtransaction.hpp"
#include "extension/pg/transaction.hpp"

namespace {

using namespace gamelan;
using namespace gamelan::pg;

// Who calls what with which arguments; plain data.
struct CommandInput {
    const char* actor;
    const char* action;
    std::int64_t client_seq;
    std::int64_t handle;
    Jsonb* arguments;
    bool is_for_others; // the caller is a gateway: it speaks for players
};

// A palloc'd byte string.
struct Bytes {
    const char* data;
    std::size_t size;
    std::string_view view() const { return {data, size}; }
};

// C++ zone.
Bytes palloc_bytes(std::string_view text) {
    return {palloc_text(text), text.size()};
}

// Whether the current user may call it; gateways may if players may.
bool may_call(Oid function, bool is_for_others) {
    if (pg_proc_aclcheck(function, GetUserId(), ACL_EXECUTE) == ACLCHECK_OK)
        return true;
    const Oid player = is_for_others ? get_role_oid("gamelan_player", true) : InvalidOid;
    return OidIsValid(player) && pg_proc_aclcheck(function, player, ACL_EXECUTE) == ACLCHECK_OK;
}

// The arguments as a command of a game made with SQL carries them.
const char* match_sql_action(const char* game, const CommandInput& input) {
    const Action action = find_action(game, input.action);
    if (!may_call(action.function, input.is_for_others))
        aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FUNCTION, input.action);
    return encode_arguments(action.function,
                            match_arguments(action.function, input.arguments, ArgumentForm::client));
}

// C++ zone: checks a command against the world's actions and packs it.
std::string encode(store::WorldSlot slot, std::int64_t world_id, const CommandInput& input) {
    game::Command command;
    const game::World& rules = rules_of(slot, world_id);
    if (rules.is_of_sql()) {
        const std::string game = game_of(slot, world_id);
        const char* arguments = pg_call([&] { return match_sql_action(game.c_str(), input); });
        command.arguments = {std::string(arguments)};
    } else {
        const std::vector<game::ActionSpec>& actions = rules.actions();
        const game::ActionSpec& spec = actions[game::find_action(actions, input.action)];
        const std::span<const JsonEntry> entries =
            pg_call([&] { return flatten_object(input.arguments, "the arguments of an action"); });
        command.arguments = match_arguments(spec, entries);
    }
    command.handle = input.handle;
    command.actor = input.actor;
    command.action = input.action;
    command.client_seq = input.client_seq;
    if (command.actor.empty() || command.actor.size() > game::max_actor_bytes)
        throw Error(sqlstate::invalid_parameter, "an actor's name has 1 to 64 bytes");
    return codec::encode_commands({&command, 1});
}

const char* current_actor() {
    return GetUserNameFromId(GetUserId(), false);
}

// One act of a batch: either in flight or refused at once.
struct Act {
    bool is_submitted;
    requests::Handle handle;
    Bytes encoded;
    const char* sqlstate;
    const char* message;
    const char* detail;
    const char* hint;
};

// Encodes one act; what is wrong with it becomes its answer instead of an error of the whole batch.
Act prepare_act(store::WorldSlot slot, std::int64_t world_id, const CommandInput& input) {
    return sql_boundary([&] {
        Act act{};
        try {
            const auto encode_act = [&] { act.encoded = palloc_bytes(encode(slot, world_id, input)); };
            // Arguments of SQL's types are read by functions that may fail in the middle.
            if (rules_of(slot, world_id).is_of_sql())
                in_subtransaction(encode_act);
            else
                encode_act();
        } catch (const Error& error) {
            act.sqlstate = palloc_bytes(error.code()).data;
            act.message = palloc_bytes(error.message()).data;
            act.detail = palloc_bytes(error.detail()).data;
            act.hint = palloc_bytes(error.hint()).data;
        }
        return act;
    });
}

// All acts of a batch at once: to begin and end a subtransaction takes as long as to read an act. False when
// one of them is refused; nothing is kept then.
bool prepare_acts(store::WorldSlot slot, std::int64_t world_id, const CommandInput* inputs, int count,
                  Act* acts) {
    return sql_boundary([&] {
        try {
            in_subtransaction([&] {
                for (int i = 0; i < count; ++i) {
                    acts[i] = {};
                    acts[i].encoded = palloc_bytes(encode(slot, world_id, inputs[i]));
                }
            });
            return true;
        } catch (const Error&) {
            return false;
        }
    });
}

struct TextArray {
    Datum* values;
    bool* nulls;
    int count;
};

TextArray deconstruct(Datum datum, Oid type, int width, bool by_value, char align) {
    TextArray out{};
    ArrayType* array = DatumGetArrayTypeP(datum);
    deconstruct_array(array, type, width, by_value, align, &out.values, &out.nulls, &out.count);
    return out;
}

void put_act_row(ReturnSetInfo* result, int ordinal, const Act& act) {
    Datum values[7] = {};
    bool nulls[7] = {false, true, true, true, true, true, true};
    values[0] = Int32GetDatum(ordinal);
    const auto put_text = [&](int column, const char* text) {
        if (text != nullptr && text[0] != '\0') {
            values[column] = CStringGetTextDatum(text);
            nulls[column] = false;
        }
    };
    if (!act.is_submitted) {
        put_text(3, act.sqlstate);
        put_text(4, act.message);
        put_text(5, act.detail);
        put_text(6, act.hint);
    } else {
        const Request& answer = requests::wait(act.handle);
        if (answer.sqlstate[0] != '\0') {
            const char* message = answer.payload;
            const char* detail = message + std::strlen(message) + 1;
            put_text(3, answer.sqlstate);
            put_text(4, message);
            put_text(5, detail);
            put_text(6, detail + std::strlen(detail) + 1);
        } else {
            values[1] = Int64GetDatum(static_cast<std::int64_t>(answer.answer_tick));
            const char* json = pnstrdup(answer.payload, answer.payload_bytes);
            values[2] = DirectFunctionCall1(jsonb_in, CStringGetDatum(json));
            nulls[1] = nulls[2] = false;
        }
        requests::release(act.handle);
    }
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

// Postgres zone: actions of a game made with SQL, as a JSON array.
const char* describe_sql_actions(const char* game) {
    const MemoryContext context = CurrentMemoryContext;
    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "could not connect to SPI");
    (void)spi::run("SELECT game._describe_actions($1)::text", {spi::text(game)});
    const std::string_view json = spi::text_at(0, 1);
    auto* out = static_cast<char*>(MemoryContextAlloc(context, json.size() + 1));
    std::memcpy(out, json.data(), json.size());
    out[json.size()] = '\0';
    SPI_finish();
    return out;
}

std::string describe_world(store::WorldSlot slot, std::int64_t world_id) {
    std::string columns;
    {
        const ReadPin pin;
        const store::Snapshot snapshot = published(slot, world_id);
        for (std::uint32_t c = 0; c < snapshot.column_count(); ++c) {
            const store::ColumnSpec& spec = snapshot.column({c});
            if (spec.visibility != store::Visibility::streamed)
                continue;
            columns += columns.empty() ? "" : ", ";
            columns += JsonObject().add("name", spec.name).add("type", gamelan::name_of(spec.type)).text();
        }
        pin.check();
    }
    if (rules_of(slot, world_id).is_of_sql()) {
        const std::string game = game_of(slot, world_id);
        const char* sql_actions = pg_call([&] { return describe_sql_actions(game.c_str()); });
        return "{\"columns\": [" + columns + "], \"actions\": " + sql_actions + "}";
    }
    std::string actions;
    for (const game::ActionSpec& spec : rules_of(slot, world_id).actions()) {
        std::string parameters;
        for (const game::Parameter& parameter : spec.parameters) {
            parameters += parameters.empty() ? "" : ", ";
            parameters +=
                JsonObject().add("name", parameter.name).add("type", game::name_of(parameter.type)).text();
        }
        actions += actions.empty() ? "" : ", ";
        actions += "{\"name\": " + JsonObject::quoted(spec.name) +
                   ", \"summary\": " + JsonObject::quoted(spec.summary) + ", \"params\": [" + parameters +
                   "]}";
    }
    return "{\"columns\": [" + columns + "], \"actions\": [" + actions + "]}";
}

// `key`: null = none.
Datum enqueue(FunctionCallInfo fcinfo, text* key) {
    PreventCommandIfReadOnly("game.enqueue()");
    PreventCommandIfParallelMode("game.enqueue()");
    const std::int64_t world_id = PG_GETARG_INT64(0);
    const Oid sequence_oid = get_relname_relid("command_handle_seq", get_namespace_oid("game", false));
    if (!OidIsValid(sequence_oid))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                        errmsg("the sequence game.command_handle_seq does not exist")));
    CommandInput input{
        current_actor(), text_to_cstring(PG_GETARG_TEXT_PP(1)), 0, 0, PG_GETARG_JSONB_P(2), false};
    const store::WorldSlot slot = requests::require_world(world_id);
    input.handle = nextval_internal(sequence_oid, false);
    const Bytes encoded = sql_boundary([&] { return palloc_bytes(encode(slot, world_id, input)); });
    if (key != nullptr) {
        const std::int64_t handle = idempotency::claim(world_id, input.actor, key, PG_GETARG_TEXT_PP(1),
                                                       PG_GETARG_JSONB_P(2), input.handle);
        if (handle != input.handle)
            PG_RETURN_INT64(handle);
    }
    transaction::queue_command(world_id, encoded.view());
    PG_RETURN_INT64(input.handle);
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(gamelan_call);
PG_FUNCTION_INFO_V1(gamelan_calls);
PG_FUNCTION_INFO_V1(gamelan_enqueue);
PG_FUNCTION_INFO_V1(gamelan_enqueue_once);
PG_FUNCTION_INFO_V1(gamelan_sync);
PG_FUNCTION_INFO_V1(gamelan_session_id);
PG_FUNCTION_INFO_V1(gamelan_raised_conflict);
PG_FUNCTION_INFO_V1(gamelan_raise);
PG_FUNCTION_INFO_V1(gamelan_describe);

PGDLLEXPORT Datum gamelan_call(PG_FUNCTION_ARGS) {
    const std::int64_t world_id = PG_GETARG_INT64(0);
    const CommandInput input{
        current_actor(), text_to_cstring(PG_GETARG_TEXT_PP(1)), 0, 0, PG_GETARG_JSONB_P(2), false};
    const store::WorldSlot slot = requests::require_world(world_id);
    const Bytes encoded = sql_boundary([&] { return palloc_bytes(encode(slot, world_id, input)); });
    requests::require_running(slot, world_id);
    const requests::Handle handle = requests::submit(RequestKind::call, slot, world_id, 0, encoded.view());
    const Request& answer = requests::wait(handle);
    requests::raise_if_failed(handle);
    const char* json = pnstrdup(answer.payload, answer.payload_bytes);
    requests::release(handle);
    PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
}

PGDLLEXPORT Datum gamelan_calls(PG_FUNCTION_ARGS) {
    const std::int64_t world_id = PG_GETARG_INT64(0);
    const TextArray actors = deconstruct(PG_GETARG_DATUM(1), TEXTOID, -1, false, TYPALIGN_INT);
    const TextArray actions = deconstruct(PG_GETARG_DATUM(2), TEXTOID, -1, false, TYPALIGN_INT);
    const TextArray arguments = deconstruct(PG_GETARG_DATUM(3), JSONBOID, -1, false, TYPALIGN_INT);
    const TextArray sequences = deconstruct(PG_GETARG_DATUM(4), INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
    const int count = actors.count;
    if (actions.count != count || arguments.count != count || sequences.count != count)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("the arrays of a batch must have equal lengths")));
    for (int i = 0; i < count; ++i)
        if (actors.nulls[i] || actions.nulls[i] || arguments.nulls[i])
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                            errmsg("act %d of the batch has a null", i + 1)));
    InitMaterializedSRF(fcinfo, 0);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    const store::WorldSlot slot = requests::require_world(world_id);
    requests::require_running(slot, world_id);

    const auto room = static_cast<std::size_t>(Max(count, 1));
    auto* inputs = static_cast<CommandInput*>(palloc(sizeof(CommandInput) * room));
    auto* acts = static_cast<Act*>(palloc(sizeof(Act) * room));
    for (int i = 0; i < count; ++i)
        inputs[i] = {TextDatumGetCString(actors.values[i]),
                     TextDatumGetCString(actions.values[i]),
                     sequences.nulls[i] ? 0 : DatumGetInt64(sequences.values[i]),
                     0,
                     DatumGetJsonbP(arguments.values[i]),
                     true};
    if (!prepare_acts(slot, world_id, inputs, count, acts))
        for (int i = 0; i < count; ++i)
            acts[i] = prepare_act(slot, world_id, inputs[i]);
    // All are queued before the first answer is awaited, so that they share a tick if they can.
    for (int i = 0; i < count; ++i) {
        if (acts[i].sqlstate != nullptr)
            continue;
        acts[i].is_submitted = requests::try_submit(RequestKind::call, slot, world_id, 0,
                                                    acts[i].encoded.view(), acts[i].handle);
        if (!acts[i].is_submitted) {
            acts[i].sqlstate = "WG011";
            acts[i].message = "too many commands are in flight";
            acts[i].hint = "Try again, or raise gamelan.max_requests and restart the server.";
        }
    }
    for (int i = 0; i < count; ++i)
        put_act_row(result, i + 1, acts[i]);
    return static_cast<Datum>(0);
}

PGDLLEXPORT Datum gamelan_enqueue(PG_FUNCTION_ARGS) {
    return enqueue(fcinfo, nullptr);
}

PGDLLEXPORT Datum gamelan_enqueue_once(PG_FUNCTION_ARGS) {
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
        PG_RETURN_NULL();
    return enqueue(fcinfo, PG_ARGISNULL(3) ? nullptr : PG_GETARG_TEXT_PP(3));
}

PGDLLEXPORT Datum gamelan_sync(PG_FUNCTION_ARGS) {
    const std::int64_t world_id = PG_GETARG_INT64(0);
    const store::WorldSlot slot = requests::require_world(world_id);
    PG_RETURN_INT64(requests::ask_for_tick(RequestKind::sync, slot, world_id, 0));
}

PGDLLEXPORT Datum gamelan_session_id(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    PG_RETURN_DATUM(CStringGetTextDatum(transaction::session_id()));
}

PGDLLEXPORT Datum gamelan_raised_conflict(PG_FUNCTION_ARGS) {
    const std::int64_t world_id = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0);
    const bool is_new = !PG_ARGISNULL(1);
    const std::int64_t handle = is_new ? PG_GETARG_INT64(1) : 0;
    PG_RETURN_INT64(sql_boundary([&] {
        static auto& raised = *new std::map<std::int64_t, std::int64_t>;
        std::int64_t& newest = raised[world_id];
        if (is_new)
            newest = handle;
        return newest;
    }));
}

PGDLLEXPORT Datum gamelan_raise(PG_FUNCTION_ARGS) {
    const auto text_argument = [&](int n) -> const char* {
        return PG_ARGISNULL(n) ? nullptr : text_to_cstring(PG_GETARG_TEXT_PP(n));
    };
    const char* code = text_argument(0);
    const char* message = text_argument(1);
    if (code == nullptr || std::strlen(code) != 5 || message == nullptr)
        elog(ERROR, "an error has an SQLSTATE and a message");
    raise_error(code, message, text_argument(2), text_argument(3));
}

PGDLLEXPORT Datum gamelan_describe(PG_FUNCTION_ARGS) {
    const std::int64_t world_id = PG_GETARG_INT64(0);
    const store::WorldSlot slot = requests::require_world(world_id);
    const Bytes json = sql_boundary([&] { return palloc_bytes(describe_world(slot, world_id)); });
    PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}

} // extern "C"
