#include "extension/pg/action_arguments.hpp"

#include <cstring>
#include <utility>

extern "C" {
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "utils/datum.h"
}

namespace gamelan::pg {

namespace {

constexpr int missing_argument = MAKE_SQLSTATE('W', 'G', '0', '0', '3');
constexpr int unexpected_argument = MAKE_SQLSTATE('W', 'G', '0', '0', '4');
constexpr int argument_type_mismatch = MAKE_SQLSTATE('W', 'G', '0', '0', '5');

constexpr std::pair<const char*, const char*> exact_output[] = {
    {"DateStyle", "ISO, YMD"},   {"IntervalStyle", "postgres"}, {"TimeZone", "UTC"},
    {"extra_float_digits", "3"}, {"bytea_output", "hex"},       {"search_path", "pg_catalog"},
};

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
                    errmsg("argument \"%s\" must be of type %s", signature.parameters[i].name,
                           format_type_be(signature.parameters[i].type)),
                    errdetail("%s", detail), hint_signature(function, signature.name)));
    pg_unreachable();
}

Datum read_value(Oid function, const Signature& signature, int i, char* text) {
    Parameter& parameter = signature.parameters[i];
    const MemoryContext context = CurrentMemoryContext;
    volatile Datum out = static_cast<Datum>(0);
    // What the type's input function refuses is said the way of other arguments; the transaction fails
    // anyway.
    PG_TRY();
    { out = InputFunctionCall(&parameter.input, text, parameter.input_type, -1); }
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
            is_known = std::strcmp(signature.parameters[i].name, name) == 0;
        if (!is_known)
            ereport(ERROR, (errcode(unexpected_argument),
                            errmsg("the action has no argument \"%s\"",
                                   pnstrdup(name, pg_mbcliplen(name, key.val.string.len, 64))),
                            hint_signature(function, signature.name)));
    }
}

} // namespace

ActionArguments match_arguments(Oid function, Jsonb* named, ArgumentForm form) {
    if (!JB_ROOT_IS_OBJECT(named))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("the arguments of an action must be a JSON object")));
    const Signature& signature = signature_of(function);
    if (!signature.can_be_action)
        ereport(ERROR, (errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
                        errmsg("function \"%s\" cannot be an action", signature.name),
                        errhint("Its parameters must all be named, and none be OUT, INOUT or VARIADIC.")));
    const auto room = static_cast<std::size_t>(Max(signature.count, 1));
    ActionArguments out{signature.count, static_cast<Datum*>(palloc0(room * sizeof(Datum))),
                        static_cast<bool*>(palloc0(room * sizeof(bool)))};
    for (int i = 0; i < signature.count; ++i) {
        const Parameter& parameter = signature.parameters[i];
        const char* name = parameter.name;
        JsonbValue* value =
            getKeyJsonValueFromContainer(&named->root, name, static_cast<int>(std::strlen(name)), nullptr);
        if (value == nullptr && parameter.fallback == nullptr)
            ereport(ERROR, (errcode(missing_argument), errmsg("argument \"%s\" is missing", name),
                            hint_signature(function, signature.name)));
        if (value == nullptr) {
            evaluate_default(parameter.fallback, parameter.type, out.values[i], out.nulls[i]);
            continue;
        }
        out.nulls[i] = value->type == jbvNull;
        char* text = nullptr;
        if (!out.nulls[i]) {
            text = form == ArgumentForm::command && value->type == jbvString
                       ? pnstrdup(value->val.string.val, value->val.string.len)
                       : input_text(parameter.type, value);
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
    const Signature& signature = signature_of(function);
    // One text for one value, whatever the session has set, and one that loses nothing.
    const int settings = signature.is_output_fixed ? 0 : NewGUCNestLevel();
    if (settings != 0)
        for (const auto& [name, value] : exact_output)
            (void)set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    StringInfoData out;
    initStringInfo(&out);
    appendStringInfoChar(&out, '{');
    for (int i = 0; i < arguments.count; ++i) {
        Parameter& parameter = signature.parameters[i];
        if (i > 0)
            appendStringInfoString(&out, ", ");
        escape_json(&out, parameter.name);
        appendStringInfoString(&out, ": ");
        if (arguments.nulls[i])
            appendStringInfoString(&out, "null");
        else
            escape_json(&out, OutputFunctionCall(&parameter.output, arguments.values[i]));
    }
    appendStringInfoChar(&out, '}');
    if (settings != 0)
        AtEOXact_GUC(true, settings);
    return out.data;
}

} // namespace gamelan::pg
