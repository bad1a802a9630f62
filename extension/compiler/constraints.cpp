// What an assigned value must be: NOT NULL, the constraints of its domain, the table's CHECKs.
#include "extension/compiler/statement_compiler.hpp"

#include <algorithm>

#include "extension/pg/bridge.hpp"

namespace gamelan::compiler {

using kernel::Value;

std::optional<kernel::ColumnId> StatementCompiler::column_of(const TableFacts& table, AttrNumber number) {
    const ColumnFacts& column = table.columns[static_cast<std::size_t>(number - 1)];
    const auto type = kernel_type_of(column.type);
    if (!type)
        return std::nullopt;
    return symbols_.column(symbols_.component(table.name, table.is_of_cells), column.name, *type);
}

// Over the row as it will be.
NodeId StatementCompiler::constraint(const TableFacts& table, Node* asked,
                                     std::optional<NodeId> domain_value) {
    Scope scope;
    scope.domain_value = domain_value;
    Item& row = scope.items.emplace_back();
    row.number = 1;
    for (const auto& known : tables_)
        if (known->oid == table.oid)
            row.table = known;
    row.component = symbols_.component(table.name, table.is_of_cells);
    row.is_placed = true;
    row.source = kernel::own_row;
    return translate(scope, asked);
}

void StatementCompiler::add_domain_checks(const TableFacts& table, AttrNumber number, Oid domain) {
    const ColumnFacts& column = table.columns[static_cast<std::size_t>(number - 1)];
    const NodeId value =
        expressions().column(*column_of(table, number), *kernel_type_of(column.type), kernel::own_row);
    const DomainFacts facts = read_domain(domain);
    for (const DomainConstraint& found : facts.constraints) {
        kernel::Check check;
        check.condition = found.condition == nullptr ? expressions().make(Op::is_not_null, {value})
                                                     : constraint(table, found.condition, value);
        check.name = found.name;
        check.domain = facts.name;
        if (std::find(out_.checks.begin(), out_.checks.end(), check) == out_.checks.end())
            out_.checks.push_back(check);
    }
}

void StatementCompiler::assign(Scope& scope, const TableFacts& table, AttrNumber number, Node* value) {
    const ColumnFacts& column = table.columns[static_cast<std::size_t>(number - 1)];
    const auto place = column_of(table, number);
    if (!place)
        refuse("the column " + table.name + "." + column.name + " is of type " + type_name(column.type) +
               ", which kernels do not know");
    Oid domain = InvalidOid;
    if (IsA(value, CoerceToDomain)) {
        domain = castNode(CoerceToDomain, value)->resulttype;
        value = reinterpret_cast<Node*>(castNode(CoerceToDomain, value)->arg);
    }
    kernel::Assignment assignment;
    assignment.column = *place;
    assignment.value = translate(scope, value);
    assignment.is_not_null = column.is_not_null;
    assignment.column_name = column.name;
    out_.assignments.push_back(assignment);
    if (OidIsValid(domain))
        add_domain_checks(table, number, domain);
}

void StatementCompiler::assign_nothing(const TableFacts& table, AttrNumber number) {
    const ColumnFacts& column = table.columns[static_cast<std::size_t>(number - 1)];
    const auto place = column_of(table, number);
    const bool is_domain = pg::pg_call([&] { return get_typtype(column.type) == TYPTYPE_DOMAIN; });
    if (!column.is_not_null && !is_domain)
        return;
    if (!place)
        refuse("the column " + table.name + "." + column.name + " is of type " + type_name(column.type) +
               ", which kernels do not know");
    kernel::Assignment assignment;
    assignment.column = *place;
    assignment.value = expressions().constant(Value::null(*kernel_type_of(column.type)));
    assignment.is_not_null = column.is_not_null;
    assignment.column_name = column.name;
    out_.assignments.push_back(assignment);
    if (is_domain)
        add_domain_checks(table, number, column.type);
}

void StatementCompiler::add_table_checks(const TableFacts& table) {
    const bool is_new = out_.kind == kernel::StatementKind::insert;
    const auto is_assigned = [&](AttrNumber number) {
        if (number <= 0)
            return number == 0;
        const auto place = column_of(table, number);
        return place &&
               std::any_of(out_.assignments.begin(), out_.assignments.end(),
                           [&](const kernel::Assignment& assignment) { return assignment.column == *place; });
    };
    for (const CheckFacts& check : table.checks) {
        const std::vector<AttrNumber> read = columns_read(check.condition);
        if (is_new || check.is_always_asked || std::any_of(read.begin(), read.end(), is_assigned))
            out_.checks.push_back({constraint(table, check.condition, std::nullopt), check.name, ""});
    }
}

} // namespace gamelan::compiler
