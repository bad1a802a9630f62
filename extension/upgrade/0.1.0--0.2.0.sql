-- Tables, columns, sequences, types and what dumps hold of them, as far as they changed; and DROPs of functions and views
-- that CREATE OR REPLACE cannot change, because of their results or the names of their arguments, or that are gone.

DROP FUNCTION game._components_of_world(bigint);
