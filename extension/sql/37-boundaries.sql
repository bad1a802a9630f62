-- The edge of a world: a system made to measure, which is then an ordinary procedure of its game.

CREATE FUNCTION game._boundary_columns(component regclass, columns text[]) RETURNS text[]
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    types text[];
    wrong text;
BEGIN
    PERFORM game._require_component(component);
    SELECT array_agg(format_type(a.atttypid, NULL) ORDER BY u.i), min(u.name) FILTER (WHERE a.attname IS NULL) INTO types, wrong
    FROM unnest(columns) WITH ORDINALITY AS u(name, i)
    LEFT JOIN pg_attribute AS a ON a.attrelid = component AND a.attname = u.name AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attname NOT IN ('world', 'entity', 'cell');
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'component % has no column %', component, quote_ident(wrong) USING ERRCODE = 'undefined_column';
    END IF;
    IF types IS NULL OR cardinality(columns) <> (SELECT count(DISTINCT c) FROM unnest(columns) AS c) THEN
        RAISE EXCEPTION 'a boundary needs columns, each once' USING ERRCODE = 'invalid_parameter_value', HINT = 'For instance {x,y}.';
    END IF;
    SELECT u.name INTO wrong FROM unnest(columns, types) AS u(name, type)
    WHERE u.type NOT IN ('smallint', 'integer', 'bigint', 'real', 'double precision') LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'column % of component % is no coordinate', quote_ident(wrong), component USING ERRCODE = 'datatype_mismatch',
            HINT = 'Coordinates are smallint, integer, bigint, real or double precision.';
    END IF;
    RETURN types;
END
$$;
COMMENT ON FUNCTION game._boundary_columns(regclass, text[]) IS 'the types of columns that hold coordinates; refuses others';

-- The statements of a boundary, for columns p.x (and v.dx, where it bounces) and bounds as literals of their types.
CREATE FUNCTION game._boundary_body(component regclass, columns text[], types text[], low text[], high text[], span text[], mode text,
                                    velocity regclass, velocity_columns text[]) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    outside text;
    moved text;
    turned text;
    rounded text;
    still_outside text;
    handle text := game._handle_column(component);
BEGIN
    SELECT string_agg(format(CASE mode WHEN 'wrap' THEN 'p.%1$I < %2$s OR p.%1$I >= %3$s' ELSE 'p.%1$I < %2$s OR p.%1$I > %3$s' END,
                             u.name, u.low, u.high), ' OR ' ORDER BY u.i),
           string_agg(format(CASE
               WHEN mode = 'clamp' THEN '%1$I = CASE WHEN p.%1$I < %2$s THEN %2$s WHEN p.%1$I > %3$s THEN %3$s ELSE p.%1$I END'
               WHEN mode = 'bounce' THEN
                   '%1$I = CASE WHEN p.%1$I < %2$s THEN LEAST(%3$s, %2$s - (p.%1$I - %2$s)) WHEN p.%1$I > %3$s THEN LEAST(%3$s, GREATEST(%2$s, %3$s - (p.%1$I - %3$s))) ELSE p.%1$I END'
               WHEN u.type IN ('real', 'double precision') THEN '%1$I = p.%1$I - %4$s * floor((p.%1$I - %2$s) / %4$s)'
               ELSE '%1$I = %2$s + ((p.%1$I - %2$s) %% %4$s + %4$s) %% %4$s' END,
               u.name, u.low, u.high, u.span), ', ' ORDER BY u.i),
           string_agg(format(CASE WHEN velocity = component THEN '%4$I = CASE WHEN p.%1$I < %2$s THEN abs(p.%4$I) WHEN p.%1$I > %3$s THEN -abs(p.%4$I) ELSE p.%4$I END'
                             ELSE '%4$I = CASE WHEN p.%1$I < %2$s THEN abs(v.%4$I) WHEN p.%1$I > %3$s THEN -abs(v.%4$I) ELSE v.%4$I END' END,
                             u.name, u.low, u.high, coalesce(u.velocity, u.name)), ', ' ORDER BY u.i),
           -- A float that was hardly below the edge is rounded up to the other one, and what is no number stays none.
           string_agg(format('%1$I = CASE WHEN p.%1$I >= %3$s THEN %2$s ELSE p.%1$I END', u.name, u.low, u.high), ', ' ORDER BY u.i)
               FILTER (WHERE u.type IN ('real', 'double precision')),
           string_agg(format('p.%1$I >= %2$s', u.name, u.high), ' OR ' ORDER BY u.i) FILTER (WHERE u.type IN ('real', 'double precision'))
    INTO outside, moved, turned, rounded, still_outside
    FROM unnest(columns, types, low, high, span, velocity_columns) WITH ORDINALITY AS u(name, type, low, high, span, velocity, i);
    RETURN CASE
        WHEN mode = 'kill' THEN format('SELECT game.despawn(p.entity) FROM %s AS p WHERE %s;', component, outside)
        WHEN mode = 'bounce' AND velocity = component THEN
            format('UPDATE %s AS p SET %s, %s WHERE %s;', component, turned, moved, outside)
        WHEN mode = 'bounce' THEN
            -- The velocity first: it looks at where the position was.
            format('UPDATE %s AS v SET %s FROM %s AS p WHERE p.world = v.world AND p.%I = v.%I AND (%s); ', velocity, turned, component, handle, handle, outside)
            || format('UPDATE %s AS p SET %s WHERE %s;', component, moved, outside)
        WHEN mode = 'wrap' AND rounded IS NOT NULL THEN
            format('UPDATE %s AS p SET %s WHERE %s; ', component, moved, outside)
            || format('UPDATE %s AS p SET %s WHERE %s;', component, rounded, still_outside)
        ELSE format('UPDATE %s AS p SET %s WHERE %s;', component, moved, outside) END;
END
$$;
COMMENT ON FUNCTION game._boundary_body(regclass, text[], text[], text[], text[], text[], text, regclass, text[]) IS
    'what the procedure of a boundary does, as SQL';

CREATE FUNCTION game.create_boundary(
    component regclass, columns text[], low double precision[], high double precision[], mode text DEFAULT 'clamp',
    velocity regclass DEFAULT NULL, velocity_columns text[] DEFAULT NULL, name text DEFAULT 'boundary') RETURNS text
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    types text[] := game._boundary_columns(component, columns);
    its_game text := (SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = component);
    low_bounds text[];
    high_bounds text[];
    spans text[];
    procedure text := format('%I.%I', its_game, name);
BEGIN
    IF mode IS NULL OR mode NOT IN ('clamp', 'wrap', 'bounce', 'kill') THEN
        RAISE EXCEPTION 'there is no boundary that does "%"', mode USING ERRCODE = 'invalid_parameter_value',
            HINT = 'There are: clamp (stops there), wrap (comes in at the other side), bounce (turns round), kill (despawns).';
    END IF;
    IF cardinality(low) <> cardinality(columns) OR cardinality(high) <> cardinality(columns)
       OR EXISTS (SELECT FROM unnest(low, high) AS b(l, h) WHERE (b.l < b.h AND b.l > '-Infinity' AND b.h < 'Infinity') IS NOT TRUE) THEN
        RAISE EXCEPTION 'a boundary needs a finite low and a greater high for each column' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'For instance columns => ''{x,y}'', low => ''{0,0}'', high => ''{100,50}''.';
    END IF;
    IF mode = 'kill' AND game._handle_column(component) <> 'entity' THEN
        RAISE EXCEPTION 'cells cannot be despawned' USING ERRCODE = 'wrong_object_type';
    END IF;
    IF (mode = 'bounce') <> (velocity_columns IS NOT NULL) OR cardinality(velocity_columns) <> cardinality(columns) THEN
        RAISE EXCEPTION '%', CASE WHEN mode = 'bounce' THEN 'what bounces needs a velocity for each column'
                             ELSE 'only what bounces needs a velocity' END
            USING ERRCODE = 'invalid_parameter_value', HINT = 'For instance velocity => ''arena.velocity'', velocity_columns => ''{dx,dy}''.';
    END IF;
    velocity := coalesce(velocity, component);
    IF mode = 'bounce' THEN
        PERFORM game._boundary_columns(velocity, velocity_columns);
        IF game._handle_column(velocity) <> game._handle_column(component) THEN
            RAISE EXCEPTION '% and % are not of the same things', component, velocity USING ERRCODE = 'wrong_object_type',
                HINT = 'Both are of entities, or both of cells.';
        END IF;
    END IF;
    SELECT array_agg(format('%L::%s', l, t) ORDER BY i), array_agg(format('%L::%s', h, t) ORDER BY i), array_agg(format('%L::%s', h - l, t) ORDER BY i)
    INTO low_bounds, high_bounds, spans
    FROM unnest(low, high, types) WITH ORDINALITY AS b(l, h, t, i);
    EXECUTE format('CREATE PROCEDURE %s() LANGUAGE sql BEGIN ATOMIC %s END', procedure,
                   game._boundary_body(component, columns, types, low_bounds, high_bounds, spans, mode, velocity, velocity_columns));
    EXECUTE format('COMMENT ON PROCEDURE %s() IS %L', procedure,
                   format('%s: keeps %s of %s within bounds; made by game.create_boundary', mode, array_to_string(columns, ', '), component));
    PERFORM game.create_system(procedure, phase => 'post_update');
    RETURN procedure;
END
$$;
COMMENT ON FUNCTION game.create_boundary(regclass, text[], double precision[], double precision[], text, regclass, text[], text) IS
    'makes a system that keeps coordinates within bounds: clamp stops at the edge, wrap comes in at the other side, bounce turns the velocity round, kill despawns. It is an ordinary procedure in phase post_update: look at it, replace it, drop it. Returns its name';
