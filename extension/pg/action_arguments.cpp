#include "extension/pg/action_arguments.hpp"

#include <cstring>
#include <utility>

#include "extension/pg/spi.hpp"

extern "C" {
#include "catalog/pg_proc.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "utils/datum.h"
}

namespace gamelan::pg {

namespace {

constexpr int missing_argument = MAKE_SQLSTATE('W', 'G', '0', '0', '3');
constexpr int unexpected_argument = MAKE_SQLSTATE('W', 'G', '0', '0', '4');
constexpr int argument_type_mismatch = MAKE_SQLSTATE('W', 'G', '0', '0', '5');
constexpr int action_refused = MAKE_SQLSTATE('W', 'G', '0', '1', '2');
constexpr int undefined_action = MAKE_SQLSTATE('W', 'G', '0', '0', '2');

constexpr std::pair<const char*, const char*> exact_output[] = {
    {"DateStyle", "ISO, YMD"},   {"IntervalStyle", "postgres"}, {"TimeZone", "UTC"},
    {"extra_float_digits", "3"}, {"bytea_output", "hex"},       {"search_path", "pg_catalog"},
};

struct Signature {
    const char* name;
    int count;
    Oid* types;
    char** names;
    List* defaults; // of the last parameters
};

Signature signature_of(Oid function) {
    const HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        ereport(ERROR,
                (errcode(undefined_action), errmsg("the function of the action does not exist any more")));
    Signature out{};
    char* modes = nullptr;
    out.name = pstrdup(NameStr(reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->proname));
    out.count = get_func_arg_info(tuple, &out.types, &out.names, &modes);
    if (modes != nullptr || (out.count > 0 && out.names == nullptr))
        ereport(ERROR, (errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
                        errmsg("function \"%s\" cannot be an action", out.name),
                        errhint("Its parameters must all be named, and none be OUT, INOUT or VARIADIC.")));
    bool is_null = false;
    const Datum defaults = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proargdefaults, &is_null);
    if (!is_null)
        out.defaults = castNode(List, stringToNode(TextDatumGetCString(defaults)));
    ReleaseSysCache(tuple);
    return out;
}

int hint_signature(Oid function, const char* name) {
    const Datum parameters = DirectFunctionCall1(pg_get_function_arguments, ObjectIdGetDatum(function));
    return errhint("The action is %s(%s).", name, TextDatumGetCString(parameters));
}

char* json_text(JsonbValue* value) {
    Jsonb* json = JsonbValueToJsonb(value);
    return JsonbToCString(nullptr, &json->root, static_cast<int>(VARSIZE(json)));
}

bool is_array(const JsonbValue& value) {
    return value.type == jbvBinary && JsonContainerIsArray(value.val.binary.data);
}

char* convert_array(Oid element_type, const JsonbValue& value);

// The text that the type's input function is to read; null when a value of that kind is none of that type.
char* input_text(Oid type, JsonbValue* value) {
    const Oid base = getBaseType(type);
    if (base == JSONOID || base == JSONBOID)
        return json_text(value);
    if (const Oid element_type = get_element_type(base); OidIsValid(element_type))
        return is_array(*value) ? convert_array(element_type, *value) : nullptr;
    const bool is_integer = base == INT2OID || base == INT4OID || base == INT8OID || base == NUMERICOID;
    switch (value->type) {
    case jbvBool:
        return base != BOOLOID ? nullptr : pstrdup(value->val.boolean ? "t" : "f");
    case jbvNumeric:
        if (!is_integer && base != FLOAT4OID && base != FLOAT8OID)
            return nullptr;
        return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
    case jbvString:
        // Integers too, because JavaScript's numbers end at 2^53.
        if (base == BOOLOID || base == FLOAT4OID || base == FLOAT8OID)
            return nullptr;
        return pnstrdup(value->val.string.val, value->val.string.len);
    default:
        return nullptr;
    }
}

void append_quoted(StringInfo out, const char* text) {
    appendStringInfoChar(out, '"');
    for (; *text != '\0'; ++text) {
        if (*text == '"' || *text == '\\')
            appendStringInfoChar(out, '\\');
        appendStringInfoChar(out, *text);
    }
    appendStringInfoChar(out, '"');
}

char* convert_array(Oid element_type, const JsonbValue& value) {
    check_stack_depth();
    StringInfoData out;
    initStringInfo(&out);
    appendStringInfoChar(&out, '{');
    JsonbContainer* elements = value.val.binary.data;
    for (std::uint32_t i = 0; i < JsonContainerSize(elements); ++i) {
        if (i > 0)
            appendStringInfoChar(&out, ',');
        JsonbValue* element = getIthJsonbValueFromContainer(elements, i);
        if (element->type == jbvNull) {
            appendStringInfoString(&out, "NULL");
        } else if (is_array(*element) && getBaseType(element_type) != JSONBOID &&
                   getBaseType(element_type) != JSONOID) {
            char* nested = convert_array(element_type, *element);
            if (nested == nullptr)
                return nullptr;
            appendStringInfoString(&out, nested);
        } else {
            char* text = input_text(element_type, element);
            if (text == nullptr)
                return nullptr;
            append_quoted(&out, text);
        }
    }
    appendStringInfoChar(&out, '}');
    return out.data;
}

const char* describe(JsonbValue* value) {
    switch (value->type) {
    case jbvNull:
        return "null";
    case jbvBool:
        return "a boolean";
    case jbvNumeric:
        return "a number";
    case jbvString:
        return "a string";
    default:
        return is_array(*value) ? "an array" : "an object";
    }
}

// A beginning of what was given, so that nobody's megabyte becomes part of a message.
const char* excerpt(JsonbValue* value) {
    constexpr int max_bytes = 64;
    if (value->type != jbvNumeric && value->type != jbvString)
        return "";
    const char* text =
        value->type == jbvString ? pnstrdup(value->val.string.val, value->val.string.len) : json_text(value);
    const auto bytes = static_cast<int>(std::strlen(text));
    return psprintf(": %s", pnstrdup(text, pg_mbcliplen(text, bytes, max_bytes)));
}

[[noreturn]] void raise_mismatch(Oid function, const Signature& signature, int i, const char* detail) {
    ereport(ERROR, (errcode(argument_type_mismatch),
                    errmsg("argument \"%s\" must be of type %s", signature.names[i],
                           format_type_be(signature.types[i])),
                    errdetail("%s", detail), hint_signature(function, signature.name)));
    pg_unreachable();
}

Datum read_value(Oid function, const Signature& signature, int i, char* text) {
    Oid input = InvalidOid;
    Oid parameter = InvalidOid;
    getTypeInputInfo(signature.types[i], &input, &parameter);
    const MemoryContext context = CurrentMemoryContext;
    volatile Datum out = static_cast<Datum>(0);
    // What the type's input function refuses is said the way of other arguments; the transaction fails
    // anyway.
    PG_TRY();
    { out = OidInputFunctionCall(input, text, parameter, -1); }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        ErrorData* error = CopyErrorData();
        const int category = ERRCODE_TO_CATEGORY(error->sqlerrcode);
        if (category != ERRCODE_DATA_EXCEPTION && category != ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION)
            PG_RE_THROW();
        FlushErrorState();
        error->message[0] = static_cast<char>(pg_toupper(static_cast<unsigned char>(error->message[0])));
        raise_mismatch(function, signature, i, psprintf("%s.", error->message));
    }
    PG_END_TRY();
    return out;
}

void evaluate_default(Expr* expression, Oid type, Datum& value, bool& is_null) {
    EState* state = CreateExecutorState();
    ExprState* prepared = ExecPrepareExpr(expression, state);
    std::int16_t width = 0;
    bool by_value = false;
    get_typlenbyval(type, &width, &by_value);
    const Datum found = ExecEvalExprSwitchContext(prepared, GetPerTupleExprContext(state), &is_null);
    if (!is_null)
        value = datumCopy(found, by_value, width);
    FreeExecutorState(state);
}

void refuse_unknown(Oid function, const Signature& signature, Jsonb* named) {
    JsonbIterator* iterator = JsonbIteratorInit(&named->root);
    JsonbValue key;
    JsonbIteratorToken token = JsonbIteratorNext(&iterator, &key, true);
    while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE) {
        if (token != WJB_KEY)
            continue;
        const char* name = pnstrdup(key.val.string.val, key.val.string.len);
        bool is_known = false;
        for (int i = 0; i < signature.count && !is_known; ++i)
            is_known = std::strcmp(signature.names[i], name) == 0;
        if (!is_known)
            ereport(ERROR, (errcode(unexpected_argument),
                            errmsg("the action has no argument \"%s\"",
                                   pnstrdup(name, pg_mbcliplen(name, key.val.string.len, 64))),
                            hint_signature(function, signature.name)));
    }
}

[[noreturn]] void raise_unknown(const char* game, const char* name) {
    (void)spi::run("SELECT pg_catalog.string_agg(name, ', ' ORDER BY name) FROM game.action WHERE game = $1",
                   {spi::text(game)});
    const bool has_any = !spi::is_null(0, 1);
    const std::string_view known = has_any ? spi::text_at(0, 1) : "none yet; game.create_action() makes some";
    ereport(ERROR, (errcode(undefined_action), errmsg("action \"%s\" does not exist", name),
                    errhint("The world's actions are: %s.", pnstrdup(known.data(), known.size()))));
    pg_unreachable();
}

[[noreturn]] void raise_lost_policy(const char* game, const char* name, std::string_view policy) {
    ereport(ERROR, (errcode(action_refused), errmsg("action \"%s\" refuses all calls", name),
                    errdetail("Its policy, the function \"%s\", does not exist any more.",
                              pnstrdup(policy.data(), policy.size())),
                    errhint("Make it again, or SELECT game.alter_action(%s, policy => '');",
                            quote_literal_cstr(psprintf("%s.%s", game, name)))));
    pg_unreachable();
}

} // namespace

Action find_action(const char* game, const char* name) {
    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "could not connect to SPI");
    const std::uint64_t count = spi::run(
        "SELECT p.oid::bigint, a.durable::int, a.policy, EXISTS (SELECT FROM pg_catalog.pg_proc AS j "
        "WHERE j.pronamespace = n.oid AND j.proname = a.policy AND j.prokind = 'f')::int FROM game.action AS "
        "a "
        "JOIN pg_catalog.pg_namespace AS n ON n.nspname = a.game "
        "JOIN pg_catalog.pg_proc AS p ON p.pronamespace = n.oid AND p.proname = a.name AND p.prokind = 'f' "
        "WHERE a.game = $1 AND a.name = $2",
        {spi::text(game), spi::text(name)});
    if (count == 0)
        raise_unknown(game, name);
    if (!spi::is_null(0, 3) && spi::integer_at(0, 4) == 0)
        raise_lost_policy(game, name, spi::text_at(0, 3));
    const Action out{static_cast<Oid>(spi::bigint_at(0, 1)), spi::integer_at(0, 2) != 0};
    SPI_finish();
    return out;
}

ActionArguments match_arguments(Oid function, Jsonb* named, ArgumentForm form) {
    if (!JB_ROOT_IS_OBJECT(named))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("the arguments of an action must be a JSON object")));
    const Signature signature = signature_of(function);
    const auto room = static_cast<std::size_t>(Max(signature.count, 1));
    ActionArguments out{signature.count, signature.types, static_cast<Datum*>(palloc0(room * sizeof(Datum))),
                        static_cast<bool*>(palloc0(room * sizeof(bool)))};
    const int first_default = signature.count - list_length(signature.defaults);
    for (int i = 0; i < signature.count; ++i) {
        const char* name = signature.names[i];
        JsonbValue* value =
            getKeyJsonValueFromContainer(&named->root, name, static_cast<int>(std::strlen(name)), nullptr);
        if (value == nullptr && i < first_default)
            ereport(ERROR, (errcode(missing_argument), errmsg("argument \"%s\" is missing", name),
                            hint_signature(function, signature.name)));
        if (value == nullptr) {
            evaluate_default(static_cast<Expr*>(list_nth(signature.defaults, i - first_default)),
                             signature.types[i], out.values[i], out.nulls[i]);
            continue;
        }
        out.nulls[i] = value->type == jbvNull;
        char* text = nullptr;
        if (!out.nulls[i]) {
            text = form == ArgumentForm::command && value->type == jbvString
                       ? pnstrdup(value->val.string.val, value->val.string.len)
                       : input_text(signature.types[i], value);
            if (text == nullptr)
                raise_mismatch(function, signature, i,
                               psprintf("It is %s%s.", describe(value), excerpt(value)));
        }
        // A null too: a domain may have none of it.
        out.values[i] = read_value(function, signature, i, text);
    }
    refuse_unknown(function, signature, named);
    return out;
}

char* encode_arguments(Oid function, const ActionArguments& arguments) {
    const Signature signature = signature_of(function);
    // One text for one value, whatever the session has set, and one that loses nothing.
    const int settings = NewGUCNestLevel();
    for (const auto& [name, value] : exact_output)
        (void)set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    StringInfoData out;
    initStringInfo(&out);
    appendStringInfoChar(&out, '{');
    for (int i = 0; i < arguments.count; ++i) {
        if (i > 0)
            appendStringInfoString(&out, ", ");
        escape_json(&out, signature.names[i]);
        appendStringInfoString(&out, ": ");
        if (arguments.nulls[i]) {
            appendStringInfoString(&out, "null");
            continue;
        }
        Oid output = InvalidOid;
        bool is_varlena = false;
        getTypeOutputInfo(arguments.types[i], &output, &is_varlena);
        escape_json(&out, OidOutputFunctionCall(output, arguments.values[i]));
    }
    appendStringInfoChar(&out, '}');
    AtEOXact_GUC(true, settings);
    return out.data;
}

} // namespace gamelan::pg
