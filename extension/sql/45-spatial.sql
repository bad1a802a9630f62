-- What is near: predicates, and functions that find entities by their place. docs/spatial.md tells more.

CREATE FUNCTION game.within(ax double precision, ay double precision, bx double precision, by double precision, radius double precision)
    RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT $5 >= 0 AND ($1 - $3) * ($1 - $3) + ($2 - $4) * ($2 - $4) <= $5 * $5';
COMMENT ON FUNCTION game.within(double precision, double precision, double precision, double precision, double precision) IS
    'whether two points of a plane are at most radius apart';

CREATE FUNCTION game.within(ax double precision, ay double precision, az double precision,
    bx double precision, by double precision, bz double precision, radius double precision)
    RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT $7 >= 0 AND ($1 - $4) * ($1 - $4) + ($2 - $5) * ($2 - $5) + ($3 - $6) * ($3 - $6) <= $7 * $7';
COMMENT ON FUNCTION game.within(double precision, double precision, double precision, double precision, double precision, double precision, double precision) IS
    'whether two points of space are at most radius apart';

CREATE FUNCTION game.near(component regclass, x double precision, y double precision, radius double precision,
    world bigint DEFAULT game.world_id(), z double precision DEFAULT NULL, columns name[] DEFAULT NULL)
    RETURNS SETOF bigint
    LANGUAGE c STABLE PARALLEL RESTRICTED COST 100 ROWS 10 AS 'MODULE_PATHNAME', 'gamelan_near';
COMMENT ON FUNCTION game.near(regclass, double precision, double precision, double precision, bigint, double precision, name[]) IS
    'the entities whose row of the component lies at most radius from a place, by their handles; columns: of the coordinates, x and y, and z when that is given';

CREATE FUNCTION game.in_box(component regclass, x1 double precision, y1 double precision, x2 double precision, y2 double precision,
    world bigint DEFAULT game.world_id(), z1 double precision DEFAULT NULL, z2 double precision DEFAULT NULL, columns name[] DEFAULT NULL)
    RETURNS SETOF bigint
    LANGUAGE c STABLE PARALLEL RESTRICTED COST 100 ROWS 100 AS 'MODULE_PATHNAME', 'gamelan_in_box';
COMMENT ON FUNCTION game.in_box(regclass, double precision, double precision, double precision, double precision, bigint, double precision, double precision, name[]) IS
    'the entities whose row of the component lies in a box, its faces included, by their handles; the corners may be any two opposite ones, and infinite';

CREATE FUNCTION game.nearest(component regclass, x double precision, y double precision, count int,
    world bigint DEFAULT game.world_id(), z double precision DEFAULT NULL, columns name[] DEFAULT NULL,
    OUT entity bigint, OUT distance double precision)
    RETURNS SETOF record
    LANGUAGE c STABLE PARALLEL RESTRICTED COST 300 ROWS 10 AS 'MODULE_PATHNAME', 'gamelan_nearest';
COMMENT ON FUNCTION game.nearest(regclass, double precision, double precision, int, bigint, double precision, name[]) IS
    'the entities whose rows of the component lie nearest to a place, by distance, then by handle';

CREATE FUNCTION game.pairs(component regclass, radius double precision, world bigint DEFAULT game.world_id(),
    columns name[] DEFAULT '{x,y}', max_pairs int DEFAULT 1000000,
    OUT a bigint, OUT b bigint, OUT distance double precision)
    RETURNS SETOF record
    LANGUAGE c STABLE PARALLEL RESTRICTED COST 10000 ROWS 100000 AS 'MODULE_PATHNAME', 'gamelan_pairs';
COMMENT ON FUNCTION game.pairs(regclass, double precision, bigint, name[], int) IS
    'each two entities that are at most radius apart, once, a before b, by a, then by b. 54000: there are more than max_pairs';

CREATE FUNCTION game.cells_near(cell bigint, steps int, world bigint DEFAULT game.world_id()) RETURNS SETOF bigint
    LANGUAGE c STABLE PARALLEL RESTRICTED COST 10 ROWS 20 AS 'MODULE_PATHNAME', 'gamelan_cells_near';
COMMENT ON FUNCTION game.cells_near(bigint, int, bigint) IS
    'the cells at most so many steps from a cell, of the same layer, the nearest first. WG006: no such cell';

CREATE FUNCTION game.near_cell(component regclass, cell_column name, cell bigint, steps int, world bigint DEFAULT game.world_id())
    RETURNS SETOF bigint
    LANGUAGE c STABLE PARALLEL RESTRICTED COST 100 ROWS 20 AS 'MODULE_PATHNAME', 'gamelan_near_cell';
COMMENT ON FUNCTION game.near_cell(regclass, name, bigint, int, bigint) IS
    'the entities whose row of the component names, in that column, a cell at most so many steps from a cell, by their handles';
