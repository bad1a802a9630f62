-- Everything that the extension has put into the catalogs of this database, a line each, so that two databases can be
-- compared: what it is, and all that decides how it behaves, who may use it, what is said of it and what dumps hold of it.
WITH extension AS (
    SELECT e.oid, e.extconfig, e.extcondition FROM pg_extension AS e WHERE e.extname = 'gamelan'
), member AS (
    SELECT d.classid, d.objid FROM pg_depend AS d, extension AS e
    WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
    UNION ALL SELECT 'pg_namespace'::regclass, 'game'::regnamespace
    UNION ALL SELECT 'pg_class'::regclass, i.indexrelid FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
    WHERE c.relnamespace = 'game'::regnamespace
        AND EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') -- partitions come and go
), about (classid, objid, subid, what, said) AS (
    SELECT m.classid, m.objid, 0, 'is', NULL FROM member AS m
    UNION ALL SELECT m.classid, m.objid, d.objsubid, 'comment', d.description
    FROM member AS m JOIN pg_description AS d ON d.classoid = m.classid AND d.objoid = m.objid
    UNION ALL SELECT m.classid, m.objid, i.objsubid, 'initial privilege', privilege::text
    FROM member AS m JOIN pg_init_privs AS i ON i.classoid = m.classid AND i.objoid = m.objid, unnest(i.initprivs) AS privilege

    UNION ALL SELECT 'pg_proc'::regclass, p.oid, 0, 'definition', CASE p.prokind WHEN 'a' THEN '' ELSE pg_get_functiondef(p.oid) END FROM pg_proc AS p
    UNION ALL SELECT 'pg_proc'::regclass, p.oid, 0, 'owner', p.proowner::regrole::text FROM pg_proc AS p
    UNION ALL SELECT 'pg_proc'::regclass, p.oid, 0, 'privilege', privilege::text
    FROM pg_proc AS p, unnest(coalesce(p.proacl, acldefault('f', p.proowner))) AS privilege

    UNION ALL SELECT 'pg_class'::regclass, c.oid, 0, 'storage',
        concat_ws(' ', c.relkind, c.relpersistence, c.relowner::regrole, c.reloptions, 'foreign ' || f.ftoptions::text) FROM pg_class AS c
    LEFT JOIN pg_foreign_table AS f ON f.ftrelid = c.oid
    UNION ALL SELECT 'pg_class'::regclass, c.oid, 0, 'privilege', privilege::text FROM pg_class AS c,
        unnest(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) AS privilege
    UNION ALL SELECT 'pg_class'::regclass, a.attrelid, 0, 'column', format('%s. %s %s%s, default %s, storage %s, privileges %s',
        row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum), a.attname, format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attnotnull THEN ' NOT NULL' END, pg_get_expr(d.adbin, d.adrelid), a.attstorage, a.attacl)
    FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT 'pg_class'::regclass, c.conrelid, 0, 'constraint', c.conname || ' ' || pg_get_constraintdef(c.oid) FROM pg_constraint AS c
    UNION ALL SELECT 'pg_class'::regclass, i.indexrelid, 0, 'index', pg_get_indexdef(i.indexrelid) FROM pg_index AS i
    UNION ALL SELECT 'pg_class'::regclass, t.tgrelid, 0, 'trigger',
        pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text || ' ' || coalesce(obj_description(t.oid, 'pg_trigger'), '') FROM pg_trigger AS t WHERE NOT t.tgisinternal
    UNION ALL SELECT 'pg_class'::regclass, v.oid, 0, 'view', pg_get_viewdef(v.oid) FROM pg_class AS v WHERE v.relkind = 'v'
    UNION ALL SELECT 'pg_class'::regclass, i.inhrelid, 0, 'inherits', i.inhparent::regclass || ' ' || coalesce(pg_get_expr(c.relpartbound, c.oid), '')
    FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    UNION ALL SELECT 'pg_class'::regclass, p.partrelid, 0, 'partitioned', pg_get_partkeydef(p.partrelid) FROM pg_partitioned_table AS p
    UNION ALL SELECT 'pg_class'::regclass, s.seqrelid, 0, 'sequence', (to_jsonb(s) - 'seqrelid')::text FROM pg_sequence AS s
    UNION ALL SELECT 'pg_class'::regclass, dumped.relation, 0, 'dumped', coalesce(nullif(dumped.condition, ''), 'all rows')
    FROM extension AS e, unnest(e.extconfig, e.extcondition) AS dumped (relation, condition)

    UNION ALL SELECT 'pg_event_trigger'::regclass, t.oid, 0, 'event trigger',
        concat_ws(' ', t.evtevent, t.evtfoid::regproc, t.evtenabled, t.evttags) FROM pg_event_trigger AS t
    UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, w.oid, 0, 'wrapper',
        concat_ws(' ', w.fdwhandler::regproc, w.fdwvalidator::regproc, w.fdwoptions, w.fdwacl) FROM pg_foreign_data_wrapper AS w
    UNION ALL SELECT 'pg_foreign_server'::regclass, s.oid, 0, 'server', concat_ws(' ', s.srvoptions, s.srvacl) FROM pg_foreign_server AS s
    UNION ALL SELECT 'pg_namespace'::regclass, n.oid, 0, 'privilege', privilege::text
    FROM pg_namespace AS n, unnest(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS privilege
)
SELECT line.text
FROM about AS a JOIN (SELECT DISTINCT m.classid, m.objid FROM member AS m) AS m USING (classid, objid), pg_identify_object(a.classid, a.objid, a.subid) AS o,
    format('%s %s: %s', o.type, o.identity, concat_ws(' ', a.what, replace(a.said, E'\n', '\n'))) AS line (text)
ORDER BY line.text COLLATE "C";
