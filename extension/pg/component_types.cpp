// Labels of enums are kept per session in small hash tables, both ways. A change of pg_enum, seen through the
// invalidation of its caches, marks all of them stale; they are read again when they are next used.
#include "extension/pg/component_types.hpp"

#include <algorithm>

#include "extension/pg/bridge.hpp"

extern "C" {
#include "access/genam.h"
#include "catalog/pg_enum.h"
#include "utils/fmgroids.h"
}

namespace gamelan::pg {

struct EnumLabels {
    struct Label {
        std::uint32_t code;
        Oid oid;
        NameData name;
    };

    Oid type;
    EnumLabels* next;
    bool is_valid;
    std::uint32_t count;
    Label* labels; // by code
    // Of the last answers, which are mostly the next ones too.
    std::uint32_t last_code;
    Oid last_oid;
};

namespace {

EnumLabels* known_enums = nullptr;
bool is_callback_registered = false;
std::uint64_t invalidations = 0;

void forget_labels(Datum, int, std::uint32_t) {
    ++invalidations;
    for (EnumLabels* labels = known_enums; labels != nullptr; labels = labels->next) {
        labels->is_valid = false;
        labels->last_oid = InvalidOid;
    }
}

bool precedes(const EnumLabels::Label& a, const EnumLabels::Label& b) {
    return a.code < b.code;
}

// The labels of an enum in the current memory context, by code.
EnumLabels::Label* read_labels(Oid enum_type, std::uint32_t& count) {
    std::uint32_t room = 16;
    auto* out = static_cast<EnumLabels::Label*>(palloc(room * sizeof(EnumLabels::Label)));
    count = 0;
    const Relation relation = table_open(EnumRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_enum_enumtypid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(enum_type));
    const SysScanDesc scan = systable_beginscan(relation, EnumTypIdLabelIndexId, true, nullptr, 1, &key);
    while (const HeapTuple tuple = systable_getnext(scan)) {
        if (count == room) {
            room *= 2;
            out = static_cast<EnumLabels::Label*>(repalloc(out, room * sizeof(EnumLabels::Label)));
        }
        const auto* row = reinterpret_cast<Form_pg_enum>(GETSTRUCT(tuple));
        out[count++] = {code_of_label(NameStr(row->enumlabel)), row->oid, row->enumlabel};
    }
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    std::sort(out, out + count, precedes);
    return out;
}

// Reading may itself bring invalidations; then it is done again.
void refresh(EnumLabels* labels) {
    const MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
    std::uint64_t seen = 0;
    do {
        seen = invalidations;
        std::uint32_t count = 0;
        EnumLabels::Label* read = read_labels(labels->type, count);
        if (labels->labels != nullptr)
            pfree(labels->labels);
        labels->labels = read;
        labels->count = count;
    } while (seen != invalidations);
    labels->last_oid = InvalidOid;
    labels->is_valid = true;
    MemoryContextSwitchTo(old);
}

EnumLabels* labels_of(Oid enum_type) {
    if (!is_callback_registered) {
        CacheRegisterSyscacheCallback(ENUMOID, forget_labels, static_cast<Datum>(0));
        CacheRegisterSyscacheCallback(ENUMTYPOIDNAME, forget_labels, static_cast<Datum>(0));
        is_callback_registered = true;
    }
    for (EnumLabels* labels = known_enums; labels != nullptr; labels = labels->next)
        if (labels->type == enum_type)
            return labels;
    auto* labels = static_cast<EnumLabels*>(MemoryContextAllocZero(TopMemoryContext, sizeof(EnumLabels)));
    labels->type = enum_type;
    labels->next = known_enums;
    known_enums = labels;
    return labels;
}

const EnumLabels::Label* find_code(const EnumLabels* labels, std::uint32_t code) {
    const EnumLabels::Label* begin = labels->labels;
    const EnumLabels::Label* end = begin + labels->count;
    const auto* found = std::lower_bound(begin, end, EnumLabels::Label{code, InvalidOid, {}}, precedes);
    return found != end && found->code == code ? found : nullptr;
}

std::uint32_t code_of_oid(EnumLabels* labels, Oid label) {
    if (!labels->is_valid)
        refresh(labels);
    if (labels->last_oid == label && OidIsValid(label))
        return labels->last_code;
    for (std::uint32_t i = 0; i < labels->count; ++i)
        if (labels->labels[i].oid == label) {
            labels->last_code = labels->labels[i].code;
            labels->last_oid = label;
            return labels->last_code;
        }
    ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
                    errmsg("invalid internal value for enum: %u", label)));
    pg_unreachable();
}

std::optional<ColumnType> fixed_type_of(Oid base) {
    switch (base) {
    case BOOLOID:
        return ColumnType::boolean;
    case CHAROID:
        return ColumnType::i8;
    case INT2OID:
        return ColumnType::i16;
    case INT4OID:
    case DATEOID:
        return ColumnType::i32;
    case INT8OID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
        return ColumnType::i64;
    case FLOAT4OID:
        return ColumnType::f32;
    case FLOAT8OID:
        return ColumnType::f64;
    case INTERVALOID:
        return ColumnType::span;
    case UUIDOID:
        return ColumnType::bytes16;
    default:
        return std::nullopt;
    }
}

bool is_value_type(Oid base) {
    return base == TEXTOID || base == VARCHAROID || base == BYTEAOID || base == JSONBOID ||
           base == NUMERICOID;
}

// The Oid of an array's elements is inside its bytes: only those that are the same in every database.
bool is_array_of_builtin(Oid base) {
    const Oid element = get_element_type(base);
    return OidIsValid(element) && get_array_type(element) == base &&
           (fixed_type_of(element) || is_value_type(element));
}

std::optional<ColumnType> stored_type_of(Oid base) {
    if (const auto fixed = fixed_type_of(base))
        return fixed;
    if (is_value_type(base) || is_array_of_builtin(base))
        return ColumnType::value;
    if (get_typtype(base) == TYPTYPE_ENUM)
        return ColumnType::code;
    return std::nullopt;
}

template <class T>
void put(EncodedValue& out, T value) {
    std::memcpy(out.inline_bytes, &value, sizeof value);
    out.bytes = sizeof value;
}

} // namespace

Datum ColumnCodec::decode_code(std::uint32_t code) const {
    if (!labels->is_valid)
        refresh(labels);
    if (labels->last_code == code && OidIsValid(labels->last_oid))
        return ObjectIdGetDatum(labels->last_oid);
    const EnumLabels::Label* found = find_code(labels, code);
    if (found == nullptr) {
        ereport(ERROR,
                (errcode(ERRCODE_DATA_CORRUPTED),
                 errmsg("a component holds the code %u, which is no label of the enum %s", code,
                        format_type_be(base)),
                 errhint("The enum has lost or renamed a label. Add it again with ALTER TYPE … ADD VALUE.")));
        pg_unreachable();
    }
    labels->last_code = code;
    labels->last_oid = found->oid;
    return ObjectIdGetDatum(found->oid);
}

Datum ColumnCodec::raise_not_fixed() {
    elog(ERROR, "a column of variable length was read as one of fixed width");
    pg_unreachable();
}

Datum ColumnCodec::decode_value(std::string_view contents) const {
    auto* out = static_cast<varlena*>(palloc(VARHDRSZ + contents.size()));
    SET_VARSIZE(out, VARHDRSZ + contents.size());
    std::memcpy(VARDATA(out), contents.data(), contents.size());
    return PointerGetDatum(out);
}

Datum ColumnCodec::decode(std::string_view bytes) const {
    if (stored == ColumnType::value)
        return decode_value(bytes);
    if (bytes.size() != width_of(stored))
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                        errmsg("a value of type %s has %zu bytes instead of %u", format_type_be(type),
                               bytes.size(), width_of(stored))));
    if (width_of(stored) < 16)
        return decode_fixed(bytes.data());
    void* copy = palloc(16);
    std::memcpy(copy, bytes.data(), 16);
    return PointerGetDatum(copy);
}

void ColumnCodec::encode(Datum value, EncodedValue& out) const {
    out.outside = nullptr;
    switch (stored) {
    case ColumnType::boolean:
        return put(out, static_cast<std::uint8_t>(DatumGetBool(value)));
    case ColumnType::u8:
    case ColumnType::i8:
        return put(out, DatumGetChar(value));
    case ColumnType::i16:
        return put(out, DatumGetInt16(value));
    case ColumnType::i32:
        return put(out, DatumGetInt32(value));
    case ColumnType::i64:
        return put(out, DatumGetInt64(value));
    case ColumnType::f32:
        return put(out, DatumGetFloat4(value));
    case ColumnType::f64:
        return put(out, DatumGetFloat8(value));
    case ColumnType::code:
        return put(out, code_of_oid(labels, DatumGetObjectId(value)));
    case ColumnType::bytes16:
    case ColumnType::span:
        std::memcpy(out.inline_bytes, DatumGetPointer(value), 16);
        out.bytes = 16;
        return;
    case ColumnType::value: {
        const varlena* flat = pg_detoast_datum_packed(reinterpret_cast<varlena*>(DatumGetPointer(value)));
        out.outside = VARDATA_ANY(flat);
        out.bytes = static_cast<std::uint32_t>(VARSIZE_ANY_EXHDR(flat));
        return;
    }
    default:
        elog(ERROR, "column type %d has no SQL type", static_cast<int>(stored));
    }
}

std::optional<ColumnType> column_type_of(Oid type) {
    return stored_type_of(getBaseType(type));
}

ColumnCodec column_codec_of(Oid type) {
    const Oid base = getBaseType(type);
    const std::optional<ColumnType> stored = stored_type_of(base);
    if (!stored)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("a component cannot hold values of type %s", format_type_be(type)),
                        errhint("%s", supported_types_hint)));
    ColumnCodec codec;
    codec.type = type;
    codec.base = base;
    codec.stored = *stored;
    codec.labels = *stored == ColumnType::code ? labels_of(base) : nullptr;
    return codec;
}

bool find_label_collision(Oid enum_type, const char** one, const char** other) {
    std::uint32_t count = 0;
    const EnumLabels::Label* labels = read_labels(enum_type, count);
    for (std::uint32_t i = 1; i < count; ++i)
        if (labels[i - 1].code == labels[i].code) {
            *one = pstrdup(NameStr(labels[i - 1].name));
            *other = pstrdup(NameStr(labels[i].name));
            return true;
        }
    return false;
}

void encode_datum(Oid type, ColumnType stored, Datum value, std::string& out) {
    const EncodedValue encoded = pg_call([&] {
        const ColumnCodec codec = column_codec_of(type);
        if (codec.stored != stored)
            elog(ERROR, "a column of type %s was written as another", format_type_be(type));
        EncodedValue in_place;
        codec.encode(value, in_place);
        return in_place;
    });
    out.assign(encoded.view());
}

Datum decode_value(Oid type, ColumnType stored, std::string_view bytes, MemoryContext context) {
    return pg_call([&] {
        const ColumnCodec codec = column_codec_of(type);
        if (codec.stored != stored)
            elog(ERROR, "a column of type %s was read as another", format_type_be(type));
        const MemoryContext old = MemoryContextSwitchTo(context);
        const Datum value = codec.decode(bytes);
        MemoryContextSwitchTo(old);
        return value;
    });
}

} // namespace gamelan::pg
