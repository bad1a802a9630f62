-- Templates: what an entity is made of when it is spawned.

CREATE TABLE game.template (
    game text NOT NULL,
    name text NOT NULL,
    components jsonb NOT NULL,
    inherits text,
    PRIMARY KEY (game, name)
);
COMMENT ON TABLE game.template IS 'templates of entities: their components and the values they start with';
COMMENT ON COLUMN game.template.components IS 'an object: component name to an object of values; columns that are not named get their defaults';
COMMENT ON COLUMN game.template.inherits IS 'the template of the same game whose components and values come first';
SELECT pg_catalog.pg_extension_config_dump('game.template', '');
