#include "gateway/acts.hpp"

#include "gateway/log.hpp"

#include <algorithm>
#include <cstdlib>

namespace gamelan::gateway {
namespace {

constexpr const char* calls_statement =
    "SELECT ordinal, tick, result::text, sqlstate, message, detail, hint"
    " FROM game.calls($1::bigint, $2::text[], $3::text[], $4::jsonb[], $5::bigint[])";

enum CallsColumn {
    ordinal_column,
    tick_column,
    result_column,
    sqlstate_column,
    message_column,
    detail_column,
    hint_column
};

// An array literal with every element quoted.
class ArrayText {
  public:
    void add(std::string_view element) {
        text_ += text_.size() > 1 ? ",\"" : "\"";
        for (const char letter : element) {
            if (letter == '"' || letter == '\\')
                text_ += '\\';
            text_ += letter;
        }
        text_ += '"';
    }
    std::string finish() { return text_ + "}"; }

  private:
    std::string text_ = "{";
};

ErrorText lost_error() {
    return {std::string(gateway_error::database_lost),
            "the database is not reachable, the outcome is unknown", "",
            "Send the act again with the same seq."};
}

std::string field(const PGresult* result, int row, int column) {
    return PQgetisnull(result, row, column) ? std::string() : std::string(PQgetvalue(result, row, column));
}

ActAnswer read_answer(const PGresult* result, int row) {
    ActAnswer answer;
    answer.tick = std::atoll(PQgetvalue(result, row, tick_column));
    answer.result_json =
        PQgetisnull(result, row, result_column) ? "null" : PQgetvalue(result, row, result_column);
    answer.error = {field(result, row, sqlstate_column), field(result, row, message_column),
                    field(result, row, detail_column), field(result, row, hint_column)};
    return answer;
}

std::string error_field(const PGresult* result, int code) {
    const char* text = PQresultErrorField(result, code);
    return text ? text : "";
}

} // namespace

ActDispatcher::Lane::Lane(ActDispatcher& owner, EventLoop loop, const LinkSettings& settings, int number)
    : dispatcher(owner), index(number),
      link(loop, settings, "acts " + std::to_string(number), LinkMode::pipeline, *this) {}

void ActDispatcher::Lane::on_link_up() {
    dispatcher.events_.link_changed();
}

void ActDispatcher::Lane::on_link_down() {
    dispatcher.fail_all(*this);
    dispatcher.events_.link_changed();
}

void ActDispatcher::Lane::on_result(PgResult result) {
    if (in_flight.empty()) {
        link.fail("an answer nobody asked for");
        return;
    }
    Batch& batch = in_flight.front();
    switch (PQresultStatus(result.get())) {
    case PGRES_PIPELINE_SYNC:
        if (!batch.answered)
            link.fail("a batch without an answer");
        else {
            in_flight.pop_front();
            dispatcher.dispatch_soon_.start(0);
        }
        break;
    case PGRES_TUPLES_OK:
        batch.answered = true;
        dispatcher.take_answers(batch, result.get());
        break;
    default:
        batch.answered = true;
        dispatcher.take_failure(batch, result.get());
    }
}

ActDispatcher::ActDispatcher(EventLoop loop, const Config& config, const LinkSettings& settings,
                             Events events)
    : max_waiting_(static_cast<std::size_t>(config.max_waiting_acts)), timeout_ms_(config.act_timeout_ms),
      events_(std::move(events)), dispatch_soon_(loop, [this] { dispatch(); }) {
    for (std::size_t i = 0; i < lanes_.size(); ++i)
        lanes_[i] = std::make_unique<Lane>(*this, loop, settings, static_cast<int>(i));
}

void ActDispatcher::start() {
    for (const auto& lane : lanes_)
        lane->link.start();
}

bool ActDispatcher::up() const {
    return std::all_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return lane->link.up(); });
}

// Acts that arrive in the same turn of the loop go together: dispatch comes after all that can be read now.
void ActDispatcher::add(Act act) {
    waiting_.push_back(std::move(act));
    dispatch_soon_.start(0);
}

// Idle connections first, so that an act need not wait behind another batch's tick.
void ActDispatcher::dispatch() {
    bool sent = true;
    while (sent && !waiting_.empty()) {
        std::array<Lane*, 2> order = {lanes_[0].get(), lanes_[1].get()};
        if (order[0]->in_flight.size() > order[1]->in_flight.size())
            std::swap(order[0], order[1]);
        sent = dispatch_on(*order[0]) || dispatch_on(*order[1]);
    }
}

bool ActDispatcher::dispatch_on(Lane& lane) {
    if (!lane.link.up() || lane.in_flight.size() >= max_batches_per_link)
        return false;
    std::vector<Act> acts = collect(lane.index);
    if (acts.empty())
        return false;
    // The batch is in the books before it is sent: a link that fails while sending answers all it holds.
    lane.in_flight.push_back({acts, false});
    send(lane, acts);
    return true;
}

// The oldest act that may use this link decides the world; later ones for that world join it, in order.
std::vector<Act> ActDispatcher::collect(int link) {
    std::vector<Act> acts;
    std::deque<Act> rest;
    bool closed = false;
    for (Act& act : waiting_) {
        const bool other_link = act.lane->in_flight > 0 && act.lane->link != link;
        const bool fits = acts.empty() || (act.world == acts.front().world && !act.alone);
        if (closed || other_link || !fits || acts.size() >= max_acts_per_batch) {
            // An act by itself ends the batch, or a later one of its player would overtake it.
            closed = closed || act.alone;
            rest.push_back(std::move(act));
            continue;
        }
        act.lane->link = link;
        ++act.lane->in_flight;
        closed = act.alone;
        acts.push_back(std::move(act));
    }
    waiting_ = std::move(rest);
    return acts;
}

void ActDispatcher::send(Lane& lane, const std::vector<Act>& acts) {
    ArrayText actors, actions, args, seqs;
    for (const Act& act : acts) {
        actors.add(act.lane->actor);
        actions.add(act.action);
        args.add(act.args_json);
        seqs.add(std::to_string(act.seq));
    }
    const std::string world = std::to_string(acts.front().world);
    const std::string texts[] = {actors.finish(), actions.finish(), args.finish(), seqs.finish()};
    lane.link.send(calls_statement,
                   {world.c_str(), texts[0].c_str(), texts[1].c_str(), texts[2].c_str(), texts[3].c_str()},
                   ResultFormat::text, timeout_ms_);
}

void ActDispatcher::take_answers(Batch& batch, const PGresult* result) {
    std::vector<bool> told(batch.acts.size(), false);
    for (int row = 0; row < PQntuples(result); ++row) {
        const long long ordinal = std::atoll(PQgetvalue(result, row, ordinal_column));
        if (ordinal < 1 || ordinal > static_cast<long long>(told.size()) ||
            told[static_cast<std::size_t>(ordinal - 1)])
            continue;
        const auto index = static_cast<std::size_t>(ordinal - 1);
        told[index] = true;
        finish(batch.acts[index], read_answer(result, row));
    }
    for (std::size_t i = 0; i < told.size(); ++i)
        if (!told[i])
            finish(batch.acts[i],
                   ActAnswer{0, "", {"XX000", "the database gave no answer to this act", "", ""}});
}

// One act can make the statement fail for all of its batch; the database knows each (actor, seq), so every
// act may be sent again by itself.
void ActDispatcher::take_failure(Batch& batch, const PGresult* result) {
    const ErrorText error = {
        error_field(result, PG_DIAG_SQLSTATE), error_field(result, PG_DIAG_MESSAGE_PRIMARY),
        error_field(result, PG_DIAG_MESSAGE_DETAIL), error_field(result, PG_DIAG_MESSAGE_HINT)};
    log(LogLevel::warn, "a batch of acts failed",
        {{"acts", static_cast<std::int64_t>(batch.acts.size())},
         {"sqlstate", error.code},
         {"reason", error.message}});
    if (batch.acts.size() == 1) {
        finish(batch.acts.front(), ActAnswer{0, "", error});
        return;
    }
    for (auto act = batch.acts.rbegin(); act != batch.acts.rend(); ++act) {
        --act->lane->in_flight;
        act->alone = true;
        waiting_.push_front(*act);
    }
}

void ActDispatcher::finish(const Act& act, const ActAnswer& answer) {
    --act.lane->in_flight;
    events_.answered(act, answer);
}

void ActDispatcher::fail_all(Lane& lane) {
    std::deque<Batch> lost;
    lost.swap(lane.in_flight);
    for (const Batch& batch : lost)
        if (!batch.answered)
            for (const Act& act : batch.acts)
                finish(act, ActAnswer{0, "", lost_error()});
    std::deque<Act> unsent;
    unsent.swap(waiting_);
    for (const Act& act : unsent) {
        ++act.lane->in_flight; // finish() takes it back
        finish(act, ActAnswer{0, "", lost_error()});
    }
}

} // namespace gamelan::gateway
