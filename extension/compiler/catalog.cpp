#include "extension/compiler/catalog.hpp"

#include "core/kernel/decimal.hpp"

#include <cmath>
#include <cstring>
#include <limits>

#include "extension/pg/bridge.hpp"
#include "extension/pg/catalog_definition.hpp"
#include "extension/pg/component_types.hpp"

extern "C" {
#include "access/genam.h"
#include "access/sysattr.h"
#include "catalog/pg_inherits.h"
#include "commands/trigger.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteManip.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/ruleutils.h"
#include "utils/typcache.h"
}

namespace gamelan::compiler {

namespace {

using pg::pg_call;

// The same as plain data.
struct FoundColumn {
    const char* name;
    Oid type;
    bool is_dropped;
    bool is_not_null;
};
struct FoundCheck {
    const char* name;
    Node* condition;
    bool is_always_asked;
};
struct FoundTable {
    const char* schema;
    const char* name;
    bool is_of_cells;
    bool has_heirs;
    bool has_triggers[3]; // insert, update, delete
    FoundColumn* columns;
    int column_count;
    FoundCheck* checks;
    int check_count;
};

void find_triggers(const TriggerDesc* triggers, FoundTable& out) {
    if (triggers == nullptr)
        return;
    out.has_triggers[0] = triggers->trig_insert_before_row || triggers->trig_insert_after_row ||
                          triggers->trig_insert_before_statement || triggers->trig_insert_after_statement;
    out.has_triggers[1] = triggers->trig_update_before_row || triggers->trig_update_after_row ||
                          triggers->trig_update_before_statement || triggers->trig_update_after_statement;
    out.has_triggers[2] = triggers->trig_delete_before_row || triggers->trig_delete_after_row ||
                          triggers->trig_delete_before_statement || triggers->trig_delete_after_statement;
}

void find_checks(const TupleConstr* constraints, FoundTable& out) {
    if (constraints == nullptr)
        return;
    out.checks = static_cast<FoundCheck*>(
        palloc((static_cast<Size>(constraints->num_check) + 1) * sizeof(FoundCheck)));
    for (int i = 0; i < constraints->num_check; ++i) {
        const ConstrCheck& check = constraints->check[i];
        Node* condition =
            reinterpret_cast<Node*>(expression_planner(static_cast<Expr*>(stringToNode(check.ccbin))));
        const bool is_always_asked = !check.ccvalid || contain_mutable_functions(condition);
        out.checks[out.check_count++] = {pstrdup(check.ccname), condition, is_always_asked};
    }
}

FoundTable find_table(Oid oid) {
    FoundTable out{};
    const Relation relation = table_open(oid, NoLock);
    out.schema = get_namespace_name(RelationGetNamespace(relation));
    out.name = pstrdup(RelationGetRelationName(relation));
    out.is_of_cells = pg::space_of(oid) == pg::ComponentSpace::cell;
    out.has_heirs = find_inheritance_children(oid, NoLock) != nullptr;
    const TupleDesc row = RelationGetDescr(relation);
    out.columns =
        static_cast<FoundColumn*>(palloc((static_cast<Size>(row->natts) + 1) * sizeof(FoundColumn)));
    for (int i = 0; i < row->natts; ++i) {
        const FormData_pg_attribute* column = TupleDescAttr(row, i);
        out.columns[out.column_count++] = {pstrdup(NameStr(column->attname)), column->atttypid,
                                           column->attisdropped, column->attnotnull};
    }
    find_triggers(relation->trigdesc, out);
    find_checks(row->constr, out);
    table_close(relation, NoLock);
    return out;
}

TableFacts to_facts(Oid oid, const FoundTable& found) {
    TableFacts out;
    out.oid = oid;
    out.schema = found.schema;
    out.name = found.name;
    out.is_of_cells = found.is_of_cells;
    out.has_heirs = found.has_heirs;
    out.has_insert_triggers = found.has_triggers[0];
    out.has_update_triggers = found.has_triggers[1];
    out.has_delete_triggers = found.has_triggers[2];
    for (int i = 0; i < found.column_count; ++i) {
        const FoundColumn& column = found.columns[i];
        out.columns.push_back({column.name, column.type, column.is_dropped, column.is_not_null});
        const bool is_handle = out.columns.back().name == (found.is_of_cells ? "cell" : "entity");
        if (!column.is_dropped && out.columns.back().name == "world")
            out.world = static_cast<AttrNumber>(i + 1);
        else if (!column.is_dropped && is_handle)
            out.handle = static_cast<AttrNumber>(i + 1);
    }
    for (int i = 0; i < found.check_count; ++i)
        out.checks.push_back(
            {found.checks[i].name, found.checks[i].condition, found.checks[i].is_always_asked});
    return out;
}

// A NaN as Postgres reads it from 'NaN', whatever sign it was computed with.
template <class F>
void unify_nan(kernel::Value& value) {
    F number;
    std::memcpy(&number, &value.bits, sizeof number);
    if (!std::isnan(number))
        return;
    number = std::numeric_limits<F>::quiet_NaN();
    std::memcpy(&value.bits, &number, sizeof number);
}

} // namespace

std::optional<TableFacts> read_table(Oid oid) {
    struct Answer {
        bool is_component;
        FoundTable table;
    };
    const Answer found = pg_call([&] {
        Answer out{};
        out.is_component = pg::is_component(oid) && pg::space_of(oid) != pg::ComponentSpace::both &&
                           pg::space_of(oid) != pg::ComponentSpace::none;
        if (out.is_component)
            out.table = find_table(oid);
        return out;
    });
    if (!found.is_component)
        return std::nullopt;
    return to_facts(oid, found.table);
}

namespace {

bool has_demanding_index(const Relation relation) {
    ListCell* cell = nullptr;
    bool is_demanding = false;
    foreach (cell, RelationGetIndexList(relation)) {
        const Relation index = index_open(lfirst_oid(cell), AccessShareLock);
        is_demanding = is_demanding || index->rd_index->indisunique || index->rd_index->indisexclusion ||
                       RelationGetIndexExpressions(index) != nullptr ||
                       RelationGetIndexPredicate(index) != nullptr;
        index_close(index, AccessShareLock);
    }
    return is_demanding;
}

bool has_generated_column(const Relation relation) {
    const TupleDesc row = RelationGetDescr(relation);
    for (int i = 0; i < row->natts; ++i) {
        const FormData_pg_attribute* column = TupleDescAttr(row, i);
        if (!column->attisdropped && (column->attgenerated != '\0' || column->attidentity != '\0'))
            return true;
    }
    return false;
}

const char* refusal_of(Oid oid) {
    const Relation relation = table_open(oid, NoLock);
    const char* out = relation->rd_rel->relkind != RELKIND_RELATION ? "is no plain table"
                      : relation->rd_rel->relrowsecurity            ? "has policies"
                      : has_generated_column(relation)              ? "has generated columns"
                      : has_demanding_index(relation)               ? "has an index that may refuse a row"
                                                                    : "";
    table_close(relation, NoLock);
    return out;
}

} // namespace

std::optional<EventTable> read_event_table(Oid oid) {
    struct Answer {
        bool is_of_events;
        const char* refusal;
        FoundTable table;
    };
    const Answer found = pg_call([&] {
        Answer out{};
        const Oid schema = get_namespace_oid("game", true);
        const Oid root = OidIsValid(schema) ? get_relname_relid("event_row", schema) : InvalidOid;
        out.is_of_events = OidIsValid(root) && oid != root && OidIsValid(get_rel_type_id(oid)) &&
                           typeInheritsFrom(get_rel_type_id(oid), get_rel_type_id(root));
        if (!out.is_of_events)
            return out;
        out.refusal = refusal_of(oid);
        out.table = find_table(oid);
        return out;
    });
    if (!found.is_of_events)
        return std::nullopt;
    EventTable out;
    out.table = to_facts(oid, found.table);
    out.refusal = out.table.has_insert_triggers ? "has triggers" : found.refusal;
    for (std::size_t i = 0; i < out.table.columns.size(); ++i) {
        if (out.table.columns[i].name == "tick")
            out.tick = static_cast<AttrNumber>(i + 1);
        if (out.table.columns[i].name == "created_at")
            out.created_at = static_cast<AttrNumber>(i + 1);
        if (out.table.columns[i].name == "cause")
            out.cause = static_cast<AttrNumber>(i + 1);
    }
    return out;
}

std::string relation_name(Oid relation) {
    return pg_call([&]() -> const char* {
        const char* name = get_rel_name(relation);
        return name == nullptr ? "?"
                               : psprintf("%s.%s", get_namespace_name(get_rel_namespace(relation)), name);
    });
}

std::optional<ColumnType> kernel_type_of(Oid type) {
    const int found = pg_call([&] {
        const auto stored = pg::column_type_of(type);
        return stored ? static_cast<int>(*stored) : 0;
    });
    const auto stored = static_cast<ColumnType>(found);
    return kernel::is_known(stored) ? std::optional(stored) : std::nullopt;
}

std::string type_name(Oid type) {
    return pg_call([&]() -> const char* { return format_type_be(type); });
}

std::string sql_type_name(Oid type) {
    return pg_call(
        [&]() -> const char* { return format_type_extended(type, -1, FORMAT_TYPE_FORCE_QUALIFY); });
}

std::string text_of_call(Node* call) {
    return pg_call([&]() -> const char* {
        const int settings = NewGUCNestLevel();
        (void)set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
                                GUC_ACTION_SAVE, true, 0, false);
        const char* text = deparse_expression(call, nullptr, false, false);
        AtEOXact_GUC(true, settings);
        return text;
    });
}

Node* make_parameter(int number, Oid type) {
    Param* out = makeNode(Param);
    out->paramkind = PARAM_EXTERN;
    out->paramid = number;
    out->paramtype = type;
    out->paramtypmod = -1;
    out->paramcollid = get_typcollation(type);
    out->location = -1;
    return reinterpret_cast<Node*>(out);
}

Oid type_of(const Node* node) {
    return pg_call([&] { return exprType(node); });
}

kernel::Value value_of(const Const* constant) {
    const ColumnType type = *kernel_type_of(constant->consttype);
    if (constant->constisnull)
        return kernel::Value::null(type);
    std::string bytes;
    pg::encode_datum(constant->consttype, type, constant->constvalue, bytes);
    kernel::Value out = kernel::Value::of_bytes(type, bytes.data(), bytes.size());
    if (type == ColumnType::f32)
        unify_nan<float>(out);
    else if (type == ColumnType::f64)
        unify_nan<double>(out);
    return out;
}

std::optional<kernel::Value> decimal_of(const Const* constant) {
    if (constant->constisnull)
        return kernel::Value::null(ColumnType::decimal);
    const char* text = pg_call([&]() -> const char* {
        return DatumGetCString(DirectFunctionCall1(numeric_out, constant->constvalue));
    });
    const auto value = kernel::read_decimal(text);
    return value ? std::optional(kernel::value_of(*value)) : std::nullopt;
}

std::vector<const Const*> elements_of(const Const* array) {
    struct Elements {
        Const** list;
        int count;
    };
    const Elements found = pg_call([&] {
        Elements out{};
        const ArrayType* values = DatumGetArrayTypeP(array->constvalue);
        const Oid type = ARR_ELEMTYPE(values);
        std::int16_t width = 0;
        bool is_by_value = false;
        char align = 0;
        get_typlenbyvalalign(type, &width, &is_by_value, &align);
        Datum* datums = nullptr;
        bool* nulls = nullptr;
        deconstruct_array(const_cast<ArrayType*>(values), type, width, is_by_value, align, &datums, &nulls,
                          &out.count);
        out.list = static_cast<Const**>(palloc((static_cast<Size>(out.count) + 1) * sizeof(Const*)));
        for (int i = 0; i < out.count; ++i)
            out.list[i] = makeConst(type, -1, InvalidOid, width, datums[i], nulls[i], is_by_value);
        return out;
    });
    return {found.list, found.list + found.count};
}

std::optional<std::string> text_of(const Node* node) {
    if (node == nullptr || !IsA(node, Const))
        return std::nullopt;
    const Const* constant = reinterpret_cast<const Const*>(node);
    if (constant->constisnull)
        return std::nullopt;
    if (constant->consttype == UNKNOWNOID)
        return DatumGetCString(constant->constvalue);
    if (constant->consttype != TEXTOID && constant->consttype != VARCHAROID)
        return std::nullopt;
    return pg_call([&]() -> const char* { return TextDatumGetCString(constant->constvalue); });
}

std::string game_function(Oid function) {
    const char* name = pg_call([&]() -> const char* {
        const Oid schema = get_namespace_oid("game", true);
        if (!OidIsValid(schema) || get_func_namespace(function) != schema)
            return nullptr;
        return get_func_name(function);
    });
    return name == nullptr ? "" : name;
}

DomainFacts read_domain(Oid domain) {
    struct Found {
        const char* name;
        DomainConstraintRef* constraints;
    };
    const Found found = pg_call([&] {
        auto* reference = static_cast<DomainConstraintRef*>(palloc0(sizeof(DomainConstraintRef)));
        InitDomainConstraintRef(domain, reference, CurrentMemoryContext, false);
        return Found{format_type_be(domain), reference};
    });
    DomainFacts out{found.name, {}};
    for (int i = 0; i < list_length(found.constraints->constraints); ++i) {
        const auto* constraint =
            static_cast<const DomainConstraintState*>(list_nth(found.constraints->constraints, i));
        const bool is_check = constraint->constrainttype == DOM_CONSTRAINT_CHECK;
        out.constraints.push_back({is_check ? constraint->name : "",
                                   is_check ? reinterpret_cast<Node*>(constraint->check_expr) : nullptr});
    }
    return out;
}

bool has_sub_select(Node* node) {
    return pg_call([&] { return checkExprHasSubLink(node); });
}

double cost_of(Node* condition) {
    if (has_sub_select(condition))
        return std::numeric_limits<double>::infinity();
    return pg_call([&] {
        QualCost cost{};
        cost_qual_eval_node(&cost, condition, nullptr);
        return cost.per_tuple;
    });
}

std::vector<int> rows_read(Node* node, int levels_up) {
    const Bitmapset* found = pg_call([&] { return pull_varnos_of_level(nullptr, node, levels_up); });
    std::vector<int> out;
    for (int member = bms_next_member(found, -1); member >= 0; member = bms_next_member(found, member))
        out.push_back(member);
    return out;
}

std::vector<AttrNumber> columns_read(Node* node) {
    const Bitmapset* found = pg_call([&] {
        Bitmapset* out = nullptr;
        pull_varattnos(node, 1, &out);
        return out;
    });
    std::vector<AttrNumber> out;
    for (int member = bms_next_member(found, -1); member >= 0; member = bms_next_member(found, member))
        out.push_back(static_cast<AttrNumber>(member + FirstLowInvalidHeapAttributeNumber));
    return out;
}

} // namespace gamelan::compiler
