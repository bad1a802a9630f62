# The statements of an install script that an upgrade runs again: functions, views and triggers as CREATE OR REPLACE,
# and comments. What can only be made once, and privileges, are left out: the hand-written part of the upgrade says
# what changed there. A statement begins at the start of a line and ends with a line that ends with ";", outside of
# $$ quotes; one that this program does not know is an error.
function refuse(statement) {
    printf "%s:%d: the upgrade does not know what to do with: %s\n", FILENAME, FNR, statement > "/dev/stderr"
    failed = 1
    exit 1
}

function classify(line) {
    if (line ~ /^CREATE (FUNCTION|PROCEDURE|VIEW|TRIGGER|AGGREGATE) /) {
        sub(/^CREATE /, "CREATE OR REPLACE ", line)
        is_kept = 1
    } else if (line ~ /^COMMENT ON /) {
        is_kept = 1
    } else if (line ~ /^CREATE (TABLE|FOREIGN TABLE|SEQUENCE|INDEX|UNIQUE INDEX|TYPE|DOMAIN|SERVER|FOREIGN DATA WRAPPER|EVENT TRIGGER) / ||
               line ~ /^(ALTER TABLE|GRANT|REVOKE|DO|SET LOCAL|\\echo)( |$)/ ||
               line ~ /^SELECT pg_catalog\.pg_extension_config_dump\(/) {
        is_kept = 0
    } else {
        refuse(line)
    }
    return line
}

/^--/ && !is_inside { next }
/^$/ && !is_inside { next }
{
    line = $0
    if (!is_inside) {
        line = classify(line)
        is_inside = 1
        is_quoted = 0
    }
    if (gsub(/\$\$/, "$$", line) % 2 == 1)
        is_quoted = !is_quoted
    if (is_kept)
        print line
    if (!is_quoted && (line ~ /;$/ || line ~ /^\\/))
        is_inside = 0
}

END {
    if (!failed && is_inside)
        refuse("a statement without an end")
    exit failed
}
