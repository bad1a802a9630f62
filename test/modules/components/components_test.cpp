// SQL functions over the codecs of component columns and over the reading of definitions, for
// test/tap/t/011_component_types.pl. Not part of the extension: a library of its own, compiled with their
// sources.
#include "extension/pg/catalog_definition.hpp"

#include "extension/pg/bridge.hpp"

namespace {

using namespace gamelan;
using namespace gamelan::pg;

std::string hex(std::string_view bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (const char c : bytes) {
        out += digits[static_cast<unsigned char>(c) >> 4];
        out += digits[c & 15];
    }
    return out;
}

std::string_view name_of(store::IndexKind kind) {
    switch (kind) {
    case store::IndexKind::hash:
        return "hash";
    case store::IndexKind::ordered:
        return "ordered";
    default:
        return "none";
    }
}

std::string describe(const store::Definition& definition) {
    std::string out;
    for (const store::ComponentDefinition& component : definition.components) {
        out += component.name + " " + component.space + "\n";
        for (const store::ColumnDefinition& column : component.columns)
            out += "  " + std::to_string(column.key) + " " + column.name + " " +
                   std::string(gamelan::name_of(column.type)) + " " + std::string(name_of(column.index)) +
                   " " + (column.fill ? hex(*column.fill) : "null") + "\n";
    }
    return out;
}

} // namespace

extern "C" {

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(components_definition);
PG_FUNCTION_INFO_V1(components_hash);
PG_FUNCTION_INFO_V1(components_type);
PG_FUNCTION_INFO_V1(components_encode);
PG_FUNCTION_INFO_V1(components_decode);

PGDLLEXPORT Datum components_definition(PG_FUNCTION_ARGS) {
    const char* game = text_to_cstring(PG_GETARG_TEXT_PP(0));
    const char* out = sql_boundary([&] {
        const store::Definition definition = read_definition(game);
        const bool is_same = codec::decode_definition(codec::encode_definition(definition)) == definition;
        return palloc_text(is_same ? describe(definition) : "the packed form differs");
    });
    PG_RETURN_TEXT_P(cstring_to_text(out));
}

PGDLLEXPORT Datum components_hash(PG_FUNCTION_ARGS) {
    const char* game = text_to_cstring(PG_GETARG_TEXT_PP(0));
    PG_RETURN_INT64(
        sql_boundary([&] { return static_cast<std::int64_t>(definition_hash(read_definition(game))); }));
}

PGDLLEXPORT Datum components_type(PG_FUNCTION_ARGS) {
    const std::optional<ColumnType> type = column_type_of(PG_GETARG_OID(0));
    if (!type)
        PG_RETURN_NULL();
    const std::string_view name = gamelan::name_of(*type);
    PG_RETURN_TEXT_P(cstring_to_text_with_len(name.data(), static_cast<int>(name.size())));
}

PGDLLEXPORT Datum components_encode(PG_FUNCTION_ARGS) {
    const ColumnCodec codec = column_codec_of(get_fn_expr_argtype(fcinfo->flinfo, 0));
    EncodedValue encoded;
    codec.encode(PG_GETARG_DATUM(0), encoded);
    const std::string_view bytes = encoded.view();
    auto* out = static_cast<bytea*>(palloc(bytes.size() + VARHDRSZ));
    SET_VARSIZE(out, bytes.size() + VARHDRSZ);
    std::memcpy(VARDATA(out), bytes.data(), bytes.size());
    PG_RETURN_BYTEA_P(out);
}

// Both ways must agree: the codec of a column, and the functions for single values.
PGDLLEXPORT Datum components_decode(PG_FUNCTION_ARGS) {
    const Oid type = get_fn_expr_argtype(fcinfo->flinfo, 0);
    const bytea* bytes = PG_GETARG_BYTEA_PP(1);
    const std::string_view view(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
    const ColumnCodec codec = column_codec_of(type);
    const Datum value = codec.decode(view);
    const bool is_same = sql_boundary([&] {
        const Datum again = decode_value(type, codec.stored, view, CurrentMemoryContext);
        std::string encoded;
        encode_datum(type, codec.stored, again, encoded);
        return encoded == view;
    });
    if (!is_same)
        elog(ERROR, "the two decoders differ");
    PG_RETURN_DATUM(value);
}

} // extern "C"
