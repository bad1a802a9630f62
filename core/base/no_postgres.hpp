// The core knows no Postgres. Every header of core includes this one, so that a translation unit that pulls
// in both in the wrong order fails to compile. The shim includes core headers first and postgres.h last.
#pragma once

#ifdef POSTGRES_H
#error "core headers must be included before postgres.h, and core sources never include it"
#endif
