#include "test/oracle/session.hpp"

#include <algorithm>

namespace gamelan::oracle {

namespace {

constexpr std::size_t shown_bytes = 4000;
constexpr std::size_t shown_rows = 12;
constexpr int executions = 2; // of a prepared statement

std::string cut(const std::string& text, std::size_t bytes) {
    return text.size() <= bytes ? text
                                : text.substr(0, bytes) + "… (" + std::to_string(text.size()) + " bytes)";
}

std::string row_of(PGresult* result, int row) {
    std::string out;
    for (int column = 0; column < PQnfields(result); ++column) {
        out += column == 0 ? "" : " | ";
        out += PQgetisnull(result, row, column) != 0 ? "␀" : PQgetvalue(result, row, column);
    }
    return out;
}

std::string only_in(const std::vector<std::string>& here, const std::vector<std::string>& there) {
    std::vector<std::string> left;
    std::set_difference(here.begin(), here.end(), there.begin(), there.end(), std::back_inserter(left));
    std::string out;
    for (std::size_t i = 0; i < left.size() && i < shown_rows; ++i)
        out += "    " + cut(left[i], shown_bytes) + "\n";
    if (left.size() > shown_rows)
        out += "    … " + std::to_string(left.size()) + " rows\n";
    return out;
}

std::string describe(const Answer& answer) {
    if (!answer.sqlstate.empty())
        return answer.sqlstate + " " + answer.message;
    return answer.tag + ", " + std::to_string(answer.rows.size()) + " rows";
}

std::string compare(Answer& hot, Answer& twin, Order order, Errors errors) {
    const bool has_failed = !hot.sqlstate.empty();
    if (has_failed || !twin.sqlstate.empty()) {
        const bool is_same = errors == Errors::both_fail ? has_failed == !twin.sqlstate.empty()
                                                         : hot.sqlstate == twin.sqlstate;
        return is_same ? "" : "errors";
    }
    const bool is_declaration = hot.tag.starts_with("CREATE") || hot.tag.starts_with("DROP");
    if (hot.tag != twin.tag && !is_declaration)
        return "counts";
    if (order == Order::total && hot.rows != twin.rows) {
        std::sort(hot.rows.begin(), hot.rows.end());
        std::sort(twin.rows.begin(), twin.rows.end());
        return hot.rows == twin.rows ? "the order of rows" : "rows";
    }
    if (order == Order::any) {
        std::sort(hot.rows.begin(), hot.rows.end());
        std::sort(twin.rows.begin(), twin.rows.end());
    }
    return hot.rows == twin.rows ? "" : "rows";
}

} // namespace

std::string Statement::text() const {
    std::string out = cut(sql, 4 * shown_bytes) + ";";
    for (std::size_t i = 0; i < parameters.size(); ++i)
        out +=
            "\n  -- $" + std::to_string(i + 1) + " = " + (parameters[i] ? cut(*parameters[i], 200) : "NULL");
    if (!copied.empty())
        out += "\n" + cut(copied, shown_bytes) + "\\.";
    return out;
}

Session::Session(std::string connection, std::string search_path)
    : connection_(std::move(connection)), search_path_(std::move(search_path)) {
    reconnect();
}

void Session::reconnect() {
    server_.reset(PQconnectdb(connection_.c_str()));
    if (PQstatus(server_.get()) != CONNECTION_OK)
        throw std::runtime_error(PQerrorMessage(server_.get()));
    PQsetErrorContextVisibility(server_.get(), PQSHOW_CONTEXT_NEVER);
    PQsetNoticeProcessor(
        server_.get(), [](void*, const char*) {}, nullptr);
    must("SET search_path = " + search_path_);
    must("SET timezone = 'UTC'");
    must("SET statement_timeout = '60s'");
}

void Session::send(const Statement& statement) {
    copied_ = statement.copied;
    int is_sent = 0;
    if (statement.parameters.empty() && !statement.is_prepared) {
        is_sent = PQsendQuery(server_.get(), statement.sql.c_str());
    } else {
        std::vector<const char*> values;
        for (const auto& parameter : statement.parameters)
            values.push_back(parameter ? parameter->c_str() : nullptr);
        const auto count = static_cast<int>(values.size());
        if (statement.is_prepared) {
            const std::string name = "s" + std::to_string(++prepared_);
            PGresult* prepared = PQprepare(server_.get(), name.c_str(), statement.sql.c_str(), 0, nullptr);
            const bool is_prepared = PQresultStatus(prepared) == PGRES_COMMAND_OK;
            PQclear(prepared);
            if (!is_prepared)
                throw Difference("cannot be prepared: " + statement.text() + "\n  " +
                                 PQerrorMessage(server_.get()));
            for (int i = 1; i < executions; ++i)
                PQclear(
                    PQexecPrepared(server_.get(), name.c_str(), count, values.data(), nullptr, nullptr, 0));
            is_sent =
                PQsendQueryPrepared(server_.get(), name.c_str(), count, values.data(), nullptr, nullptr, 0);
        } else {
            is_sent = PQsendQueryParams(server_.get(), statement.sql.c_str(), count, nullptr, values.data(),
                                        nullptr, nullptr, 0);
        }
    }
    if (is_sent == 0)
        throw std::runtime_error(PQerrorMessage(server_.get()));
}

Answer Session::receive() {
    Answer out;
    while (PGresult* result = PQgetResult(server_.get())) {
        const std::unique_ptr<PGresult, decltype(&PQclear)> owned(result, PQclear);
        switch (PQresultStatus(result)) {
        case PGRES_COPY_IN:
            copy_in();
            break;
        case PGRES_COPY_OUT:
            copy_out(out);
            break;
        default:
            read(result, out);
        }
    }
    if (PQstatus(server_.get()) != CONNECTION_OK)
        throw Difference("the server closed the connection: " + out.message);
    return out;
}

void Session::read(PGresult* result, Answer& out) {
    if (PQresultStatus(result) == PGRES_FATAL_ERROR) {
        const char* code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        out.sqlstate = code == nullptr ? "?????" : code;
        out.message = PQresultErrorMessage(result);
        out.rows.clear();
        return;
    }
    out.tag = PQcmdStatus(result);
    for (int row = 0; row < PQntuples(result); ++row)
        out.rows.push_back(row_of(result, row));
}

void Session::copy_in() {
    PQputCopyData(server_.get(), copied_.data(), static_cast<int>(copied_.size()));
    PQputCopyEnd(server_.get(), nullptr);
}

void Session::copy_out(Answer& out) {
    char* line = nullptr;
    for (int bytes; (bytes = PQgetCopyData(server_.get(), &line, 0)) > 0; PQfreemem(line))
        out.rows.emplace_back(line, static_cast<std::size_t>(bytes));
}

Answer Session::ask(const Statement& statement) {
    send(statement);
    return receive();
}

std::vector<std::string> Session::must(const std::string& sql) {
    const Answer answer = ask({sql});
    if (!answer.sqlstate.empty())
        throw Difference("must succeed in " + search_path_ + ": " + Statement{sql}.text() + "\n  " +
                         answer.message);
    return answer.rows;
}

Answer Pair::ask(const Statement& on_hot, const Statement& on_twin, Order order, Errors errors) {
    // Both at once: each has its own server process.
    twin.send(on_twin);
    hot.send(on_hot);
    Answer from_twin = twin.receive();
    Answer from_hot = hot.receive();
    const std::string difference = compare(from_hot, from_twin, order, errors);
    ++answers;
    rows += from_hot.rows.size();
    if (!from_hot.sqlstate.empty())
        ++refusals[from_hot.sqlstate];
    if (difference.empty())
        return from_hot;
    std::string message = difference + " differ:\n  " + on_hot.text();
    if (on_twin.sql != on_hot.sql)
        message += "\n  beside " + on_twin.text();
    message += "\n  component: " + describe(from_hot) + "\n" + only_in(from_hot.rows, from_twin.rows);
    message += "  table:     " + describe(from_twin) + "\n" + only_in(from_twin.rows, from_hot.rows);
    throw Difference(message);
}

Answer Pair::ask(const Statement& statement, Order order, Errors errors) {
    return ask(statement, statement, order, errors);
}

Answer Pair::change(const Statement& on_hot, const Statement& on_twin, Errors errors) {
    note(on_hot.text());
    Answer answer = ask(on_hot, on_twin, Order::any, errors);
    if (!answer.sqlstate.empty())
        history.back() = "-- " + answer.sqlstate + ": " + history.back();
    return answer;
}

Answer Pair::change(const Statement& statement, Errors errors) {
    return change(statement, statement, errors);
}

} // namespace gamelan::oracle
